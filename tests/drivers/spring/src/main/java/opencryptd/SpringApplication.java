package opencryptd;

import static opencryptd.Report.check;
import static opencryptd.Report.equal;
import static opencryptd.Report.fails;
import static org.springframework.data.mongodb.core.query.Criteria.where;
import static org.springframework.data.mongodb.core.query.Query.query;

import com.mongodb.bulk.BulkWriteResult;
import com.mongodb.client.MongoClient;
import com.mongodb.client.model.CreateCollectionOptions;
import com.mongodb.client.model.CreateEncryptedCollectionParams;
import com.mongodb.client.model.Filters;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.bson.BsonDocument;
import org.bson.Document;
import org.bson.RawBsonDocument;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.data.mongodb.SpringDataMongoDB;
import org.springframework.data.mongodb.core.BulkOperations;
import org.springframework.data.mongodb.core.CollectionOptions;
import org.springframework.data.mongodb.core.FindAndModifyOptions;
import org.springframework.data.mongodb.core.MongoTemplate;
import org.springframework.data.mongodb.core.aggregation.Aggregation;
import org.springframework.data.mongodb.core.query.Query;
import org.springframework.data.mongodb.core.query.Update;

/** Spring Data's repositories and MongoTemplate over a client with automatic encryption. */
public final class SpringApplication {
    private static final String SECRET = "secret";
    private static final String ADA = "secret 123-45-6789";
    private static final String BOB = "secret 987-65-4321";
    private static final String CID = "secret 555-55-5555";

    private final Vault vault;
    private final SpringConfiguration configuration;
    private final MongoTemplate template;
    private final People people;

    public static void main(String[] arguments) throws Exception {
        Environment environment = Environment.read();
        String libmongocrypt = Libmongocrypt.load();
        Report.say("driver Spring Data MongoDB " + SpringDataMongoDB.version() + ", libmongocrypt " + libmongocrypt);
        Report report = new Report();
        try (Vault vault = new Vault(environment);
             AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext()) {
            Wiretap wiretap = new Wiretap();
            context.registerBean(Vault.class, () -> vault);
            context.registerBean(Wiretap.class, () -> wiretap);
            context.register(SpringConfiguration.class);
            context.refresh();
            new SpringApplication(vault, context).run(report);
            report.run("wiretap", () -> wiretap.checkHidden(SECRET));
        }
        report.run("nothing-left", () -> Lifecycle.checkNothingLeft(environment));
        System.exit(report.failed() ? 1 : 0);
    }

    private SpringApplication(Vault vault, AnnotationConfigApplicationContext context) {
        this.vault = vault;
        configuration = context.getBean(SpringConfiguration.class);
        template = context.getBean(MongoTemplate.class);
        people = context.getBean(People.class);
    }

    private void run(Report report) {
        scenario(report, "keys", this::keys);
        scenario(report, "insert-find", this::insertFind);
        scenario(report, "deterministic", this::deterministic);
        scenario(report, "refused", this::refused);
        scenario(report, "no-schema", this::noSchema);
        scenario(report, "server-schema", this::serverSchema);
        scenario(report, "update", this::update);
        scenario(report, "replace", this::replace);
        scenario(report, "delete", this::delete);
        scenario(report, "find-and-modify", this::findAndModify);
        scenario(report, "bulk-write", this::bulkWrite);
        scenario(report, "count", this::count);
        scenario(report, "distinct", this::distinct);
        scenario(report, "aggregate", this::aggregate);
        scenario(report, "lookup", this::lookup);
        scenario(report, "queryable", this::queryable);
        report.run("client-bulk", () -> {
            throw new Report.Skipped("Spring Data has none");
        });
    }

    /** Each begins with Ada and Bob. */
    private void scenario(Report report, String name, Report.Scenario scenario) {
        report.run(name, () -> {
            vault.plain.getDatabase(vault.environment.database()).getCollection("people").deleteMany(new Document());
            people.insert(List.of(person("Ada", ADA), person("Bob", BOB)));
            scenario.run();
        });
    }

    /** The schema that is made of the annotations has the data key. */
    private void keys() {
        BsonDocument schema = configuration.schemaOf(Person.class).schemaDocument().toBsonDocument();
        equal(vault.encryption.getKeyByAltName(Vault.KEY_NAME).getBinary("_id"),
                schema.getDocument("encryptMetadata").getArray("keyId").get(0));
    }

