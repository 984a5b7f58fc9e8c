/* oc_cases SUBJECT FOLDER [PART-OF-NAME]: runs all cases, or those with such a name, against the library ("library"),
 * a mongo_crypt_v1.so or an opencryptd at a path, and compares whole replies, byte for byte. */

#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "expect.h"
#include "subject.h"

typedef struct run {
    oc_subject *subject;
    const char *only; /* run cases whose name holds this; NULL: all */
    size_t passed, failed;
} run;

static void print_json(const char *label, const bson_t *doc) {
    char *json = doc ? bson_as_relaxed_extended_json(doc, NULL) : NULL;
    fprintf(stderr, "    %s %s\n", label, json ? json : "(nothing)");
    bson_free(json);
}

static void print_failure(const oc_case *c, const bson_t *reply, const char *rule) {
    fprintf(stderr, "%s: %s\n", c->file, c->name);
    print_json("command ", c->command);
    if (c->reply)
        print_json("expected", c->reply);
    else
        fprintf(stderr, "    expected error %s %d at '%s': %s\n", c->rule ? c->rule : "", c->code, c->path, c->message);
    print_json("got     ", reply);
    if (rule && rule[0])
        fprintf(stderr, "    by rule  %s\n", rule);
}

static void check(const oc_case *c, void *data) {
    run *r = data;
    if (r->only && !strstr(c->name, r->only))
        return;
    bson_t *reply = oc_subject_ask(r->subject, c->command);
    const char *rule = oc_subject_rule(r->subject);
    bool ok = reply && oc_case_holds(c, reply, rule);
    r->passed += ok;
    r->failed += !ok;
    if (!ok)
        print_failure(c, reply, rule);
    if (reply)
        bson_destroy(reply);
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: oc_cases library|PATH-OF-SO|PATH-OF-OPENCRYPTD FOLDER [PART-OF-NAME]\n");
        return 2;
    }
    run r = {.subject = oc_subject_new(argv[1]), .only = argc > 3 ? argv[3] : NULL};
    size_t cases = oc_cases_each(argv[2], check, &r);
    oc_subject_free(r.subject);
    printf("%zu of %zu cases: %zu passed, %zu failed\n", r.passed + r.failed, cases, r.passed, r.failed);
    return r.failed || r.passed == 0;
}
