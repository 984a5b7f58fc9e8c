package opencryptd;

import com.mongodb.AutoEncryptionSettings;
import com.mongodb.ClientEncryptionSettings;
import com.mongodb.ConnectionString;
import com.mongodb.MongoClientSettings;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.model.vault.DataKeyOptions;
import com.mongodb.client.vault.ClientEncryption;
import com.mongodb.client.vault.ClientEncryptions;
import com.mongodb.event.CommandListener;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import org.bson.BsonBinary;
import org.bson.BsonDocument;
import org.bson.Document;

/** A master key, the key vault with one data key, and clients: with encryption and without. */
final class Vault implements AutoCloseable {
    static final String KEY_NAME = "people";

    final Environment environment;
    final Map<String, Map<String, Object>> kmsProviders;
    final MongoClient plain;
    final ClientEncryption encryption;
    final BsonBinary key;
    private final String keyVault;

    Vault(Environment environment) {
        this.environment = environment;
        byte[] masterKey = new byte[96];
        new SecureRandom().nextBytes(masterKey);
        kmsProviders = Map.of("local", Map.of("key", masterKey));
        keyVault = environment.database() + "_keys.__keyVault";
        plain = MongoClients.create(environment.serverUri());
        encryption = ClientEncryptions.create(ClientEncryptionSettings.builder()
                .keyVaultMongoClientSettings(server().build())
                .keyVaultNamespace(keyVault)
                .kmsProviders(kmsProviders)
                .build());
        key = encryption.createDataKey("local", new DataKeyOptions().keyAltNames(List.of(KEY_NAME)));
    }

    /** Settings of automatic encryption; what schemas it is given, the caller adds. */
    AutoEncryptionSettings.Builder settings() {
        AutoEncryptionSettings.Builder settings = AutoEncryptionSettings.builder()
                .keyVaultNamespace(keyVault)
                .kmsProviders(kmsProviders);
        String daemonUri = environment.daemonUri();
        switch (environment.way()) {
            case "daemon":
                // [options daemon]
                settings.extraOptions(Map.of(
                        "mongocryptdBypassSpawn", true,
                        "mongocryptdURI", daemonUri));
                // [end]
                break;
            case "spawn":
                List<String> spawnArguments = environment.spawnArguments();
                // [options spawn]
                settings.extraOptions(Map.of(
                        "mongocryptdURI", daemonUri,
                        "mongocryptdSpawnArgs", spawnArguments)); // such as "--port", "27021", "--idleShutdownTimeoutSecs", "60"
                // [end]
                break;
            case "library":
                String library = environment.library();
                // [options library]
                settings.extraOptions(Map.of(
                        "cryptSharedLibPath", library, // .../mongo_crypt_v1.so
                        "cryptSharedLibRequired", true));
                // [end]
                break;
            default:
                throw new IllegalArgumentException("OC_WAY is " + environment.way());
        }
        return settings;
    }

    /** A client that encrypts what `schemas` says, by namespace, and what the validators of the server say. */
    MongoClient client(Map<String, BsonDocument> schemas, CommandListener... listeners) {
        return client(settings().schemaMap(schemas), listeners);
    }

    MongoClient client(AutoEncryptionSettings.Builder encryption, CommandListener... listeners) {
        MongoClientSettings.Builder settings = server().autoEncryptionSettings(encryption.build());
        for (CommandListener listener : listeners) {
            settings.addCommandListener(listener);
        }
        return MongoClients.create(settings.build());
    }

    /** The keyword of a JSON schema for a field of that BSON type. */
    Document encrypt(String algorithm, String type) {
        return new Document("encrypt", new Document("bsonType", type)
                .append("keyId", List.of(key))
                .append("algorithm", "AEAD_AES_256_CBC_HMAC_SHA_512-" + algorithm));
    }

    private MongoClientSettings.Builder server() {
        return MongoClientSettings.builder().applyConnectionString(new ConnectionString(environment.serverUri()));
    }

    @Override
    public void close() {
        encryption.close();
        plain.close();
    }
}
