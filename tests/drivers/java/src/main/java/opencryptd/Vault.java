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

    /** Settings of automatic encryption. `schemaMap` is by namespace; of others the server is asked. */
    AutoEncryptionSettings.Builder settings(Map<String, BsonDocument> schemaMap) {
        return switch (environment.way()) {
            case "daemon" -> daemon(schemaMap, environment.daemonUri());
            case "spawn" -> spawn(schemaMap, environment.daemonUri(), environment.spawnArguments());
            case "library" -> library(schemaMap, environment.library());
            default -> throw new IllegalArgumentException("OC_WAY is " + environment.way());
        };
    }

    private AutoEncryptionSettings.Builder daemon(Map<String, BsonDocument> schemaMap, String daemonUri) {
        // [options daemon]
        AutoEncryptionSettings.Builder settings = AutoEncryptionSettings.builder()
                .keyVaultNamespace(keyVault)
                .kmsProviders(kmsProviders)
                .schemaMap(schemaMap)
                .extraOptions(Map.of(
                        "mongocryptdURI", daemonUri, // left out: mongodb://localhost:27020
                        "mongocryptdBypassSpawn", true));
        // [end]
        return settings;
    }

    private AutoEncryptionSettings.Builder spawn(Map<String, BsonDocument> schemaMap, String daemonUri,
                                                 List<String> spawnArguments) {
        // [options spawn]
        AutoEncryptionSettings.Builder settings = AutoEncryptionSettings.builder()
                .keyVaultNamespace(keyVault)
                .kmsProviders(kmsProviders)
                .schemaMap(schemaMap)
                .extraOptions(Map.of( // both left out: port 27020, and it leaves after a minute without use
                        "mongocryptdURI", daemonUri,
                        "mongocryptdSpawnArgs", spawnArguments)); // "--port=27021", "--idleShutdownTimeoutSecs", "60"
        // [end]
        return settings;
    }

    private AutoEncryptionSettings.Builder library(Map<String, BsonDocument> schemaMap, String library) {
        // [options library]
        AutoEncryptionSettings.Builder settings = AutoEncryptionSettings.builder()
                .keyVaultNamespace(keyVault)
                .kmsProviders(kmsProviders)
                .schemaMap(schemaMap)
                .extraOptions(Map.of(
                        "cryptSharedLibPath", library, // the path of mongo_crypt_v1.so
                        "cryptSharedLibRequired", true));
        // [end]
        return settings;
    }

    MongoClient client(Map<String, BsonDocument> schemaMap, CommandListener... listeners) {
        return client(settings(schemaMap), listeners);
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