    private void insertFind() {
        equal(person("Ada", ADA), people.findById("Ada").orElseThrow());
        template.insert(person("Cid", CID));
        equal(3, template.findAll(Person.class).size());
        for (String name : List.of("Ada", "Bob", "Cid")) {
            checkStored("people", name, "ssn", "notes");
        }
    }

    private void deterministic() {
        equal(List.of(person("Ada", ADA)), people.findBySsn(ADA));
        equal(Set.of("Ada", "Bob"), names(people.findBySsnIn(List.of(ADA, BOB))));
        equal(List.of(person("Bob", BOB)),
                template.find(query(where("ssn").is(BOB).and("address.city").is("Ulm")), Person.class));
        MongoTemplate plain = new MongoTemplate(vault.plain, vault.environment.database());
        check(!plain.exists(query(where("ssn").is(ADA)), "people"), "plaintext is found without encryption");
        checkStored("people", "Ada", "ssn", "notes");
    }

    private void refused() {
        refuses("notes", () -> people.findByNotes(notes("Ada")));
        refuses("ssn", () -> people.findBySsnGreaterThan(ADA));
        refuses("address.street", () -> template.find(query(where("address.street").is(street("Ada"))), Person.class));
        equal(List.of(person("Ada", ADA)), people.findBySsn(ADA));
    }

    private void noSchema() {
        try (MongoClient client = vault.client(Map.of())) {
            new MongoTemplate(client, vault.environment.database()).insert(person("Ada", ADA), "no_schema");
        }
        MongoTemplate plain = new MongoTemplate(vault.plain, vault.environment.database());
        equal(person("Ada", ADA), plain.findOne(query(where("ssn").is(ADA)), Person.class, "no_schema"));
    }

    private void serverSchema() {
        needStore("FerretDB refuses validators");
        new MongoTemplate(vault.plain, vault.environment.database()).createCollection("server_schema",
                CollectionOptions.empty().schema(configuration.schemaOf(Person.class)));
        try (MongoClient client = vault.client(Map.of())) {
            MongoTemplate encrypting = new MongoTemplate(client, vault.environment.database());
            encrypting.insert(person("Ada", ADA), "server_schema");
            equal(person("Ada", ADA), encrypting.findOne(query(where("ssn").is(ADA)), Person.class, "server_schema"));
        }
        checkStored("server_schema", "Ada", "ssn", "notes");
    }

    private void update() {
        template.updateFirst(query(where("ssn").is(ADA)),
                Update.update("ssn", CID).set("notes", "secret new"), Person.class);
        equal(new Person("Ada", CID, "secret new", person("Ada", ADA).address()), people.findBySsn(CID).get(0));
        checkStored("people", "Ada", "ssn", "notes");
        equal(2L, template.updateMulti(query(where("ssn").in(CID, BOB)),
                Update.update("address.street", "secret lane"), Person.class).getModifiedCount());
        equal("secret lane", people.findById("Bob").orElseThrow().address().street());
    }

    private void replace() {
        people.save(new Person("Ada", CID, "secret new", null));
        equal(new Person("Ada", CID, "secret new", null), people.findBySsn(CID).get(0));
        checkStored("people", "Ada", "ssn", "notes");
    }

    private void delete() {
        equal(1L, people.deleteBySsn(ADA));
        equal(1L, template.remove(query(where("ssn").in(ADA, BOB)), Person.class).getDeletedCount());
        equal(List.of(), people.findAll());
    }

    private void findAndModify() {
        needStore("FerretDB refuses Spring Data's empty projection of findAndModify");
        Person after = template.findAndModify(query(where("ssn").is(ADA)), Update.update("notes", "secret new"),
                FindAndModifyOptions.options().returnNew(true), Person.class);
        equal("secret new", after.notes());
        checkStored("people", "Ada", "ssn", "notes");
        equal(person("Bob", BOB), template.findAndRemove(query(where("ssn").is(BOB)), Person.class));
        equal(Set.of("Ada"), names(people.findAll()));
    }

    private void bulkWrite() {
        BulkWriteResult result = template.bulkOps(BulkOperations.BulkMode.ORDERED, Person.class)
                .insert(person("Cid", CID))
                .updateOne(query(where("ssn").is(CID)), Update.update("notes", "secret new"))
                .remove(query(where("ssn").is(BOB)))
                .execute();
        equal(1, result.getInsertedCount());
        equal(1, result.getModifiedCount());
        equal(1, result.getDeletedCount());
        equal("secret new", people.findBySsn(CID).get(0).notes());
        checkStored("people", "Cid", "ssn", "notes");
    }

