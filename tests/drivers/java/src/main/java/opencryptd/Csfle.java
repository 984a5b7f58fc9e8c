package opencryptd;

import static com.mongodb.client.model.Filters.and;
import static com.mongodb.client.model.Filters.eq;
import static com.mongodb.client.model.Filters.gt;
import static com.mongodb.client.model.Filters.in;
import static com.mongodb.client.model.Filters.ne;
import static com.mongodb.client.model.Updates.combine;
import static com.mongodb.client.model.Updates.inc;
import static com.mongodb.client.model.Updates.set;
import static com.mongodb.client.model.Updates.unset;
import static opencryptd.Report.check;
import static opencryptd.Report.equal;
import static opencryptd.Report.fails;

import com.mongodb.MongoCommandException;
import com.mongodb.MongoException;
import com.mongodb.MongoNamespace;
import com.mongodb.bulk.BulkWriteResult;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.MongoDatabase;
import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.CreateCollectionOptions;
import com.mongodb.client.model.DeleteOneModel;
import com.mongodb.client.model.FindOneAndReplaceOptions;
import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.InsertOneModel;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.ReplaceOneModel;
import com.mongodb.client.model.ReturnDocument;
import com.mongodb.client.model.UpdateManyModel;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.client.model.ValidationOptions;
import com.mongodb.client.model.bulk.ClientBulkWriteResult;
import com.mongodb.client.model.bulk.ClientNamespacedWriteModel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bson.BsonBinary;
import org.bson.BsonDocument;
import org.bson.Document;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;
import org.bson.types.Binary;

/**
 * Client-side field level encryption. A person has a name, a deterministically encrypted `ssn`, and encrypted at random
 * `notes` and `address.street`. What is encrypted begins with "secret", so that a look at bytes can find it.
 */
final class Csfle implements AutoCloseable {
    private static final String SECRET = "secret";
    private static final String ADA = "secret 123-45-6789";
    private static final String BOB = "secret 987-65-4321";
    private static final String CID = "secret 555-55-5555";

    private static final List<String> COLLECTIONS = List.of("insert_find", "deterministic", "refused", "update",
            "replace", "delete", "find_and_modify", "bulk_write", "count", "distinct", "aggregate", "lookup",
            "lookup_visits", "client_bulk");

    private final Vault vault;
    private final String database;
    private final Wiretap wiretap = new Wiretap();
    private final MongoClient encrypting;

    Csfle(Vault vault) {
        this.vault = vault;
        database = vault.environment.database();
        Map<String, BsonDocument> schemas = new HashMap<>();
        for (String collection : COLLECTIONS) {
            schemas.put(database + "." + collection, schema());
        }
        encrypting = vault.client(schemas, wiretap);
    }

    void run(Report report) {
        report.run("keys", this::keys);
        report.run("insert-find", this::insertFind);
        report.run("deterministic", this::deterministic);
        report.run("refused", this::refused);
        report.run("no-schema", this::noSchema);
        report.run("server-schema", this::serverSchema);
        report.run("update", this::update);
        report.run("replace", this::replace);
        report.run("delete", this::delete);
        report.run("find-and-modify", this::findAndModify);
        report.run("bulk-write", this::bulkWrite);
        report.run("count", this::count);
        report.run("distinct", this::distinct);
        report.run("aggregate", this::aggregate);
        report.run("lookup", this::lookup);
        report.run("client-bulk", this::clientBulk);
        report.run("wiretap", () -> wiretap.checkHidden(SECRET));
    }

    private void keys() {
        BsonDocument found = vault.encryption.getKeyByAltName(Vault.KEY_NAME);
        equal(vault.key, found.getBinary("_id"));
        check(vault.encryption.getKeyByAltName("nobody's") == null, "a key without a name was found");
    }

    private void insertFind() {
        people("insert_find").insertOne(person("Ada", ADA));
        people("insert_find").insertMany(List.of(person("Bob", BOB), person("Cid", CID)));
        equal(person("Ada", ADA), named("insert_find", "Ada"));
        equal(3, people("insert_find").find().into(new ArrayList<>()).size());
        for (String name : List.of("Ada", "Bob", "Cid")) {
            checkStored("insert_find", name);
        }
    }

