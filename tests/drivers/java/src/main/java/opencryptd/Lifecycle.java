package opencryptd;

import static com.mongodb.client.model.Filters.eq;
import static opencryptd.Report.check;
import static opencryptd.Report.equal;

import com.mongodb.MongoException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoCollection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.bson.Document;
import org.bson.types.Binary;

/** Clients that come and go, and daemons that the driver starts. */
final class Lifecycle {
    private static final int THREADS = 4;
    private static final int ROUNDS = 25;

    private final Vault vault;
    private final Map<String, BsonDocument> schemas;

    Lifecycle(Vault vault) {
        this.vault = vault;
        schemas = Map.of(vault.environment.database() + ".visits", new Document("bsonType", "object")
                .append("properties", new Document("ssn", vault.encrypt("Deterministic", "string")))
                .toBsonDocument());
    }

    void run(Report report) {
        report.run("two-clients", this::twoClients);
        report.run("respawn", this::respawn);
    }

    /** They work at once, and one does not miss the other when that is closed. */
    private void twoClients() throws Exception {
        try (MongoClient first = vault.client(schemas)) {
            try (MongoClient second = vault.client(schemas)) {
                ExecutorService pool = Executors.newFixedThreadPool(2 * THREADS);
                try {
                    List<Callable<Void>> visitors = IntStream.range(0, THREADS).boxed()
                            .flatMap(n -> Stream.of(visitor(first, "first " + n), visitor(second, "second " + n)))
                            .toList();
                    for (Future<Void> done : pool.invokeAll(visitors)) {
                        done.get();
                    }
                } finally {
                    pool.shutdown();
                }
            }
            visitor(first, "alone").call();
        }
    }

    private Callable<Void> visitor(MongoClient client, String name) {
        return () -> {
            for (int round = 0; round < ROUNDS; round++) {
                visit(client, name + " " + round);
            }
            return null;
        };
    }

    private void visit(MongoClient client, String name) {
        String database = vault.environment.database();
        MongoCollection<Document> visits = client.getDatabase(database).getCollection("visits");
        visits.insertOne(new Document("_id", name).append("ssn", "secret " + name));
        equal(name, visits.find(eq("ssn", "secret " + name)).first().get("_id"));
        Document stored = vault.plain.getDatabase(database).getCollection("visits").find(eq("_id", name)).first();
        equal(Binary.class, stored.get("ssn").getClass());
    }

    /** A daemon that was killed is started again by the driver. */
    private void respawn() throws Exception {
        if (!vault.environment.spawns()) {
            throw new Report.Skipped("the driver starts no daemon in this way");
        }
        try (MongoClient client = vault.client(schemas)) {
            visit(client, "before");
            ProcessHandle daemon = daemons().findFirst().orElseThrow();
            check(daemon.destroyForcibly(), "the daemon cannot be killed");
            daemon.onExit().get(10, TimeUnit.SECONDS);
            try {
                visit(client, "after");
            } catch (MongoException broken) {
                System.err.println("the first command after the daemon was killed: " + broken);
                visit(client, "after that");
            }
            equal(1L, daemons().count());
        }
    }

    /** Once all clients are closed nothing is left: a spawned daemon leaves when it is idle. */
    static void checkNothingLeft(Environment environment) throws Exception {
        for (ProcessHandle daemon : daemons().toList()) {
            check(environment.spawns(), "a daemon was started");
            daemon.onExit().get(20, TimeUnit.SECONDS);
        }
    }

    private static Stream<ProcessHandle> daemons() {
        return ProcessHandle.current().children().filter(ProcessHandle::isAlive);
    }
}