    private void count() {
        needStore("FerretDB does not know {$const: 1}, which is in every encrypted count of Spring Data");
        equal(1L, people.countBySsn(ADA));
        equal(2L, template.count(query(where("ssn").in(ADA, BOB)), Person.class));
        equal(0L, template.count(query(where("ssn").is(CID)), Person.class));
    }

    private void distinct() {
        equal(Set.of(ADA, BOB), new TreeSet<>(template.findDistinct(new Query(), "ssn", Person.class, String.class)));
        refuses("notes", () -> template.findDistinct(new Query(), "notes", Person.class, String.class));
    }

    private void aggregate() {
        List<Person> matched = template.aggregate(Aggregation.newAggregation(Aggregation.match(where("ssn").is(BOB))),
                Person.class, Person.class).getMappedResults();
        equal(List.of(person("Bob", BOB)), matched);
        List<Document> groups = template.aggregate(Aggregation.newAggregation(Aggregation.group("ssn")),
                Person.class, Document.class).getMappedResults();
        equal(Set.of(ADA, BOB), groups.stream().map(group -> group.getString("_id")).collect(Collectors.toSet()));
    }

    private void lookup() {
        needStore("FerretDB has no $lookup");
        List<Document> found = template.aggregate(Aggregation.newAggregation(
                        Aggregation.match(where("ssn").is(ADA)),
                        Aggregation.lookup("people", "ssn", "ssn", "same")),
                Person.class, Document.class).getMappedResults();
        equal(1, found.size());
        equal(ADA, found.get(0).getList("same", Document.class).get(0).get("ssn"));
    }

    private void queryable() {
        needStore("FerretDB has no Queryable Encryption");
        String database = vault.environment.database();
        Document fields = CollectionOptions.encryptedCollection(configuration.schemaOf(Patient.class))
                .getEncryptedFieldsOptions().orElseThrow().toDocument();
        BsonDocument created;
        try (MongoClient client = vault.client(Map.of())) {
            created = vault.encryption.createEncryptedCollection(client.getDatabase(database), "patients",
                    new CreateCollectionOptions().encryptedFields(fields),
                    new CreateEncryptedCollectionParams("local"));
        }
        Wiretap tap = new Wiretap();
        try (MongoClient client = vault.client(
                vault.settings(Map.of()).encryptedFieldsMap(Map.of(database + ".patients", created)), tap)) {
            MongoTemplate encrypting = new MongoTemplate(client, database);
            Patient ada = new Patient("Ada", ADA, 6000000, "secret notes");
            encrypting.insert(ada);
            encrypting.insert(new Patient("Bob", BOB, 7000000, "secret notes"));
            equal(List.of(ada), encrypting.find(query(where("ssn").is(ADA)), Patient.class));
            equal(List.of(ada), encrypting.find(query(where("age").gte(5000000).lt(7000000)), Patient.class));
            refuses("notes", () -> encrypting.find(query(where("notes").is("secret notes")), Patient.class));
        }
        checkStored("patients", "Ada", "ssn", "age", "notes");
        tap.checkHidden(SECRET);
    }

    private void needStore(String reason) {
        if (!vault.environment.isStore()) {
            throw new Report.Skipped(reason);
        }
    }

    private static void refuses(String path, Supplier<?> query) {
        RuntimeException refusal = fails(RuntimeException.class, query);
        check(refusal.getMessage().contains(path), path + " is not named: " + refusal.getMessage());
        check(!refusal.toString().contains(SECRET), "the message holds the value");
        System.err.println("as Spring shows it: " + refusal);
    }

    private static Person person(String name, String ssn) {
        return new Person(name, ssn, notes(name), new Person.Address("Ulm", street(name)));
    }

    private static String notes(String name) {
        return "secret notes of " + name;
    }

    private static String street(String name) {
        return "secret street of " + name;
    }

    private static Set<String> names(List<Person> found) {
        return found.stream().map(Person::name).collect(Collectors.toSet());
    }

    private void checkStored(String collection, String name, String... fields) {
        RawBsonDocument stored = vault.plain.getDatabase(vault.environment.database())
                .getCollection(collection, RawBsonDocument.class).find(Filters.eq(name)).first();
        for (String field : fields) {
            equal((byte) 6, stored.getBinary(field).getType());
        }
        check(!Wiretap.holds(stored, SECRET.getBytes(StandardCharsets.UTF_8)), "plaintext is in " + collection);
    }
}
