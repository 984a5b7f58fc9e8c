package opencryptd;

import static com.mongodb.client.model.Filters.and;
import static com.mongodb.client.model.Filters.eq;
import static com.mongodb.client.model.Filters.expr;
import static com.mongodb.client.model.Filters.gt;
import static com.mongodb.client.model.Filters.gte;
import static com.mongodb.client.model.Filters.in;
import static com.mongodb.client.model.Filters.lt;
import static com.mongodb.client.model.Updates.combine;
import static com.mongodb.client.model.Updates.set;
import static opencryptd.Report.check;
import static opencryptd.Report.equal;
import static opencryptd.Report.fails;

import com.mongodb.AutoEncryptionSettings;
import com.mongodb.MongoException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.CreateCollectionOptions;
import com.mongodb.client.model.CreateEncryptedCollectionParams;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bson.BsonDocument;
import org.bson.Document;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;

/**
 * Queryable Encryption: a string that is found by equality, an integer by ranges, and a string that is only stored. No
 * server within reach searches it; the store can compare the tokens of payloads, which is enough to find by both.
 */
final class Queryable {
    private static final String SECRET = "secret";
    private static final int ADA_AGE = 0x5EC2E7;
    private static final int BOB_AGE = 0x6EC2E7;
    private static final byte[] ADA_AGE_BYTES = {(byte) 0xE7, (byte) 0xC2, 0x5E, 0};

    private final Vault vault;
    private final String database;
    private final String collection = "queryable";

    Queryable(Vault vault) {
        this.vault = vault;
        database = vault.environment.database();
    }

    void run(Report report) {
        report.run("queryable", this::queryable);
        report.run("queryable-server-schema", this::serverSchema);
        report.run("queryable-text", this::text);
    }

    private void queryable() {
        needStore();
        AutoEncryptionSettings.Builder settings = vault.settings(Map.of())
                .encryptedFieldsMap(Map.of(database + "." + collection, create(collection, List.of(
                        field("ssn", "string").append("queries", new Document("queryType", "equality")),
                        field("age", "int").append("queries",
                                new Document("queryType", "range").append("min", 0).append("max", 0x7FFFFF)),
                        field("notes", "string")))));
        Wiretap tap = new Wiretap();
        try (MongoClient client = vault.client(settings, tap)) {
            MongoCollection<Document> people = client.getDatabase(database).getCollection(collection);
            Document ada = person("Ada", ADA_AGE);
            people.insertMany(List.of(ada, person("Bob", BOB_AGE)));
            checkStored("Ada");

            equal(Set.of("Ada"), names(people, eq("ssn", ssn("Ada"))));
            equal(Set.of("Ada", "Bob"), names(people, in("ssn", ssn("Ada"), ssn("Bob"))));
            equal(Set.of(), names(people, eq("ssn", ssn("Cid"))));
            equal(Set.of("Ada"), names(people, and(gte("age", ADA_AGE), lt("age", BOB_AGE))));
            equal(Set.of("Bob"), names(people, gt("age", ADA_AGE)));
            equal(ada, people.find(eq("ssn", ssn("Ada"))).first());
            equal(1L, people.countDocuments(eq("ssn", ssn("Bob"))));

            people.updateOne(eq("ssn", ssn("Bob")), combine(set("ssn", ssn("Cid")), set("notes", "secret new")));
            equal(Set.of("Bob"), names(people, eq("ssn", ssn("Cid"))));
            checkStored("Bob");

            Map.of(eq("notes", "secret new"), "notes", gt("ssn", ssn("Ada")), "ssn", eq("age", "secret"), "age")
                    .forEach((filter, path) -> refuses(people, filter, path));
            equal(1L, people.deleteOne(eq("ssn", ssn("Ada"))).getDeletedCount());
            equal(Set.of("Bob"), names(people, new Document()));
        }
        tap.checkHidden(SECRET);
        tap.checkHidden(ADA_AGE_BYTES);
    }

