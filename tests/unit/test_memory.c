/* Every allocation fails in turn, of an analysis and of what else the public header offers: the answer is the right one
 * or a refusal, and nothing is lost. Memory that an arena hands out counts as allocated by who asks for it, and a step
 * of the budget for alternatives as an allocation.
 *
 * The cases make far more allocations than can fail one by one. So each *place* fails once: what calls the allocation,
 * what calls that, and so on; the first case that comes by a place lets it fail. */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "../runner/cases.h"
#include "arena.h"
#include "derive.h"
#include "opencrypt.h"

static const char *folder;
static long fail_at = -1; /* allocations until one fails; -1: none does */
static bool failed;

/* ---- places ---- */

enum { CALLERS = 24, PLACES = 1 << 16, NEW_PLACES = 4096 };

static struct {
    const void *outermost;  /* a frame above all that is looked at; NULL: nobody looks */
    long count;             /* allocations since then */
    long fresh[NEW_PLACES]; /* which of them were at places that are new */
    size_t fresh_count;
    uint64_t known[PLACES];
    size_t known_count;
} places;

/* Frames are a list: each begins with the address of its caller's and is followed by that of the code to return to.
 * Where the compiler has left that out, what is found there is nothing above us on this stack, and the walk ends. */
static uint64_t hash_callers(const void *const *frame) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < CALLERS; i++) {
        hash = (hash ^ (uintptr_t)frame[1]) * 0x9e3779b97f4a7c15;
        const void *const *next = frame[0];
        if (next <= frame || (const void *)next >= places.outermost || (uintptr_t)next % sizeof *next)
            break;
        frame = next;
    }
    return hash | 1;
}

static bool is_new(uint64_t place) {
    size_t at = place >> 32 & (PLACES - 1);
    while (places.known[at] && places.known[at] != place)
        at = (at + 1) & (PLACES - 1);
    if (places.known[at])
        return false;
    places.known[at] = place;
    assert_true(++places.known_count < PLACES / 2);
    return true;
}

static void note_place(const void *const *frame) {
    if (is_new(hash_callers(frame))) {
        assert_true(places.fresh_count < NEW_PLACES);
        places.fresh[places.fresh_count++] = places.count;
    }
    places.count++;
}

/* ---- allocations ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__real_oc_arena_alloc(oc_arena *arena, size_t size);
void *__wrap_oc_arena_alloc(oc_arena *arena, size_t size);
void *__real_oc_arena_zeroed(oc_arena *arena, size_t count, size_t size);
void *__wrap_oc_arena_zeroed(oc_arena *arena, size_t count, size_t size);
bool __real_oc_derive_work(oc_lookup *lookup);
bool __wrap_oc_derive_work(oc_lookup *lookup);

static bool fails_now(const void *const *frame) {
    if (places.outermost)
        note_place(frame);
    if (fail_at < 0 || fail_at-- > 0)
        return false;
    failed = true;
    return true;
}

#define FAILS_NOW fails_now(__builtin_frame_address(0))

void *__wrap_malloc(size_t size) {
    return FAILS_NOW ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return FAILS_NOW ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size) {
    return FAILS_NOW ? NULL : __real_realloc(p, size);
}

void *__wrap_oc_arena_alloc(oc_arena *arena, size_t size) {
    return FAILS_NOW ? NULL : __real_oc_arena_alloc(arena, size);
}

void *__wrap_oc_arena_zeroed(oc_arena *arena, size_t count, size_t size) {
    return FAILS_NOW ? NULL : __real_oc_arena_zeroed(arena, count, size);
}

bool __wrap_oc_derive_work(oc_lookup *lookup) {
    return FAILS_NOW ? oc_fail(lookup->error, OC_TOO_COMPLEX, NULL, NULL, NULL, "no more")
                     : __real_oc_derive_work(lookup);
}

/* ---- analyses ---- */

/* No random bytes either: names are hashed all the same. */
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags) {
    (void)bytes;
    (void)len;
    (void)flags;
    return -1;
}

static bool is_exhausted(const char *rule) {
    return strcmp(rule, "out-of-memory") == 0 || strcmp(rule, "too-complex") == 0;
}

static void assert_answer(const oc_case *c, const opencrypt_reply *reply) {
    bson_t doc;
    assert_true(bson_init_static(&doc, reply->data, reply->len));
    if (reply->ok)
        assert_true(c->reply && bson_equal(&doc, c->reply));
    else if (!failed)
        assert_null(c->reply);
    else if (c->reply)
        assert_true(is_exhausted(reply->refusal.rule));
}

/* One analysis with everything made new. */
static void analyze(const oc_case *c) {
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = engine ? opencrypt_request_new(engine, 16) : NULL;
    if (request) {
        opencrypt_reply reply;
        opencrypt_analyze(request, bson_get_data(c->command), c->command->len, NULL, 0, &reply);
        fail_at = -1;
        places.outermost = NULL;
        assert_answer(c, &reply);
    }
    fail_at = -1;
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
}

