package opencryptd;

import java.util.Collection;
import java.util.List;
import org.springframework.data.mongodb.repository.MongoRepository;

/** Queries that Spring Data derives from names. */
public interface People extends MongoRepository<Person, String> {
    List<Person> findBySsn(String ssn);

    List<Person> findBySsnIn(Collection<String> ssns);

    List<Person> findByNotes(String notes);

    List<Person> findBySsnGreaterThan(String ssn);

    long countBySsn(String ssn);

    long deleteBySsn(String ssn);
}
