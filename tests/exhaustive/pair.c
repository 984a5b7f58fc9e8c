#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "direct.h"
#include "judge.h"
#include "sabotage.h"

void examiner_open(examiner *e) {
    *e = (examiner){.engine = opencrypt_engine_new()};
    e->request = e->engine ? opencrypt_request_new(e->engine, 0) : NULL;
    if (!e->request) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
}

void examiner_close(examiner *e) {
    opencrypt_request_free(e->request);
    opencrypt_engine_free(e->engine);
    free(e->bytes.data);
    pool_done(&e->pool);
}

static const char *flags(bool encrypts, const value *reply, const opencrypt_reply *given) {
    const value *has = value_get(reply, "hasEncryptionPlaceholders"),
                *needs = value_get(reply, "schemaRequiresEncryption");
    if (!has || has->type != T_BOOL || has->bytes[0] != (given->placeholders > 0))
        return "wrong hasEncryptionPlaceholders";
    if (encrypts && value_placeholders(value_get(reply, "result")) != given->placeholders)
        return "wrong number of placeholders";
    if (!needs || needs->type != T_BOOL || needs->bytes[0] != encrypts)
        return "wrong schemaRequiresEncryption";
    return NULL;
}

static const char *judged(examiner *e, const schema *s, const value *command, const value *result) {
    judge j = {.p = &e->pool, .w = &s->world};
    switch (e->no_judge ? V_FINE : judge_command(&j, command, result)) {
    case V_REFUSE: return pool_text(&e->pool, "accepted, but: %s", j.why);
    case V_WRONG: return pool_text(&e->pool, "wrong result: %s", j.why);
    default: return NULL;
    }
}

/* A leak is the worst, so it is looked for first. */
static const char *whats_wrong(examiner *e, const schema *s, const value *command, const value *result) {
    const char *why = e->no_direct ? NULL : direct_leak(&e->pool, s, command, result);
    if (!why)
        why = judged(e, s, command, result);
    return why || e->no_direct ? why : direct_change(&e->pool, command, result);
}

/* ---- sabotage ---- */

static const value *without_schema(pool *p, const value *command) {
    static const char *const names[] = {"jsonSchema", "isRemoteSchema", "csfleEncryptionSchemas"};
    value *bare = value_doc(p);
    for (const value *m = command->first; m; m = m->next) {
        bool drop = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            drop |= strcmp(m->name, names[i]) == 0;
        if (!drop)
            value_put(p, bare, m->name, m);
    }
    return bare;
}

/* The last plain number or string that is not the command's own name. */
static const value *changed(pool *p, const value *v, bool *done) {
    if (!value_is_container(v)) {
        if (*done || v->type != T_STRING || strncmp(value_chars(v), "secret-", 7) != 0)
            return v;
        *done = true;
        return value_string(p, "another");
    }
    value *copy = v->type == T_DOC ? value_doc(p) : value_array(p);
    for (const value *m = v->first; m; m = m->next)
        value_put(p, copy, m->name, changed(p, m, done));
    return copy;
}

static const value *sabotaged(examiner *e, const value *command, const value *result, finding *f) {
    rng r = {f->placeholders};
    f->sabotaged = f->placeholders > 0 && e->sabotage != S_NONE;
    if (e->sabotage == S_CHANGED) {
        f->sabotaged = false;
        return changed(&e->pool, result, &f->sabotaged);
    }
    if (!f->sabotaged)
        return result;
    return e->sabotage == S_UNMARKED ? without_schema(&e->pool, command) : sabotage(&e->pool, &r, result);
}

/* ---- both kinds of answers ---- */

static void accepted(examiner *e, const schema *s, const value *command, const opencrypt_reply *reply, finding *f) {
    uint8_t *copy = pool_take(&e->pool, reply->len);
    memcpy(copy, reply->data, reply->len);
    const value *doc = value_read(&e->pool, copy, reply->len);
    f->accepted = true;
    f->placeholders = reply->placeholders;
    f->result = doc ? value_get(doc, "result") : NULL;
    if (f->result)
        f->failure = flags(world_request_encrypts(&s->world, command), doc, reply);
    else
        f->failure = "no result";
    if (f->failure)
        return;
    f->result = sabotaged(e, command, f->result, f);
    f->failure = whats_wrong(e, s, command, f->result);
}

static void refused(examiner *e, const schema *s, const value *command, const opencrypt_reply *reply, finding *f) {
    judge j = {.p = &e->pool, .w = &s->world};
    f->code = reply->refusal.code;
    f->refused_schema = reply->refusal.path[0] == '/';
    f->message = pool_text(&e->pool, "%s: %s", reply->refusal.rule, reply->refusal.message);
    if (f->refused_schema)
        f->failure = pool_text(&e->pool, "the schema is refused: %s", f->message);
    else if (!e->no_judge && f->code != 115 && judge_command(&j, command, NULL) == V_FINE)
        f->too_strict = f->message;
}

finding examine(examiner *e, const schema *s, value *command) {
    finding f = {0};
    opencrypt_reply reply;
    if (value_get(command, "viewOn"))
        world_put_view_schema(&s->world, &e->pool, command, value_chars(command->first));
    else
        world_put_schema(&s->world, &s->world.collections[0], &e->pool, command);
    e->bytes.len = 0;
    value_write(&e->bytes, command);
    if (opencrypt_analyze(e->request, e->bytes.data, e->bytes.len, NULL, 0, &reply))
        accepted(e, s, command, &reply, &f);
    else
        refused(e, s, command, &reply, &f);
    return f;
}
