#include "judge.h"

#include <string.h>

#include "attach.h"
#include "command.h"
#include "shape.h"

void oc_judge_init(oc_judge *j, const oc_schemas *schemas, oc_tally *tally) {
    *j = (oc_judge){.schemas = schemas, .tally = tally};
    j->request = opencrypt_request_new(schemas->engine, 0);
    if (!j->request)
        oc_die_of_memory();
}

void oc_judge_done(oc_judge *j) {
    opencrypt_request_free(j->request);
    oc_buffer_done(&j->shape);
    oc_buffer_done(&j->marks);
}

/* ---- what libmongocrypt refuses before it asks ---- */

#define BY_DRIVER(rule_, path_, op_, message_, hint_)                                                                  \
    { .code_name = "", .rule = (rule_), .path = (path_), .op = (op_), .message = (message_), .hint = (hint_) }

static const opencrypt_refusal command_refused =
    BY_DRIVER("driver-command", "", "", "command not supported for auto encryption",
              "run it with a client that does not encrypt automatically");
static const opencrypt_refusal view_refused =
    BY_DRIVER("driver-view", "", "", "cannot auto encrypt a view", "query the collection that it is a view of");
static const opencrypt_refusal bulk_refused =
    BY_DRIVER("driver-bulk-write", "nsInfo", "bulkWrite",
              "expected one namespace in nsInfo: drivers encrypt bulk writes to one collection only",
              "write to one collection at a time");
static const opencrypt_refusal union_refused = BY_DRIVER(
    "driver-union-with", "", "$unionWith", "failed to recurse $unionWith: drivers can read it only as an object",
    "write {$unionWith: {coll: \"name\", pipeline: []}}");

static const opencrypt_refusal *refused_by_driver(const oc_judge *j, const char *name, const oc_namespaces *n) {
    if (oc_command_fate(name) == OC_REFUSED)
        return &command_refused;
    if (strcmp(name, "bulkWrite") == 0 && n->count > 1)
        return &bulk_refused;
    if (n->short_union)
        return &union_refused;
    for (size_t i = 0; i < n->count; i++) {
        const oc_collection *c = oc_schemas_find(j->schemas, n->list[i], strlen(n->list[i]));
        if (c && c->view && strcmp(name, "create") != 0 && strcmp(name, "collMod") != 0)
            return &view_refused;
    }
    return NULL;
}

/* ---- one command ---- */

static void analyse(oc_judge *j, const bson_t *command, const char *db, const oc_namespaces *n, oc_judged *out) {
    opencrypt_reply reply;
    bson_t *sent = oc_attach(j->schemas, command, db);
    if (!opencrypt_analyze(j->request, bson_get_data(sent), sent->len, NULL, 0, &reply)) {
        out->verdict = OC_REFUSED_VERDICT;
        out->refusal = &reply.refusal;
    } else if (reply.placeholders) {
        out->verdict = OC_MARKED;
        oc_marks_collect(&j->marks, j->schemas, n, &reply);
    }
    oc_tally_add(j->tally, out);
    opencrypt_request_clear(j->request);
    bson_destroy(sent);
}

static void judge(oc_judge *j, const bson_t *command, const char *db, const char *name, oc_seen seen) {
    oc_namespaces n = {0};
    j->shape.len = j->marks.len = 0;
    oc_shape_append(&j->shape, command);
    oc_namespaces_find(&n, command, db);
    for (size_t i = 0; i < n.count && !j->met_schema; i++)
        j->met_schema = oc_schemas_find(j->schemas, n.list[i], strlen(n.list[i])) != NULL;
    oc_judged judged = {.verdict = OC_PASSES,
                        .ns = n.count ? n.list[0] : db,
                        .command = name,
                        .shape = &j->shape,
                        .marks = &j->marks,
                        .refusal = refused_by_driver(j, name, &n),
                        .seen = seen};
    if (judged.refusal) {
        judged.verdict = OC_REFUSED_VERDICT;
        oc_tally_add(j->tally, &judged);
    } else {
        analyse(j, command, db, &n, &judged);
    }
    oc_namespaces_done(&n);
}

/* Servers have data of their own, and commands on it in their logs. */
static bool is_of_server(const char *db, const char *name) {
    return !strcmp(db, "local") || !strcmp(db, "config") || (!strcmp(db, "admin") && strcmp(name, "bulkWrite") != 0);
}

void oc_judge_command(oc_judge *j, const bson_t *command, const char *db, oc_seen seen) {
    const char *name = oc_command_name(command);
    oc_fate fate = oc_command_fate(name);
    if (fate == OC_BYPASSED || fate == OC_INTERNAL || is_of_server(db, name)) {
        oc_counts_add(&j->tally->skipped, name, seen);
        return;
    }
    if (!*db) {
        oc_counts_add(&j->tally->unreadable, "the command does not say its database: give it with --db", seen);
        return;
    }
    bson_t *plain = oc_command_stripped(command);
    judge(j, plain, db, name, seen);
    bson_destroy(plain);
}
