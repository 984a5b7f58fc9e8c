package opencryptd;

import org.springframework.data.annotation.Id;
import org.springframework.data.mongodb.core.mapping.Document;
import org.springframework.data.mongodb.core.mapping.Encrypted;

/** The key comes from KeyExtension. */
@Document("people")
@Encrypted(keyId = "#{dataKey}")
public record Person(
        @Id String name,
        @Encrypted(algorithm = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic") String ssn,
        @Encrypted(algorithm = "AEAD_AES_256_CBC_HMAC_SHA_512-Random") String notes,
        Address address) {

    public record Address(
            String city,
            @Encrypted(algorithm = "AEAD_AES_256_CBC_HMAC_SHA_512-Random") String street) {
    }
}
