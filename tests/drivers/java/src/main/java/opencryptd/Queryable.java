package opencryptd;

import static com.mongodb.client.model.Filters.and;
import static com.mongodb.client.model.Filters.eq;
import static com.mongodb.client.model.Filters.gte;
import static com.mongodb.client.model.Filters.lt;
import static opencryptd.Report.check;
import static opencryptd.Report.equal;
import static opencryptd.Report.fails;

import com.mongodb.MongoException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.CreateCollectionOptions;
import com.mongodb.client.model.CreateEncryptedCollectionParams;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bson.BsonDocument;
import org.bson.Document;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;

/**
 * Queryable Encryption: a string to be found by equality, an integer by ranges, and a string that is only stored. No server
 * within reach can search it, so what counts is what reaches the server.
 */
final class Queryable {
    private static final String COLLECTION = "queryable";
    private static final int AGE = 0x5EC2E7;

    private final Vault vault;
    private final String database;

    Queryable(Vault vault) {
        this.vault = vault;
        database = vault.environment.database();
    }

    void run(Report report) {
        report.run("queryable", this::queryable);
    }

    private void queryable() {
        if (!vault.environment.isStore()) {
            throw new Report.Skipped("FerretDB knows no Queryable Encryption");
        }
        Wiretap tap = new Wiretap();
        try (MongoClient client = vault.client(Map.of())) {
            Document fields = new Document("fields", List.of(
                    field("ssn", "string", new Document("queryType", "equality")),
                    field("age", "int", new Document("queryType", "range").append("min", 0).append("max", 0x7FFFFF)),
                    field("notes", "string", null)));
            BsonDocument created = vault.encryption.createEncryptedCollection(client.getDatabase(database), COLLECTION,
                    new CreateCollectionOptions().encryptedFields(fields), new CreateEncryptedCollectionParams("local"));
            System.err.println(created.toJson());
        }
    }

    private static Document field(String path, String type, Document queries) {
        Document field = new Document("keyId", null).append("path", path).append("bsonType", type);
        return queries == null ? field : field.append("queries", queries);
    }
}
