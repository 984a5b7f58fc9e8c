/* bench_engine [--quick]: analysis in process against bson_validate_with_error of the same command, in the same run.
 *
 * The insert fixture: one document whose fields are in turn a 12-byte string, int64, double, date and ObjectId; every
 * tenth field is an encrypted, deterministic string. The schema is in the command, and in the cache after the first
 * time.
 */

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timing.h"

static const uint8_t key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* ---- commands ---- */

static void append_encrypt(bson_t *properties, const char *name) {
    bson_t property, encrypt, keys;
    bson_append_document_begin(properties, name, -1, &property);
    bson_append_document_begin(&property, "encrypt", -1, &encrypt);
    bson_append_utf8(&encrypt, "algorithm", -1, "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic", -1);
    bson_append_utf8(&encrypt, "bsonType", -1, "string", -1);
    bson_append_array_begin(&encrypt, "keyId", -1, &keys);
    bson_append_binary(&keys, "0", -1, BSON_SUBTYPE_UUID, key, sizeof key);
    bson_append_array_end(&encrypt, &keys);
    bson_append_document_end(&property, &encrypt);
    bson_append_document_end(properties, &property);
}

static void append_plain(bson_t *properties, const char *name) {
    bson_t property;
    bson_append_document_begin(properties, name, -1, &property);
    bson_append_utf8(&property, "bsonType", -1, "string", -1);
    bson_append_document_end(properties, &property);
}

/* A schema with `fields` / 10 properties, encrypted or not. */
static void append_schema(bson_t *command, int fields, bool encrypt) {
    bson_t schema, properties;
    bson_append_document_begin(command, "jsonSchema", -1, &schema);
    bson_append_utf8(&schema, "bsonType", -1, "object", -1);
    bson_append_document_begin(&schema, "properties", -1, &properties);
    for (int i = 0; i < fields; i += 10) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        encrypt ? append_encrypt(&properties, name) : append_plain(&properties, name);
    }
    bson_append_document_end(&schema, &properties);
    bson_append_document_end(command, &schema);
    bson_append_bool(command, "isRemoteSchema", -1, false);
    bson_append_utf8(command, "$db", -1, "db", -1);
}

/* The same fields with equality indexes of Queryable Encryption, each with a key of its own. */
static void append_encrypted_fields(bson_t *command, int fields) {
    bson_t information, schema, collection, array, field, query;
    bson_append_document_begin(command, "encryptionInformation", -1, &information);
    bson_append_int32(&information, "type", -1, 1);
    bson_append_document_begin(&information, "schema", -1, &schema);
    bson_append_document_begin(&schema, "db.people", -1, &collection);
    bson_append_array_begin(&collection, "fields", -1, &array);
    for (int i = 0; i < fields; i += 10) {
        char name[16], index[16];
        uint8_t own_key[16] = {0};
        snprintf(name, sizeof name, "f%d", i);
        snprintf(index, sizeof index, "%d", i / 10);
        memcpy(own_key, name, strlen(name));
        bson_append_document_begin(&array, index, -1, &field);
        bson_append_utf8(&field, "path", -1, name, -1);
        bson_append_utf8(&field, "bsonType", -1, "string", -1);
        bson_append_binary(&field, "keyId", -1, BSON_SUBTYPE_UUID, own_key, sizeof own_key);
        bson_append_document_begin(&field, "queries", -1, &query);
        bson_append_utf8(&query, "queryType", -1, "equality", -1);
        bson_append_document_end(&field, &query);
        bson_append_document_end(&array, &field);
    }
    bson_append_array_end(&collection, &array);
    bson_append_document_end(&schema, &collection);
    bson_append_document_end(&information, &schema);
    bson_append_document_end(command, &information);
    bson_append_utf8(command, "$db", -1, "db", -1);
}