    private void deterministic() {
        people("deterministic").insertMany(List.of(person("Ada", ADA), person("Bob", BOB), person("Cid", CID)));
        equal(Set.of("Ada"), names("deterministic", eq("ssn", ADA)));
        equal(Set.of("Ada", "Bob"), names("deterministic", in("ssn", ADA, BOB)));
        equal(Set.of("Bob", "Cid"), names("deterministic", ne("ssn", ADA)));
        equal(Set.of("Bob"), names("deterministic", and(eq("name", "Bob"), eq("ssn", BOB))));
        equal(0L, stored("deterministic").countDocuments(eq("ssn", ADA)));
        equal(2L, stored("deterministic").countDocuments(in("ssn",
                storedField("deterministic", "Ada", "ssn"), storedField("deterministic", "Bob", "ssn"))));
        checkStored("deterministic", "Ada");
    }

    private void refused() {
        people("refused").insertOne(person("Ada", ADA));
        Map<Bson, String> refusals = Map.of(
                eq("notes", notes("Ada")), "notes",
                eq("address.street", street("Ada")), "address.street",
                gt("ssn", ADA), "ssn");
        refusals.forEach((filter, path) -> {
            MongoException refusal = fails(MongoException.class, () -> people("refused").find(filter).first());
            check(refusal.getMessage().contains(path), path + " is not named: " + refusal.getMessage());
            check(!refusal.toString().contains(SECRET), "the message holds the value");
            System.err.println("as the driver shows it: " + refusal);
        });
        equal(person("Ada", ADA), named("refused", "Ada"));
        equal(Set.of("Ada"), names("refused", eq("ssn", ADA)));
    }

    /** Without a schema nothing is encrypted, and nobody says so. */
    private void noSchema() {
        try (MongoClient client = vault.client(Map.of())) {
            MongoCollection<Document> people = client.getDatabase(database).getCollection("no_schema");
            people.insertOne(person("Ada", ADA));
            equal(person("Ada", ADA), withoutId(stored("no_schema").find(eq("ssn", ADA)).first()));
        }
    }

    private void serverSchema() {
        CreateCollectionOptions options = new CreateCollectionOptions()
                .validationOptions(new ValidationOptions().validator(new Document("$jsonSchema", schema())));
        try {
            vault.plain.getDatabase(database).createCollection("server_schema", options);
        } catch (MongoCommandException refusal) {
            if (vault.environment.isStore()) {
                throw refusal;
            }
            throw new Report.Skipped("FerretDB refuses validators");
        }
        Wiretap tap = new Wiretap();
        try (MongoClient client = vault.client(Map.of(), tap)) {
            MongoCollection<Document> people = client.getDatabase(database).getCollection("server_schema");
            people.insertOne(person("Ada", ADA));
            equal(person("Ada", ADA), withoutId(people.find(eq("ssn", ADA)).first()));
            fails(MongoException.class, () -> people.find(eq("notes", notes("Ada"))).first());
        }
        checkStored("server_schema", "Ada");
        tap.checkHidden(SECRET);
    }

    private void update() {
        MongoCollection<Document> people = people("update");
        people.insertMany(List.of(person("Ada", ADA), person("Bob", BOB)));
        equal(1L, people.updateOne(eq("ssn", ADA), combine(set("ssn", CID), set("notes", "secret new")))
                .getModifiedCount());
        equal(person("Ada", CID).append("notes", "secret new"), named("update", "Ada"));
        checkStored("update", "Ada");

        equal(2L, people.updateMany(in("ssn", CID, BOB), set("address.street", "secret lane")).getModifiedCount());
        equal("secret lane", named("update", "Bob").get("address", Document.class).get("street"));
        checkStored("update", "Bob");

        people.updateOne(eq("ssn", ADA),
                combine(set("name", "Eve"), set("notes", "secret e"), set("address.street", "secret f")),
                new UpdateOptions().upsert(true));
        equal(Set.of("Eve"), names("update", eq("ssn", ADA)));
        checkStored("update", "Eve");

        people.updateOne(eq("name", "Bob"), unset("notes"));
        check(!named("update", "Bob").containsKey("notes"), "notes is still there");
        fails(MongoException.class, () -> people.updateOne(eq("name", "Ada"), inc("ssn", 1)));
    }

    private void replace() {
        people("replace").insertMany(List.of(person("Ada", ADA), person("Bob", BOB)));
        equal(1L, people("replace").replaceOne(eq("ssn", ADA), person("Eve", CID)).getModifiedCount());
        equal(person("Eve", CID), named("replace", "Eve"));
        checkStored("replace", "Eve");
    }

    private void delete() {
        MongoCollection<Document> people = people("delete");
        people.insertMany(List.of(person("Ada", ADA), person("Bob", BOB), person("Cid", CID), person("Eve", "secret")));
        checkStored("delete", "Ada");
        equal(1L, people.deleteOne(eq("ssn", ADA)).getDeletedCount());
        equal(2L, people.deleteMany(in("ssn", ADA, BOB, CID)).getDeletedCount());
        equal(Set.of("Eve"), names("delete", new Document()));
    }

