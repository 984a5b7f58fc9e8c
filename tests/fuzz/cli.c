/* What the checker may be given to read: JSON or BSON, logs, profiles. It must be counted, and the reports must be
 * whole: the one JSON, both UTF-8 without control characters. The same bytes are read as YAML, too. */

#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "json.h"
#include "report.h"
#include "yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static const char people[] =
    "{\"bsonType\": \"object\", \"properties\": {\"ssn\": {\"encrypt\": {\"bsonType\": \"string\", \"algorithm\": "
    "\"AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic\", \"keyId\": [{\"$uuid\": "
    "\"11d58b8a-0c6c-4d69-a0bd-70c6d9befae9\"}]}}}}";
static const char staff[] =
    "{\"fields\": [{\"path\": \"age\", \"bsonType\": \"int\", \"queries\": {\"queryType\": \"range\"}}]}";

static void add_schema(oc_schemas *s, const char *ns, oc_family family, const char *json) {
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);
    require(doc && oc_schemas_add(s, ns, family, doc, OC_CLIENT, "fuzzer"));
    bson_destroy(doc);
}

static oc_schemas *schemas(void) {
    static oc_schemas s;
    if (s.engine)
        return &s;
    add_schema(&s, "db.people", OC_CSFLE, people);
    add_schema(&s, "db.staff", OC_QE, staff);
    require(oc_schemas_compile(&s));
    return &s;
}

static void check_text(const char *text, size_t len, bool json) {
    bson_error_t error;
    require(oc_utf8_valid(text, len));
    for (size_t i = 0; i < len; i++)
        require((unsigned char)text[i] >= ' ' || text[i] == '\n');
    if (!json)
        return;
    bson_t *doc = bson_new_from_json((const uint8_t *)text, (ssize_t)len, &error);
    require(doc != NULL);
    bson_destroy(doc);
}

static void check_report(const oc_tally *tally, const char *format) {
    oc_report report = {.tally = tally, .schemas = schemas(), .findings = oc_tally_sorted(tally)};
    char *text;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    oc_report_format(format)(to, &report);
    fclose(to);
    check_text(text, len, strcmp(format, "json") == 0);
    free(text);
    free(report.findings);
}

static void read_all(const uint8_t *data, size_t size, oc_feed *feed) {
    oc_input *input = oc_input_over(data, size);
    oc_item item;
    while ((item = oc_input_next(input)).kind != OC_ITEM_END) {
        require(item.kind != OC_ITEM_FAILED);
        oc_feed_item(feed, &item);
    }
    oc_feed_end(feed);
    oc_input_close(input);
}

static void read_yaml(const uint8_t *data, size_t size) {
    oc_buffer json = {0};
    char error[512];
    if (oc_yaml_to_json((const char *)data, size, &json, error, sizeof error))
        check_text(json.data, json.len, false);
    oc_buffer_done(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    oc_tally tally;
    oc_judge judge;
    oc_feed feed = {.judge = &judge, .kind = OC_INPUT_AUTO, .db = "db", .seen = {"fuzzer", 0}};
    oc_tally_init(&tally, 20);
    oc_judge_init(&judge, schemas(), &tally);
    read_all(data, size, &feed);
    check_report(&tally, "table");
    check_report(&tally, "json");
    oc_judge_done(&judge);
    oc_tally_done(&tally);
    read_yaml(data, size);
    return 0;
}