static void append_field(bson_t *doc, int i) {
    char name[16], text[32];
    bson_oid_t oid;
    snprintf(name, sizeof name, "f%d", i);
    snprintf(text, sizeof text, "value-%06d", i);
    bson_oid_init_from_string(&oid, "0123456789abcdef01234567");
    switch (i % 5) {
    case 0: bson_append_utf8(doc, name, -1, text, 12); break;
    case 1: bson_append_int64(doc, name, -1, i * 1000000007LL); break;
    case 2: bson_append_double(doc, name, -1, i * 1.25); break;
    case 3: bson_append_date_time(doc, name, -1, 1700000000000LL + i); break;
    default: bson_append_oid(doc, name, -1, &oid);
    }
}

static bson_t *make_documents(int documents, int fields) {
    bson_t *command = bson_new(), array, doc;
    bson_append_utf8(command, "insert", -1, "people", -1);
    bson_append_array_begin(command, "documents", -1, &array);
    for (int d = 0; d < documents; d++) {
        char index[16];
        snprintf(index, sizeof index, "%d", d);
        bson_append_document_begin(&array, index, -1, &doc);
        for (int i = 0; i < fields; i++)
            append_field(&doc, i);
        bson_append_document_end(&array, &doc);
    }
    bson_append_array_end(command, &array);
    return command;
}

static bson_t *make_insert(int documents, int fields, bool encrypt) {
    bson_t *command = make_documents(documents, fields);
    append_schema(command, fields, encrypt);
    return command;
}

static bson_t *make_qe_insert(int fields) {
    bson_t *command = make_documents(1, fields);
    append_encrypted_fields(command, fields);
    return command;
}

static bson_t *from_json(const char *json, int properties) {
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, NULL);
    if (!command)
        abort();
    append_schema(command, properties, true);
    return command;
}

static bson_t *make_in(int values) {
    bson_t *command = bson_new(), filter, field, array;
    bson_append_utf8(command, "find", -1, "people", -1);
    bson_append_document_begin(command, "filter", -1, &filter);
    bson_append_document_begin(&filter, "f0", -1, &field);
    bson_append_array_begin(&field, "$in", -1, &array);
    for (int i = 0; i < values; i++) {
        char index[16];
        snprintf(index, sizeof index, "%d", i);
        bson_append_utf8(&array, index, -1, "value-000000", 12);
    }
    bson_append_array_end(&field, &array);
    bson_append_document_end(&filter, &field);
    bson_append_document_end(command, &filter);
    append_schema(command, 100, true);
    return command;
}

/* ---- reports ---- */

static void report(bench *b, const char *what, bson_t *command, double reach) {
    timing t = measure(b, command);
    printf("%-58s %6.2f us  %6.2f us  %5.2fx  (reach %.2fx)\n", what, t.analysis * 1e6, t.validation * 1e6,
           t.analysis / t.validation, reach);
    bson_destroy(command);
}

/* Cost per element at the top end against the middle. */
static void report_growth(bench *b, const char *what, bson_t *(*make)(int), int middle, int top) {
    bson_t *small = make(middle), *large = make(top);
    double ratio = (measure(b, large).analysis / top) / (measure(b, small).analysis / middle);
    printf("%-58s %d -> %d: %.2fx per element (reach 1.30x)\n", what, middle, top, ratio);
    bson_destroy(small);
    bson_destroy(large);
}

static bson_t *insert_documents(int n) {
    return make_insert(n, 10, true);
}

static bson_t *insert_fields(int n) {
    return make_insert(1, n, true);
}

/* n stages that each add a field, and n that match one. */
static bson_t *pipeline_stages(int n) {
    bson_t *command = bson_new(), pipeline, stage, operand, cursor;
    bson_append_utf8(command, "aggregate", -1, "people", -1);
    bson_append_array_begin(command, "pipeline", -1, &pipeline);
    for (int i = 0; i < n; i++) {
        char index[16], name[16];
        snprintf(index, sizeof index, "%d", i);
        snprintf(name, sizeof name, i % 2 ? "f0" : "a%d", i);
        bson_append_document_begin(&pipeline, index, -1, &stage);
        bson_append_document_begin(&stage, i % 2 ? "$match" : "$addFields", -1, &operand);
        bson_append_utf8(&operand, name, -1, i % 2 ? "x" : "$f0", -1);
        bson_append_document_end(&stage, &operand);
        bson_append_document_end(&pipeline, &stage);
    }
    bson_append_array_end(command, &pipeline);
    bson_append_document_begin(command, "cursor", -1, &cursor);
    bson_append_document_end(command, &cursor);
    append_schema(command, 100, true);
    return command;
}

