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

enum { FIRST_BYTE = 5, BODY = 6, QUERYABLE = 3, FIND = 2, RANGE = 3, MAX_PAYLOADS = 4096 };

/* Halves of ranges by payload id: those with edges, and the others. */
typedef struct payloads {
    uint8_t edges[MAX_PAYLOADS], stubs[MAX_PAYLOADS];
} payloads;

static void check_range(payloads *p, const uint8_t *spec) {
    oc_elem id, edges;
    require(oc_bson_find(spec, "payloadId", &id) && id.type == OC_INT32);
    uint32_t n = oc_u32(id.value);
    if (n < MAX_PAYLOADS)
        (oc_bson_find(spec, "edgesInfo", &edges) ? p->edges : p->stubs)[n]++;
}

static void check_queryable(payloads *p, const oc_elem *e) {
    static const char *const names[] = {"t", "a", "ki", "ku", "v", "cm"};
    oc_bson_report report;
    oc_elem found[6];
    require(oc_bson_check(e->value + BODY, oc_u32(e->value) - 1, NULL, &report) == OC_BSON_OK);
    for (size_t i = 0; i < 6; i++)
        require(oc_bson_find(e->value + BODY, names[i], &found[i]));
    require(found[0].type == OC_INT32 && found[1].type == OC_INT32 && found[5].type == OC_INT64);
    if (oc_u32(found[0].value) == FIND && oc_u32(found[1].value) == RANGE)
        check_range(p, found[4].value);
}

static void check_placeholders(payloads *p, const uint8_t *doc) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (e.type == OC_DOCUMENT || e.type == OC_ARRAY)
            check_placeholders(p, e.value);
        else if (e.type == OC_BINARY && e.value[4] == 6 && oc_u32(e.value) > 0 && e.value[FIRST_BYTE] == QUERYABLE)
            check_queryable(p, &e);
    }
}

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
    if (!reply->schema_requires_encryption)
        return;
    payloads p = {{0}, {0}};
    require(count_placeholders(e.value) == reply->placeholders);
    check_placeholders(&p, e.value);
    check_halves(&p);
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