    /** The client asks the server which fields are encrypted. */
    private void serverSchema() {
        needStore();
        try (MongoClient client = vault.client(Map.of())) {
            MongoCollection<Document> people = client.getDatabase(database).getCollection(collection);
            people.insertOne(person("Eve", ADA_AGE));
            equal(Set.of("Eve"), names(people, eq("ssn", ssn("Eve"))));
        }
        checkStored("Eve");
    }

    private void needStore() {
        if (!vault.environment.isStore()) {
            throw new Report.Skipped("FerretDB has no Queryable Encryption");
        }
    }

    /** Queries for the beginning and the end of a string. */
    private void text() {
        needStore();
        AutoEncryptionSettings.Builder settings = vault.settings(Map.of())
                .encryptedFieldsMap(Map.of(database + ".queryable_text", create("queryable_text", List.of(
                        field("title", "string").append("queries",
                                List.of(ofText("prefixPreview"), ofText("suffixPreview")))))));
        Wiretap tap = new Wiretap();
        try (MongoClient client = vault.client(settings, tap)) {
            MongoCollection<Document> books = client.getDatabase(database).getCollection("queryable_text");
            books.insertOne(new Document("_id", "one").append("title", "Secretary"));
            equal(Set.of("one"), names(books, textQuery("$encStrStartsWith", "prefix", "sec")));
            equal(Set.of("one"), names(books, textQuery("$encStrEndsWith", "suffix", "ARY")));
            equal(Set.of(), names(books, textQuery("$encStrStartsWith", "prefix", "ary")));
        }
        tap.checkHidden("Sec");
        tap.checkHidden("sec");
    }

    private static Document ofText(String queryType) {
        return new Document("queryType", queryType)
                .append("strMinQueryLength", 2).append("strMaxQueryLength", 10)
                .append("caseSensitive", false).append("diacriticSensitive", false);
    }

    private static Bson textQuery(String operator, String part, String text) {
        return expr(new Document(operator, new Document("input", "$title").append(part, text)));
    }

    /** Makes the collection, with a data key for each field, and returns the fields. */
    private BsonDocument create(String name, List<Document> fields) {
        try (MongoClient client = vault.client(Map.of())) {
            return vault.encryption.createEncryptedCollection(client.getDatabase(database), name,
                    new CreateCollectionOptions().encryptedFields(new Document("fields", fields)),
                    new CreateEncryptedCollectionParams("local"));
        }
    }

    private static Document field(String path, String type) {
        return new Document("keyId", null).append("path", path).append("bsonType", type);
    }

    private static Document person(String name, int age) {
        return new Document("_id", name).append("ssn", ssn(name)).append("age", age).append("notes", "secret notes");
    }

    private static String ssn(String name) {
        return "secret number of " + name;
    }

    private static Set<String> names(MongoCollection<Document> people, Bson filter) {
        return people.find(filter).map(person -> person.getString("_id")).into(new TreeSet<>());
    }

    private static void refuses(MongoCollection<Document> people, Bson filter, String path) {
        MongoException refusal = fails(MongoException.class, () -> people.find(filter).first());
        check(refusal.getMessage().contains(path), path + " is not named: " + refusal.getMessage());
        check(!refusal.toString().contains(SECRET), "the message holds the value");
        System.err.println("as the driver shows it: " + refusal);
    }

    private void checkStored(String name) {
        RawBsonDocument person = vault.plain.getDatabase(database).getCollection(collection, RawBsonDocument.class)
                .find(eq("_id", name)).first();
        for (String field : List.of("ssn", "age", "notes")) {
            equal((byte) 6, person.getBinary(field).getType());
        }
        check(!Wiretap.holds(person, SECRET.getBytes(StandardCharsets.UTF_8)), "the text is in the store");
        check(!Wiretap.holds(person, ADA_AGE_BYTES), "the number is in the store");
    }
}
