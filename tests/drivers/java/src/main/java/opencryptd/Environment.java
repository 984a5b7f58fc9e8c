package opencryptd;

import java.util.List;

/** What the harness gives in the environment. */
record Environment(String way, String server, String serverUri, String database, String daemonUri,
                   List<String> spawnArguments, String library) {

    static Environment read() {
        return new Environment(needed("OC_WAY"), needed("OC_SERVER"), needed("OC_SERVER_URI"), needed("OC_DATABASE"),
                System.getenv("OC_DAEMON_URI"), spawnArguments(System.getenv("OC_SPAWN_ARGS")),
                System.getenv("OC_LIBRARY"));
    }

    boolean spawns() {
        return way.equals("spawn");
    }

    boolean isStore() {
        return server.equals("store");
    }

    /**
     * The driver knows the option for the idle time only as two arguments: beside "--idleShutdownTimeoutSecs=3" it
     * puts its own 60 seconds, and the last one counts.
     */
    private static List<String> spawnArguments(String text) {
        return text == null ? List.of() : List.of(text.replace("Secs=", "Secs ").split(" "));
    }

    private static String needed(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            throw new IllegalArgumentException(name + " is not set");
        }
        return value;
    }
}
