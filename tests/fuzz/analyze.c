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

enum { MAX_PAYLOADS = 4096 };

/* Halves of ranges by payload id: those with edges, and the others. */
typedef struct payloads {
    uint8_t edges[MAX_PAYLOADS], stubs[MAX_PAYLOADS];
} payloads;

/* Every stub has a half with edges, and no id two of either. */
static void check_halves(const payloads *p) {
    for (size_t i = 0; i < MAX_PAYLOADS; i++)
        require(p->edges[i] <= 1 && p->stubs[i] <= p->edges[i]);
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

/* Ours are well-formed, as many as the reply says, and belong together. */
static void check_placeholders(const opencrypt_reply *reply) {
    payloads halves = {{0}, {0}};
    uint64_t n = 0;
    opencrypt_placeholders *it = opencrypt_placeholders_new(reply->data, reply->len);
    const opencrypt_placeholder *p;
    for (; (p = opencrypt_placeholders_next(it)); n++)
        if (p->bounds && p->bounds->payload_id < MAX_PAYLOADS)
            (p->bounds->refers ? halves.stubs : halves.edges)[p->bounds->payload_id]++;
    require(!opencrypt_placeholders_refusal(it));
    require(n == reply->placeholders);
    check_halves(&halves);
    opencrypt_placeholders_free(it);
}

/* Any bytes may be read as a reply. */
static void read_as_reply(const uint8_t *data, size_t size) {
    opencrypt_placeholders *it = opencrypt_placeholders_new(data, size);
    const opencrypt_placeholder *p;
    while ((p = opencrypt_placeholders_next(it)))
        require(p->bytes > data && p->bytes + p->len <= data + size && strlen(p->path) == p->path_len);
    opencrypt_placeholders_free(it);
}

static void check_reply(const opencrypt_reply *reply) {
    oc_bson_report report;
    oc_elem e;
    /* The command may use all the depth there is, and the reply is one level deeper. */
    oc_bson_status status = oc_bson_check(reply->data, reply->len, NULL, &report);
    require(status == OC_BSON_OK || status == OC_BSON_TOO_DEEP);
    if (reply->ok)
        check_placeholders(reply);
    if (status != OC_BSON_OK)
        return;
    require(oc_bson_find(reply->data, "ok", &e) && e.type == OC_DOUBLE);
    if (!reply->ok) {
        require(reply->refusal.code != 0 && oc_bson_find(reply->data, "errmsg", &e));
        require(strcmp(reply->refusal.rule, "out-of-memory") != 0); /* there is enough: edits would overlap */
        return;
    }
    require(oc_bson_find(reply->data, "result", &e) && e.type == OC_DOCUMENT);
    if (!reply->schema_requires_encryption)
        return;
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
    read_as_reply(data, size);
    opencrypt_analyze(request, data, size, "db", 2, &first);
    check_reply(&first);
    opencrypt_analyze(again, data, size, "db", 2, &second);
    require(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    return 0;
}
