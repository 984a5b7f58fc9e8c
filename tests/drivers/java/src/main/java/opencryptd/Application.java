package opencryptd;

import com.mongodb.internal.build.MongoDriverVersion;

/** Runs every scenario in the way and against the server that the environment names. */
public final class Application {
    public static void main(String[] arguments) throws Exception {
        Environment environment = Environment.read();
        String libmongocrypt = Libmongocrypt.load();
        Report.say("driver mongodb-driver-sync " + MongoDriverVersion.VERSION + ", libmongocrypt " + libmongocrypt);
        Report report = new Report();
        try (Vault vault = new Vault(environment)) {
            try (Csfle csfle = new Csfle(vault)) {
                csfle.run(report);
            }
            new Queryable(vault).run(report);
            new Lifecycle(vault).run(report);
        }
        report.run("nothing-left", () -> Lifecycle.checkNothingLeft(environment));
        System.exit(report.failed() ? 1 : 0);
    }

    private Application() {
    }
}