static void look_for_places(const oc_case *c) {
    places.fresh_count = 0;
    places.count = 0;
    places.outermost = __builtin_frame_address(0);
    analyze(c);
    places.outermost = NULL;
}

static void fail_new_places(const oc_case *c, void *data) {
    (void)data;
    failed = false;
    look_for_places(c);
    for (size_t i = 0; i < places.fresh_count; i++) {
        failed = false;
        fail_at = places.fresh[i];
        analyze(c);
        if (!failed)
            fail_msg("%s: '%s' makes other allocations each time", c->file, c->name);
    }
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    oc_cases_each(folder, fail_new_places, NULL);
    print_message("%zu places\n", places.known_count);
    assert_true(places.known_count > 500);
}

/* ---- schemas and placeholders ---- */

/* Of names and patterns whose lengths make the path of a field grow at each of its parts. */
static const char schema_json[] =
    "{\"bsonType\": \"object\", \"properties\": {\"ssn\": {\"encrypt\": {\"algorithm\": "
    "\"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", \"keyId\": \"/key\"}}, \"user%.*s\": {\"bsonType\": \"object\", "
    "\"additionalProperties\": {\"bsonType\": \"string\"}, \"patternProperties\": {\"^a%.*s\": {\"encrypt\": "
    "{\"algorithm\": \"AEAD_AES_256_CBC_HMAC_SHA_512-Random\", \"keyId\": \"/key\"}}}}}}";
enum { LONGEST_NAME = 12 };
static const char filling[LONGEST_NAME + 1] = "eeeeeeeeeeee";

static const char reply_json[] =
    "{\"result\": {\"documents\": [{\"a name that makes the path grow a little\": [{\"$binary\": {\"base64\": "
    "\"AB0AAAAQYQACAAAAAmthAAIAAABrABB2AAEAAAAA\", \"subType\": \"06\"}}]}]}}";

static void look_into(opencrypt_schema *schema) {
    opencrypt_fields *fields = opencrypt_fields_new(schema);
    size_t count = 0;
    while (fields && opencrypt_fields_next(fields))
        count++;
    assert_true(failed || count == 2);
    assert_true(!fields || opencrypt_fields_failed(fields) == (failed && count < 2));
    opencrypt_fields_free(fields);
    const opencrypt_place *place = opencrypt_schema_look_up(schema, "user.x", 6);
    assert_true(failed || (place && place->position == OPENCRYPT_AT_PLAIN));
    assert_true(place || opencrypt_schema_refusal(schema));
}

static void compile_failing(const bson_t *doc) {
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_schema *schema =
        engine ? opencrypt_schema_compile(engine, OPENCRYPT_SCHEMA_LOCAL, bson_get_data(doc), doc->len) : NULL;
    if (schema && opencrypt_schema_refusal(schema))
        assert_string_equal(opencrypt_schema_refusal(schema)->rule, "out-of-memory");
    if (schema && !opencrypt_schema_refusal(schema))
        look_into(schema);
    opencrypt_schema_free(schema);
    opencrypt_engine_free(engine);
}

static void read_failing(const bson_t *doc) {
    opencrypt_placeholders *it = opencrypt_placeholders_new(bson_get_data(doc), doc->len);
    size_t count = 0;
    while (it && opencrypt_placeholders_next(it))
        count++;
    assert_true(count == 1 || failed);
    if (it && opencrypt_placeholders_refusal(it))
        assert_string_equal(opencrypt_placeholders_refusal(it)->rule, failed ? "out-of-memory" : "");
    opencrypt_placeholders_free(it);
}

static void fail_each_of(void (*run)(const bson_t *doc), const char *json, long at_least) {
    bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);
    long n = 0;
    assert_non_null(doc);
    do {
        failed = false;
        fail_at = n++;
        run(doc);
    } while (failed);
    fail_at = -1;
    assert_true(n > at_least);
    bson_destroy(doc);
}

static void every_allocation_of_a_schema_may_fail(void **state) {
    char json[1024];
    (void)state;
    for (int name = 0; name <= LONGEST_NAME; name++)
        for (int pattern = 0; pattern <= LONGEST_NAME; pattern++) {
            snprintf(json, sizeof json, schema_json, name, filling, pattern, filling);
            fail_each_of(compile_failing, json, 8);
        }
}

static void every_allocation_of_placeholders_may_fail(void **state) {
    (void)state;
    fail_each_of(read_failing, reply_json, 3);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_allocation_of_a_schema_may_fail),
        cmocka_unit_test(every_allocation_of_placeholders_may_fail),
    };
    folder = argc > 1 ? argv[1] : "tests/cases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
