package opencryptd;

import com.mongodb.internal.crypt.capi.CAPI;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;

/**
 * The libmongocrypt that comes with mongodb-crypt. Where the system has one too, such as Debian's 1.7, JNA would take
 * that, and the driver fails for want of newer functions.
 */
final class Libmongocrypt {
    private static final String NAME = "mongocrypt";

    /** Loads it and returns its version. Comes before all that encrypts. */
    static String load() throws IOException {
        File folder = Files.createTempDirectory("libmongocrypt").toFile();
        File file = new File(folder, System.mapLibraryName(NAME));
        String resource = "/" + Platform.RESOURCE_PREFIX + "/" + file.getName();
        try (InputStream packaged = CAPI.class.getResourceAsStream(resource)) {
            Files.copy(packaged, file.toPath());
            NativeLibrary.addSearchPath(NAME, folder.getPath());
            return CAPI.mongocrypt_version(null).toString();
        } finally {
            file.delete();
            folder.delete();
        }
    }

    private Libmongocrypt() {
    }
}
