/* What one pipeline may cost: stages, alternatives, objects and arrays in one another. */

#include "request.h"

#include <stdio.h>

static const char people[] =
    "{'bsonType': 'object', 'properties': {'ssn': ENCRYPTED, 'user': {'bsonType': 'object', 'properties': {'ssn': "
    "ENCRYPTED}}, 'user2': {'bsonType': 'object', 'properties': {'ssn': ENCRYPTED}}}}";
/* `first`, then the `count` times repeated stages, then `last`; NULL: none of these. */
static void append_stages(bson_t *command, const char *name, const char *first, const char *const repeated[2],
                          int count, const char *last) {
    bson_t pipeline;
    char key[16];
    int n = 0;
    bson_append_array_begin(command, name, -1, &pipeline);
    if (first)
        append_json(&pipeline, "0", first), n++;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < 2 && repeated[j]; j++) {
            snprintf(key, sizeof key, "%d", n++);
            append_json(&pipeline, key, repeated[j]);
        }
    }
    snprintf(key, sizeof key, "%d", n);
    if (last)
        append_json(&pipeline, key, last);
    bson_append_array_end(command, &pipeline);
}

static opencrypt_reply analyze_with(bson_t *command, const char *schema) {
    opencrypt_reply reply;
    append_json(command, "jsonSchema", schema);
    BSON_APPEND_BOOL(command, "isRemoteSchema", false);
    opencrypt_analyze(request, bson_get_data(command), command->len, "db", 2, &reply);
    bson_destroy(command);
    return reply;
}

static opencrypt_reply aggregate(const char *const repeated[2], int count, const char *last) {
    bson_t *command = bson_new();
    BSON_APPEND_UTF8(command, "aggregate", "people");
    append_stages(command, "pipeline", NULL, repeated, count, last);
    append_json(command, "cursor", "{}");
    return analyze_with(command, people);
}

static opencrypt_reply update(const char *first, const char *repeated, int count, const char *schema) {
    bson_t *command = bson_new(), updates, statement;
    BSON_APPEND_UTF8(command, "update", "people");
    bson_append_array_begin(command, "updates", -1, &updates);
    bson_append_document_begin(&updates, "0", -1, &statement);
    append_json(&statement, "q", "{}");
    append_stages(&statement, "u", first, (const char *const[2]){repeated, NULL}, count, NULL);
    bson_append_document_end(&updates, &statement);
    bson_append_array_end(command, &updates);
    return analyze_with(command, schema);
}

static void assert_too_complex(opencrypt_reply reply) {
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-complex");
}

/* What lies in more of them than are followed is unknown. */
static void arrays_in_arrays_are_followed_to_a_limit(void **state) {
    static const char *const wrap[2] = {"{'$addFields': {'ssn': ['$ssn']}}", NULL};
    static const char match[] = "{'$match': {'ssn': 'x'}}";
    (void)state;
    assert_string_equal(aggregate(wrap, 200, match).refusal.rule, "operator-above-encrypted");
    assert_string_equal(aggregate(wrap, 201, match).refusal.rule, "unknown-until-runtime");
}

/* Each stage makes either of two objects of two such objects: 2^50 ways to the bottom. */
static void alternatives_that_multiply_are_given_up(void **state) {
    (void)state;
    assert_too_complex(update(NULL,
                              "{'$set': {'user': {'$cond': ['$c', '$user', '$user2']}, 'user2': {'$cond': ['$c', "
                              "'$user2', '$user']}}}",
                              50, people));
}

/* Each object holds the one before it twice: none of them may be copied with what it holds. */
static void objects_in_objects_are_not_copied(void **state) {
    char schema[4096] = "";
    (void)state;
    strcat(schema, "{'bsonType': 'object', 'properties': {'t': ");
    for (int i = 0; i < 40; i++)
        strcat(schema, "{'bsonType': 'object', 'additionalProperties': ");
    strcat(schema, "ENCRYPTED");
    for (int i = 0; i < 42; i++)
        strcat(schema, "}");
    opencrypt_reply reply = update("{'$set': {'t': {'$let': {'vars': {}, 'in': {'a': 1, 'b': '$n'}}}}}",
                                   "{'$set': {'t': {'$let': {'vars': {}, 'in': {'a': '$t', 'b': '$t'}}}}}", 30, schema);
    assert_false(reply.ok);
}