    private void findAndModify() {
        MongoCollection<Document> people = people("find_and_modify");
        people.insertMany(List.of(person("Ada", ADA), person("Bob", BOB)));
        Document before = people.findOneAndUpdate(eq("ssn", ADA), set("notes", "secret new"));
        equal(notes("Ada"), before.get("notes"));
        Document after = people.findOneAndUpdate(eq("ssn", ADA), set("ssn", CID),
                new FindOneAndUpdateOptions().returnDocument(ReturnDocument.AFTER));
        equal(person("Ada", CID).append("notes", "secret new"), withoutId(after));
        checkStored("find_and_modify", "Ada");
        after = people.findOneAndReplace(eq("ssn", CID), person("Eve", ADA),
                new FindOneAndReplaceOptions().returnDocument(ReturnDocument.AFTER));
        equal(person("Eve", ADA), withoutId(after));
        checkStored("find_and_modify", "Eve");
        equal(person("Bob", BOB), withoutId(people.findOneAndDelete(eq("ssn", BOB))));
        equal(Set.of("Eve"), names("find_and_modify", new Document()));
    }

    private void bulkWrite() {
        MongoCollection<Document> people = people("bulk_write");
        BulkWriteResult result = people.bulkWrite(List.of(
                new InsertOneModel<>(person("Ada", ADA)),
                new InsertOneModel<>(person("Bob", BOB)),
                new InsertOneModel<>(person("Cid", CID)),
                new UpdateOneModel<>(eq("ssn", ADA), set("notes", "secret new")),
                new UpdateManyModel<>(in("ssn", ADA, BOB), set("address.street", "secret lane")),
                new ReplaceOneModel<>(eq("ssn", BOB), person("Eve", BOB)),
                new DeleteOneModel<>(eq("ssn", CID))));
        equal(3, result.getInsertedCount());
        equal(4, result.getModifiedCount());
        equal(1, result.getDeletedCount());
        equal("secret lane", named("bulk_write", "Ada").get("address", Document.class).get("street"));
        equal(person("Eve", BOB), named("bulk_write", "Eve"));
        checkStored("bulk_write", "Ada");
        checkStored("bulk_write", "Eve");
    }

    private void count() {
        people("count").insertMany(List.of(person("Ada", ADA), person("Bob", BOB), person("Cid", ADA)));
        checkStored("count", "Ada");
        Document reply = encrypting.getDatabase(database)
                .runCommand(new Document("count", "count").append("query", new Document("ssn", ADA)));
        equal(2, reply.getInteger("n"));
        equal(3L, people("count").estimatedDocumentCount());
        equal(3L, people("count").countDocuments());
        equal(0L, stored("count").countDocuments(eq("ssn", ADA)));
        if (vault.environment.isStore()) { // this aggregation has {$const: 1}, which FerretDB does not know
            equal(2L, people("count").countDocuments(eq("ssn", ADA)));
        }
    }

    private void distinct() {
        people("distinct").insertMany(List.of(person("Ada", ADA), person("Bob", BOB), person("Cid", ADA)));
        checkStored("distinct", "Ada");
        equal(Set.of("Ada", "Cid"),
                people("distinct").distinct("name", eq("ssn", ADA), String.class).into(new TreeSet<>()));
        equal(Set.of(ADA, BOB), people("distinct").distinct("ssn", String.class).into(new TreeSet<>()));
        MongoException refusal = fails(MongoException.class,
                () -> people("distinct").distinct("notes", String.class).first());
        check(refusal.getMessage().contains("notes"), "notes is not named: " + refusal.getMessage());
    }

    private void aggregate() {
        MongoCollection<Document> people = people("aggregate");
        people.insertMany(List.of(person("Ada", ADA), person("Bob", BOB), person("Cid", ADA)));
        checkStored("aggregate", "Ada");
        List<Document> matched = people.aggregate(List.of(
                Aggregates.match(eq("ssn", BOB)),
                Aggregates.project(Projections.include("name", "notes")))).into(new ArrayList<>());
        equal(1, matched.size());
        equal(notes("Bob"), matched.get(0).get("notes"));

        equal(Set.of(ADA, BOB), people.aggregate(List.of(Aggregates.group("$ssn")))
                .map(group -> group.getString("_id")).into(new TreeSet<>()));

        MongoException refusal = fails(MongoException.class,
                () -> people.aggregate(List.of(Aggregates.group("$notes"))).first());
        check(refusal.getMessage().contains("notes"), "notes is not named: " + refusal.getMessage());
    }

