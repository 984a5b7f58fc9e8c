package opencryptd;

import java.util.function.Supplier;

/** A line on standard output for each scenario. */
final class Report {
    interface Scenario {
        void run() throws Exception;
    }

    /** Thrown by a scenario that cannot be run here. */
    static final class Skipped extends RuntimeException {
        Skipped(String reason) {
            super(reason);
        }
    }

    private boolean failed;

    void run(String name, Scenario scenario) {
        try {
            scenario.run();
            say("ok " + name);
        } catch (Skipped skipped) {
            say("skip " + name + ": " + oneLine(skipped.getMessage()));
        } catch (Throwable problem) {
            failed = true;
            problem.printStackTrace();
            say("not ok " + name + ": " + oneLine(problem.toString()));
        }
    }

    boolean failed() {
        return failed;
    }

    static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static void check(boolean holds, String message) {
        if (!holds) {
            throw new AssertionError(message);
        }
    }

    static void equal(Object expected, Object actual) {
        check(expected.equals(actual), "expected " + expected + ", got " + actual);
    }

    /** The exception that `action` must end with. */
    static <T extends Throwable> T fails(Class<T> type, Supplier<?> action) {
        Object result;
        try {
            result = action.get();
        } catch (Throwable thrown) {
            check(type.isInstance(thrown), "expected " + type.getSimpleName() + ", got " + thrown);
            return type.cast(thrown);
        }
        throw new AssertionError("expected " + type.getSimpleName() + ", got " + result);
    }

    private static String oneLine(String text) {
        return String.valueOf(text).replaceAll("\\s*\\R\\s*", " ");
    }
}