/* The same where nothing is a constant, and every path agrees: 2^40 of them. */
static void objects_that_multiply_are_given_up(void **state) {
    char schema[4096] = "";
    (void)state;
    strcat(schema, "{'bsonType': 'object', 'properties': {'t': ");
    for (int i = 0; i < 45; i++)
        strcat(schema, "{'bsonType': 'object', 'additionalProperties': ");
    strcat(schema, "ENCRYPTED");
    for (int i = 0; i < 47; i++)
        strcat(schema, "}");
    assert_too_complex(update("{'$set': {'t': {'$let': {'vars': {}, 'in': {'z': '$$REMOVE'}}}}}",
                              "{'$set': {'t': {'$let': {'vars': {}, 'in': {'a': '$t', 'b': '$t'}}}}}", 40, schema));
}

/* Unions in unions, with a stage between them: looking a field up recurses once for each. */
static void unions_without_end_do_not_end_the_stack(void **state) {
    static const char *const repeated[2] = {
        "{'$unionWith': {'coll': 'people', 'pipeline': [{'$project': {'user': 1}}]}}",
        "{'$lookup': {'from': 'people', 'pipeline': [], 'as': 'k'}}"};
    (void)state;
    opencrypt_reply reply = aggregate(repeated, 20000, "{'$match': {'foo': 1}}");
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "stage-on-encrypted");
}

static void pipelines_nest_to_a_limit(void **state) {
    char stage[4096] = "";
    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(stage, "{'$facet': {'f': [");
    strcat(stage, "{'$limit': 1}");
    for (int i = 0; i < 30; i++)
        strcat(stage, "]}}");
    opencrypt_reply reply = aggregate((const char *const[2]){stage, NULL}, 1, NULL);
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-deep");
}

/* `open` n times, `middle`, `close` n times, in `stage` where it says %s. */
static opencrypt_reply aggregate_nested(const char *stage, const char *open, int n, const char *middle,
                                        const char *close) {
    static char nested[8192], whole[8192 + 128];
    nested[0] = '\0';
    for (int i = 0; i < n; i++)
        strcat(nested, open);
    strcat(nested, middle);
    for (int i = 0; i < n; i++)
        strcat(nested, close);
    size_t before = (size_t)(strstr(stage, "%s") - stage);
    snprintf(whole, sizeof whole, "%.*s%s%s", (int)before, stage, nested, stage + before + 2);
    return aggregate((const char *const[2]){whole, NULL}, 1, NULL);
}

static void expressions_nest_to_a_limit(void **state) {
    static const char stage[] = "{'$project': {'x': %s}}";
    (void)state;
    assert_true(aggregate_nested(stage, "{'$abs': ", 80, "1", "}").ok);
    opencrypt_reply reply = aggregate_nested(stage, "{'$abs': ", 81, "1", "}");
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-deep");
}

static void paths_of_a_projection_have_a_limit(void **state) {
    static const char stage[] = "{'$project': {'%s': 1}}";
    (void)state;
    assert_true(aggregate_nested(stage, "a.", 127, "a", "").ok);
    opencrypt_reply reply = aggregate_nested(stage, "a.", 128, "a", "");
    assert_false(reply.ok);
    assert_string_equal(reply.refusal.rule, "too-deep");
}

static void variables_are_counted(void **state) {
    bson_t *command = bson_new(), let;
    (void)state;
    BSON_APPEND_UTF8(command, "aggregate", "people");
    append_json(command, "cursor", "{}");
    append_stages(command, "pipeline", NULL, (const char *const[2]){NULL, NULL}, 0, NULL);
    bson_append_document_begin(command, "let", -1, &let);
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "v%d", i);
        BSON_APPEND_INT32(&let, name, i);
    }
    bson_append_document_end(command, &let);
    assert_too_complex(analyze_with(command, people));
}

static void a_thousand_stages_are_ordinary(void **state) {
    static const char *const repeated[2] = {"{'$addFields': {'user.nick': '$name'}}", "{'$match': {'ssn': 'x'}}"};
    (void)state;
    opencrypt_reply reply = aggregate(repeated, 500, NULL);
    assert_true(reply.ok);
    assert_int_equal(500, reply.placeholders);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_in_arrays_are_followed_to_a_limit),
        cmocka_unit_test(alternatives_that_multiply_are_given_up),
        cmocka_unit_test(objects_in_objects_are_not_copied),
        cmocka_unit_test(objects_that_multiply_are_given_up),
        cmocka_unit_test(unions_without_end_do_not_end_the_stack),
        cmocka_unit_test(pipelines_nest_to_a_limit),
        cmocka_unit_test(expressions_nest_to_a_limit),
        cmocka_unit_test(paths_of_a_projection_have_a_limit),
        cmocka_unit_test(variables_are_counted),
        cmocka_unit_test(a_thousand_stages_are_ordinary),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
