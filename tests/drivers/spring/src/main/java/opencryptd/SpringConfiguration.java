package opencryptd;

import com.mongodb.ConnectionString;
import com.mongodb.MongoClientSettings;
import com.mongodb.client.MongoClient;
import java.util.Base64;
import java.util.Map;
import org.bson.BsonDocument;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.mongodb.config.AbstractMongoClientConfiguration;
import org.springframework.data.mongodb.core.MongoJsonSchemaCreator;
import org.springframework.data.mongodb.core.mapping.MongoMappingContext;
import org.springframework.data.mongodb.core.schema.MongoJsonSchema;
import org.springframework.data.mongodb.repository.config.EnableMongoRepositories;
import org.springframework.data.spel.spi.EvaluationContextExtension;

/** A client with automatic encryption whose schema is made of the annotations of Person. */
@Configuration
@EnableMongoRepositories
public class SpringConfiguration extends AbstractMongoClientConfiguration {
    @Autowired
    private Vault vault;

    @Autowired
    private Wiretap wiretap;

    @Autowired
    private ApplicationContext context;

    @Override
    protected String getDatabaseName() {
        return vault.environment.database();
    }

    /** A bean, so that the client is closed with the context; else a spawned daemon stays as long as the process. */
    @Bean
    @Override
    public MongoClient mongoClient() {
        return super.mongoClient();
    }

    @Override
    protected void configureClientSettings(MongoClientSettings.Builder builder) {
        BsonDocument schema = schemaOf(Person.class).schemaDocument().toBsonDocument();
        builder.applyConnectionString(new ConnectionString(vault.environment.serverUri()))
                .autoEncryptionSettings(vault.settings(Map.of(getDatabaseName() + ".people", schema)).build())
                .addCommandListener(wiretap);
    }

    MongoJsonSchema schemaOf(Class<?> entity) {
        MongoMappingContext mapping = new MongoMappingContext();
        mapping.setApplicationContext(context);
        return MongoJsonSchemaCreator.create(mapping)
                .filter(MongoJsonSchemaCreator.encryptedOnly())
                .createSchemaFor(entity);
    }

    /** What `#{dataKey}` means in annotations. */
    @Bean
    static EvaluationContextExtension keyExtension(Vault vault) {
        return new EvaluationContextExtension() {
            @Override
            public String getExtensionId() {
                return "vault";
            }

            @Override
            public Map<String, Object> getProperties() {
                return Map.of("dataKey", Base64.getEncoder().encodeToString(vault.key.getData()));
            }
        };
    }
}