    private void lookup() {
        if (!vault.environment.isStore()) {
            throw new Report.Skipped("FerretDB has no $lookup");
        }
        people("lookup").insertMany(List.of(person("Ada", ADA), person("Bob", BOB)));
        people("lookup_visits").insertMany(List.of(person("monday", ADA), person("friday", ADA)));
        checkStored("lookup", "Ada");
        checkStored("lookup_visits", "friday");
        List<Document> found = people("lookup").aggregate(List.of(
                Aggregates.match(eq("ssn", ADA)),
                Aggregates.lookup("lookup_visits", List.of(Aggregates.match(eq("ssn", ADA))), "visits")))
                .into(new ArrayList<>());
        equal(1, found.size());
        equal(2, found.get(0).getList("visits", Document.class).size());
        equal(ADA, found.get(0).getList("visits", Document.class).get(0).get("ssn"));
    }

    private void clientBulk() {
        if (!vault.environment.isStore()) {
            throw new Report.Skipped("FerretDB has no bulkWrite command");
        }
        MongoNamespace people = new MongoNamespace(database, "client_bulk");
        ClientBulkWriteResult result;
        try {
            result = encrypting.bulkWrite(List.of(
                    ClientNamespacedWriteModel.insertOne(people, person("Ada", ADA)),
                    ClientNamespacedWriteModel.insertOne(people, person("Bob", BOB)),
                    ClientNamespacedWriteModel.updateOne(people, eq("ssn", ADA), set("notes", "secret new")),
                    ClientNamespacedWriteModel.deleteOne(people, eq("ssn", BOB))));
        } catch (IllegalStateException refusal) {
            check(refusal.getMessage().contains("does not currently support automatic"), refusal.getMessage());
            throw new Report.Skipped("the driver's bulkWrite of a client has no automatic encryption yet");
        }
        equal(2L, result.getInsertedCount());
        equal(1L, result.getModifiedCount());
        equal(1L, result.getDeletedCount());
        equal(person("Ada", ADA).append("notes", "secret new"), named("client_bulk", "Ada"));
        checkStored("client_bulk", "Ada");
    }

    private BsonDocument schema() {
        Document address = new Document("bsonType", "object")
                .append("properties", new Document("street", vault.encrypt("Random", "string")));
        return new Document("bsonType", "object")
                .append("properties", new Document("ssn", vault.encrypt("Deterministic", "string"))
                        .append("notes", vault.encrypt("Random", "string"))
                        .append("address", address))
                .toBsonDocument();
    }

    private static Document person(String name, String ssn) {
        return new Document("name", name).append("ssn", ssn).append("notes", notes(name))
                .append("address", new Document("city", "Ulm").append("street", street(name)));
    }

    private static String notes(String name) {
        return "secret notes of " + name;
    }

    private static String street(String name) {
        return "secret street of " + name;
    }

    private MongoCollection<Document> people(String collection) {
        return encrypting.getDatabase(database).getCollection(collection);
    }

    /** The same collection as one sees it who has no key. */
    private MongoCollection<Document> stored(String collection) {
        return vault.plain.getDatabase(database).getCollection(collection);
    }

    private Document named(String collection, String name) {
        return withoutId(people(collection).find(eq("name", name)).first());
    }

    private Set<String> names(String collection, Bson filter) {
        return people(collection).find(filter).map(person -> person.getString("name")).into(new TreeSet<>());
    }

    private Binary storedField(String collection, String name, String field) {
        return stored(collection).find(eq("name", name)).first().get(field, Binary.class);
    }

    /** In the server all of the person is ciphertext that must be. */
    private void checkStored(String collection, String name) {
        RawBsonDocument person =
                stored(collection).withDocumentClass(RawBsonDocument.class).find(eq("name", name)).first();
        check(person != null, name + " is not in " + collection);
        for (BsonDocument holder : List.of(person, person.getDocument("address"))) {
            for (String field : List.of("ssn", "notes", "street")) {
                if (holder.containsKey(field)) {
                    equal((byte) 6, holder.getBinary(field).getType());
                }
            }
        }
        check(person.isBinary("ssn"), "ssn is missing");
        check(!Wiretap.holds(person, SECRET.getBytes(StandardCharsets.UTF_8)), "plaintext is in " + collection);
    }

    private static Document withoutId(Document document) {
        check(document != null, "no document was found");
        document.remove("_id");
        return document;
    }

    @Override
    public void close() {
        encrypting.close();
    }
}
