#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* ---- schemas ---- */

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

/* An encrypted field with an equality index and a key of its own. */
static void append_indexed(bson_t *array, int i) {
    bson_t field, query;
    char name[16], index[16];
    uint8_t own_key[16] = {0};
    snprintf(name, sizeof name, "f%d", i);
    snprintf(index, sizeof index, "%d", i / 10);
    memcpy(own_key, name, strlen(name));
    bson_append_document_begin(array, index, -1, &field);
    bson_append_utf8(&field, "path", -1, name, -1);
    bson_append_utf8(&field, "bsonType", -1, "string", -1);
    bson_append_binary(&field, "keyId", -1, BSON_SUBTYPE_UUID, own_key, sizeof own_key);
    bson_append_document_begin(&field, "queries", -1, &query);
    bson_append_utf8(&query, "queryType", -1, "equality", -1);
    bson_append_document_end(&field, &query);
    bson_append_document_end(array, &field);
}

static void append_encrypted_fields(bson_t *command, int fields) {
    bson_t information, schema, collection, array;
    bson_append_document_begin(command, "encryptionInformation", -1, &information);
    bson_append_int32(&information, "type", -1, 1);
    bson_append_document_begin(&information, "schema", -1, &schema);
    bson_append_document_begin(&schema, "db.people", -1, &collection);
    bson_append_array_begin(&collection, "fields", -1, &array);
    for (int i = 0; i < fields; i += 10)
        append_indexed(&array, i);
    bson_append_array_end(&collection, &array);
    bson_append_document_end(&schema, &collection);
    bson_append_document_end(&information, &schema);
    bson_append_document_end(command, &information);
    bson_append_utf8(command, "$db", -1, "db", -1);
}

/* The first four bytes of the first key follow the head of its binary: length and subtype. */
void change_schema(bson_t *command, uint32_t n) {
    enum { SIZE = 4 };
    uint8_t *data = (uint8_t *)(uintptr_t)bson_get_data(command);
    uint8_t *found = memmem(data, command->len, key + SIZE, sizeof key - SIZE);
    if (!found)
        abort();
    memcpy(found - SIZE, &n, SIZE);
}

/* ---- inserts ---- */

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

bson_t *insert_of_fields(int n) {
    bson_t *command = make_documents(1, n);
    append_schema(command, n, true);
    return command;
}

bson_t *insert_plain(int n) {
    bson_t *command = make_documents(1, n);
    append_schema(command, n, false);
    return command;
}

bson_t *insert_equality(int n) {
    bson_t *command = make_documents(1, n);
    append_encrypted_fields(command, n);
    return command;
}

bson_t *insert_of_documents(int n) {
    bson_t *command = make_documents(n, 10);
    append_schema(command, 10, true);
    return command;
}

/* ---- the others ---- */

bson_t *find_in(int n) {
    bson_t *command = bson_new(), filter, field, array;
    bson_append_utf8(command, "find", -1, "people", -1);
    bson_append_document_begin(command, "filter", -1, &filter);
    bson_append_document_begin(&filter, "f0", -1, &field);
    bson_append_array_begin(&field, "$in", -1, &array);
    for (int i = 0; i < n; i++) {
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

static void append_stage(bson_t *pipeline, int i) {
    char index[16], name[16];
    bson_t stage, operand;
    snprintf(index, sizeof index, "%d", i);
    snprintf(name, sizeof name, i % 2 ? "f0" : "a%d", i);
    bson_append_document_begin(pipeline, index, -1, &stage);
    bson_append_document_begin(&stage, i % 2 ? "$match" : "$addFields", -1, &operand);
    bson_append_utf8(&operand, name, -1, i % 2 ? "x" : "$f0", -1);
    bson_append_document_end(&stage, &operand);
    bson_append_document_end(pipeline, &stage);
}

bson_t *stages(int n) {
    bson_t *command = bson_new(), pipeline, cursor;
    bson_append_utf8(command, "aggregate", -1, "people", -1);
    bson_append_array_begin(command, "pipeline", -1, &pipeline);
    for (int i = 0; i < n; i++)
        append_stage(&pipeline, i);
    bson_append_array_end(command, &pipeline);
    bson_append_document_begin(command, "cursor", -1, &cursor);
    bson_append_document_end(command, &cursor);
    append_schema(command, 100, true);
    return command;
}

/* With ' for ". */
static bson_t *from_json(const char *json, int fields) {
    char text[1024];
    size_t n = strlen(json);
    if (n >= sizeof text)
        abort();
    for (size_t i = 0; i <= n; i++)
        text[i] = (char)(json[i] == '\'' ? '"' : json[i]);
    bson_t *command = bson_new_from_json((const uint8_t *)text, (ssize_t)n, NULL);
    if (!command)
        abort();
    append_schema(command, fields, true);
    return command;
}

bson_t *find_encrypted(int n) {
    return from_json("{'find': 'p', 'filter': {'f0': 'x'}}", n);
}

bson_t *find_plain(int n) {
    return from_json("{'find': 'p', 'filter': {'a': {'$gt': 1}, 'b': 'x'}, 'sort': {'a': 1}}", n);
}

bson_t *update_encrypted(int n) {
    return from_json("{'update': 'p', 'updates': [{'q': {'_id': 1}, 'u': {'$set': {'f0': 'x'}}}]}", n);
}

bson_t *count_documents(int n) {
    return from_json("{'aggregate': 'p', 'pipeline': [{'$match': {'f0': 'x'}},"
                     " {'$group': {'_id': 1, 'n': {'$sum': 1}}}], 'cursor': {}}",
                     n);
}

bson_t *dashboard(int n) {
    return from_json("{'aggregate': 'p', 'pipeline': [{'$match': {'when': {'$gt': 1}}},"
                     " {'$group': {'_id': {'$dateTrunc': {'date': '$when', 'unit': 'day'}},"
                     " 'total': {'$sum': '$amount'}, 'mean': {'$avg': '$amount'}}},"
                     " {'$sort': {'_id': 1}}, {'$limit': 30}], 'cursor': {}}",
                     n);
}

bson_t *lookup_with_let(int n) {
    return from_json("{'aggregate': 'p', 'pipeline': [{'$lookup': {'from': 'p', 'let': {'manager': '$manager'},"
                     " 'pipeline': [{'$match': {'f0': 'x', '$expr': {'$eq': ['$name', '$$manager']}}},"
                     " {'$project': {'name': 1, 'f10': 1}}], 'as': 'reports'}},"
                     " {'$match': {'reports.name': 'a'}}], 'cursor': {}}",
                     n);
}
