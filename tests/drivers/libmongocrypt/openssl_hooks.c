/* Gives every mongocrypt_t the cryptography of OpenSSL.
 *
 * The libmongocrypt of the PyPI package pymongocrypt comes without any: its host must set hooks before mongocrypt_init.
 * Drivers that expect it built in set none. This library is linked before libmongocrypt, so that its mongocrypt_new is
 * the one that they call.
 */
#define _GNU_SOURCE
#include <mongocrypt.h>

#include <dlfcn.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

enum { DECRYPT = 0, ENCRYPT = 1 };

static bool done(bool success, const char *what, mongocrypt_status_t *status) {
    if (!success) {
        mongocrypt_status_set(status, MONGOCRYPT_STATUS_ERROR_CLIENT, 1, what, -1);
    }
    return success;
}

/* libmongocrypt has padded the input. */
static bool run_cipher(const EVP_CIPHER *cipher, int direction, mongocrypt_binary_t *key, mongocrypt_binary_t *iv,
                       mongocrypt_binary_t *in, mongocrypt_binary_t *out, uint32_t *written) {
    int length = 0, rest = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool success = context && mongocrypt_binary_len(in) <= INT_MAX &&
                   EVP_CipherInit_ex(context, cipher, NULL, mongocrypt_binary_data(key),
                                     iv ? mongocrypt_binary_data(iv) : NULL, direction) &&
                   EVP_CIPHER_CTX_set_padding(context, 0) &&
                   EVP_CipherUpdate(context, mongocrypt_binary_data(out), &length, mongocrypt_binary_data(in),
                                    (int)mongocrypt_binary_len(in)) &&
                   EVP_CipherFinal_ex(context, mongocrypt_binary_data(out) + length, &rest);
    EVP_CIPHER_CTX_free(context);
    *written = (uint32_t)(length + rest);
    return success;
}

static bool cbc_encrypt(void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *iv, mongocrypt_binary_t *in,
                        mongocrypt_binary_t *out, uint32_t *written, mongocrypt_status_t *status) {
    (void)ctx;
    return done(run_cipher(EVP_aes_256_cbc(), ENCRYPT, key, iv, in, out, written), "AES-256-CBC failed", status);
}

static bool cbc_decrypt(void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *iv, mongocrypt_binary_t *in,
                        mongocrypt_binary_t *out, uint32_t *written, mongocrypt_status_t *status) {
    (void)ctx;
    return done(run_cipher(EVP_aes_256_cbc(), DECRYPT, key, iv, in, out, written), "AES-256-CBC failed", status);
}

/* In counter mode both directions are the same. */
static bool ctr(void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *iv, mongocrypt_binary_t *in,
                mongocrypt_binary_t *out, uint32_t *written, mongocrypt_status_t *status) {
    (void)ctx;
    return done(run_cipher(EVP_aes_256_ctr(), ENCRYPT, key, iv, in, out, written), "AES-256-CTR failed", status);
}

static bool run_hmac(const EVP_MD *digest, mongocrypt_binary_t *key, mongocrypt_binary_t *in,
                     mongocrypt_binary_t *out) {
    return HMAC(digest, mongocrypt_binary_data(key), (int)mongocrypt_binary_len(key), mongocrypt_binary_data(in),
                mongocrypt_binary_len(in), mongocrypt_binary_data(out), NULL) != NULL;
}

static bool hmac_sha_512(void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *in, mongocrypt_binary_t *out,
                         mongocrypt_status_t *status) {
    (void)ctx;
    return done(run_hmac(EVP_sha512(), key, in, out), "HMAC-SHA-512 failed", status);
}

static bool hmac_sha_256(void *ctx, mongocrypt_binary_t *key, mongocrypt_binary_t *in, mongocrypt_binary_t *out,
                         mongocrypt_status_t *status) {
    (void)ctx;
    return done(run_hmac(EVP_sha256(), key, in, out), "HMAC-SHA-256 failed", status);
}

static bool sha_256(void *ctx, mongocrypt_binary_t *in, mongocrypt_binary_t *out, mongocrypt_status_t *status) {
    (void)ctx;
    return done(EVP_Digest(mongocrypt_binary_data(in), mongocrypt_binary_len(in), mongocrypt_binary_data(out), NULL,
                           EVP_sha256(), NULL) == 1,
                "SHA-256 failed", status);
}

static bool random_bytes(void *ctx, mongocrypt_binary_t *out, uint32_t count, mongocrypt_status_t *status) {
    (void)ctx;
    return done(count <= INT_MAX && RAND_bytes(mongocrypt_binary_data(out), (int)count) == 1, "no random bytes",
                status);
}

mongocrypt_t *mongocrypt_new(void) {
    mongocrypt_t *(*make)(void);
    *(void **)&make = dlsym(RTLD_NEXT, "mongocrypt_new");
    mongocrypt_t *crypt = make ? make() : NULL;
    if (crypt && !(mongocrypt_setopt_crypto_hooks(crypt, cbc_encrypt, cbc_decrypt, random_bytes, hmac_sha_512,
                                                  hmac_sha_256, sha_256, NULL) &&
                   mongocrypt_setopt_aes_256_ctr(crypt, ctr, ctr, NULL))) {
        mongocrypt_destroy(crypt);
        crypt = NULL;
    }
    return crypt;
}

bool mongocrypt_is_crypto_available(void) {
    return true;
}