static bson_t *many_properties(int n) {
    return from_json("{\"find\": \"people\", \"filter\": {\"f0\": \"x\"}}", n * 10);
}

int main(int argc, char **argv) {
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    opencrypt_engine *engine = opencrypt_engine_new();
    bench b = {.request = opencrypt_request_new(engine, 0), .seconds = quick ? 0.001 : 0.15};
    printf("%-58s %9s  %9s\n", "", "analysis", "validate");
    report(&b, "insert, 10 fields", make_insert(1, 10, true), 0.30);
    report(&b, "insert, 100 fields", make_insert(1, 100, true), 0.30);
    report(&b, "insert, 1000 fields", make_insert(1, 1000, true), 0.30);
    report(&b, "insert, 10 fields, nothing encrypted", make_insert(1, 10, false), 0.15);
    report(&b, "insert, 100 fields, nothing encrypted", make_insert(1, 100, false), 0.15);
    report(&b, "insert, 1000 fields, nothing encrypted", make_insert(1, 1000, false), 0.15);
    report(&b, "insert, 10 fields, equality index", make_qe_insert(10), 0.50);
    report(&b, "insert, 100 fields, equality indexes", make_qe_insert(100), 0.50);
    report(&b, "insert, 1000 fields, equality indexes", make_qe_insert(1000), 0.50);
    report(&b, "find by an encrypted field", from_json("{\"find\": \"p\", \"filter\": {\"f0\": \"x\"}}", 50), 1);
    report(&b, "find by plain fields, sorted",
           from_json("{\"find\": \"p\", \"filter\": {\"a\": {\"$gt\": 1}, \"b\": \"x\"}, \"sort\": {\"a\": 1}}", 50),
           1);
    report(
        &b, "update of an encrypted field",
        from_json("{\"update\": \"p\", \"updates\": [{\"q\": {\"_id\": 1}, \"u\": {\"$set\": {\"f0\": \"x\"}}}]}", 50),
        1);
    report(&b, "aggregate: countDocuments by an encrypted field",
           from_json("{\"aggregate\": \"p\", \"pipeline\": [{\"$match\": {\"f0\": \"x\"}}, {\"$group\": {\"_id\": 1, "
                     "\"n\": {\"$sum\": 1}}}], \"cursor\": {}}",
                     50),
           1);
    report(&b, "aggregate: a dashboard over plain fields",
           from_json(
               "{\"aggregate\": \"p\", \"pipeline\": [{\"$match\": {\"when\": {\"$gt\": 1}}}, {\"$group\": {\"_id\": "
               "{\"$dateTrunc\": {\"date\": \"$when\", \"unit\": \"day\"}}, \"total\": {\"$sum\": \"$amount\"}, "
               "\"mean\": {\"$avg\": \"$amount\"}}}, {\"$sort\": {\"_id\": 1}}, {\"$limit\": 30}], \"cursor\": {}}",
               50),
           1);
    report_growth(&b, "documents in an insert", insert_documents, 300, quick ? 3000 : 100000);
    report_growth(&b, "values in $in", make_in, 300, quick ? 3000 : 100000);
    report_growth(&b, "fields in a document", insert_fields, 300, 10000);
    report_growth(&b, "stages of a pipeline", pipeline_stages, 100, 1000);
    report_growth(&b, "properties in a cached schema", many_properties, 300, 10000);
    opencrypt_request_free(b.request);
    opencrypt_engine_free(engine);
    return 0;
}
