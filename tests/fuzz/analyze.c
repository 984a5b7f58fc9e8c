/* Arbitrary bytes as a command. */

#include <stdlib.h>
#include <string.h>

#include "bson.h"
#include "opencrypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static size_t count_placeholders(const uint8_t *doc) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    size_t n = 0;
    while (oc_next(&it, &e)) {
        if (e.type == OC_DOCUMENT || e.type == OC_ARRAY)
            n += count_placeholders(e.value);
        else
            n += e.type == OC_BINARY && e.value[4] == 6 && oc_u32(e.value) > 0 && (e.value[5] == 0 || e.value[5] == 3);
    }
    return n;
}

static void check_reply(const opencrypt_reply *reply) {
    oc_bson_report report;
    oc_elem e;
    /* The command may use all the depth there is, and the reply is one level deeper. */
    oc_bson_status status = oc_bson_check(reply->data, reply->len, NULL, &report);
    require(status == OC_BSON_OK || status == OC_BSON_TOO_DEEP);
    if (status != OC_BSON_OK)
        return;
    require(oc_bson_find(reply->data, "ok", &e) && e.type == OC_DOUBLE);
    if (!reply->ok) {
        require(reply->refusal.code != 0 && oc_bson_find(reply->data, "errmsg", &e));
        require(strcmp(reply->refusal.rule, "out-of-memory") != 0); /* there is enough: edits would overlap */
        return;
    }
    require(oc_bson_find(reply->data, "result", &e) && e.type == OC_DOCUMENT);
    if (reply->schema_requires_encryption)
        require(count_placeholders(e.value) == reply->placeholders);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static opencrypt_engine *engine;
    static opencrypt_request *request, *again;
    opencrypt_reply first, second;
    if (!engine) {
        engine = opencrypt_engine_new();
        request = opencrypt_request_new(engine, 16);
        again = opencrypt_request_new(engine, 0);
    }
    opencrypt_analyze(request, data, size, "db", 2, &first);
    check_reply(&first);
    opencrypt_analyze(again, data, size, "db", 2, &second);
    require(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    return 0;
}
