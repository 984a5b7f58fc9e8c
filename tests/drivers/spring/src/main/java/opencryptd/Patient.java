package opencryptd;

import org.springframework.data.annotation.Id;
import org.springframework.data.mongodb.core.mapping.Document;
import org.springframework.data.mongodb.core.mapping.Encrypted;
import org.springframework.data.mongodb.core.mapping.Queryable;
import org.springframework.data.mongodb.core.mapping.RangeEncrypted;

/** For Queryable Encryption. The data keys are made with the collection. */
@Document("patients")
public record Patient(
        @Id String name,
        @Encrypted(algorithm = "Indexed") @Queryable(queryType = "equality", contentionFactor = 0) String ssn,
        @RangeEncrypted(contentionFactor = 0, rangeOptions = "{'min': 0, 'max': 8388607}") Integer age,
        @Encrypted(algorithm = "Unindexed") String notes) {
}
