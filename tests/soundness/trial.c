#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval.h"
#include "gen.h"
#include "judge.h"
#include "sabotage.h"
#include "tokens.h"

void bench_open(bench *b) {
    *b = (bench){.engine = opencrypt_engine_new(), .judge = true, .evaluate = true};
    b->request = b->engine ? opencrypt_request_new(b->engine, 0) : NULL;
    if (!b->request) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
}

void bench_close(bench *b) {
    opencrypt_request_free(b->request);
    opencrypt_engine_free(b->engine);
    free(b->bytes.data);
    pool_done(&b->pool);
}

static const value *read_reply(bench *b, const opencrypt_reply *reply) {
    uint8_t *copy = pool_take(&b->pool, reply->len);
    memcpy(copy, reply->data, reply->len);
    return value_read(&b->pool, copy, reply->len);
}

/* *comparable: whether the evaluator may expect the same meaning. */
static void keep_reached(bench *b, trial *t, const cell *reached, unsigned n) {
    cell *copy = pool_take(&b->pool, (n + 1) * sizeof *copy);
    memcpy(copy, reached, n * sizeof *copy);
    t->reached = copy;
    t->reached_count = n;
}

static const char *judged(bench *b, const world *w, const value *command, const value *result, bool *comparable,
                          trial *t) {
    bool *moot = &t->moot;
    judge j = {.p = &b->pool, .w = w, .cells = b->cells};
    judge_command(&j, command, result);
    *moot = j.verdict == V_MOOT;
    if (j.verdict == V_FINE)
        keep_reached(b, t, j.reached, j.reached_count);
    *comparable = !j.exception && j.verdict == V_FINE;
    switch (j.verdict) {
    case V_REFUSE: return pool_text(&b->pool, "accepted, but: %s", j.why);
    case V_WRONG: return pool_text(&b->pool, "wrong result: %s", j.why);
    default: return NULL;
    }
}

enum { DOCUMENTS = 6 };

static const value *documents_for(bench *b, const world *w, const collection *c, uint64_t seed) {
    rng r = {seed};
    gen g = {.r = &r, .p = &b->pool, .w = w, .c = c};
    position root = position_root(c->root);
    value *docs = value_array(&b->pool);
    for (int i = 0; i < DOCUMENTS; i++)
        value_push(&b->pool, docs, gen_document(&g, &root, true));
    return docs;
}

static const value *tokenised(vault *v, const value *docs, const collection *c) {
    value *out = value_array(v->p);
    for (const value *doc = docs->first; doc; doc = doc->next)
        value_push(v->p, out, tokens_in_document(v, doc, c));
    return out;
}

static bool writes(const value *command) {
    static const char *const names[] = {"insert", "update", "findAndModify", "findandmodify", "bulkWrite"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(command->first->name, names[i]) == 0)
            return true;
    return false;
}

static const char *stored_soundly(const vault *v, const value *docs, const collection *c) {
    for (const value *doc = docs->first; doc; doc = doc->next) {
        const char *why = tokens_misplaced(v, doc, c);
        if (why)
            return why;
    }
    return NULL;
}

/* Documents of all collections; only commands that may read others need those. */
static void put_collections(bench *b, const world *w, const collection *c, uint64_t seed, eval *original,
                            eval *encrypted, vault *v) {
    for (unsigned i = 0; i < w->count; i++) {
        const collection *origin = &w->collections[i];
        const value *docs = documents_for(b, w, origin, seed + i), *tokens = tokenised(v, docs, origin);
        original->collections[i].origin = encrypted->collections[i].origin = origin;
        original->collections[i].documents = docs;
        encrypted->collections[i].documents = tokens;
        if (origin != c)
            continue;
        original->documents = docs;
        encrypted->documents = tokens;
    }
    original->collection_count = encrypted->collection_count = w->count;
}

static const char *compare_meanings(bench *b, const world *w, const value *plain, const value *marked,
                                    const collection *c, uint64_t seed, bool *evaluated) {
    vault v = {.p = &b->pool};
    eval original = {.p = &b->pool, .origin = c}, encrypted = {.p = &b->pool, .origin = c, .vault = &v};
    put_collections(b, w, c, seed, &original, &encrypted, &v);
    /* A copy in which no member is shared, since conflicts between updates are found by identity. */
    const value *expected = eval_command(&original, tokens_for_placeholders(&v, plain));
    const value *got = eval_command(&encrypted, tokens_for_placeholders(&v, marked));
    *evaluated = !original.unknown && !encrypted.unknown;
    if (!*evaluated)
        return NULL;
    if (original.failed != encrypted.failed)
        return "wrong meaning: fails on one side only";
    if (original.failed)
        return NULL;
    const char *why = writes(plain) ? stored_soundly(&v, got, c) : NULL;
    if (why)
        return pool_text(&b->pool, "wrong meaning: %s", why);
    return value_equal(expected, tokens_undone(&v, got)) ? NULL : "wrong meaning: other results on ciphertext";
}

/* The collection that the command names first; bulkWrite names it in nsInfo. */
static const collection *target(const world *w, const value *command) {
    const value *names = value_get(command, "nsInfo");
    const value *name = names && names->first ? value_get(names->first, "ns") : command->first;
    const char *text = name ? value_chars(name) : "";
    return world_find(w, strncmp(text, "db.", 3) == 0 ? text + 3 : text);
}

static const char *evaluated(bench *b, const world *w, const value *command, const value *result, uint64_t seed,
                             bool *done) {
    if (value_get(command, "explain")) {
        command = value_get(command, "explain");
        result = value_get(result, "explain");
    }
    const collection *c = target(w, command);
    return c ? compare_meanings(b, w, command, result, c, seed, done) : NULL;
}

static const char *check_flags(bool encrypts, const value *reply, const opencrypt_reply *given) {
    const value *has = value_get(reply, "hasEncryptionPlaceholders"),
                *needs = value_get(reply, "schemaRequiresEncryption");
    if (!has || has->type != T_BOOL || has->bytes[0] != (given->placeholders > 0))
        return "wrong hasEncryptionPlaceholders";
    if (value_placeholders(value_get(reply, "result")) != given->placeholders && encrypts)
        return "wrong number of placeholders";
    if (!needs || needs->type != T_BOOL || needs->bytes[0] != encrypts)
        return "wrong schemaRequiresEncryption";
    return NULL;
}

static void accepted(bench *b, const world *w, const value *command, const opencrypt_reply *reply, uint64_t seed,
                     trial *t) {
    const value *doc = read_reply(b, reply), *result = doc ? value_get(doc, "result") : NULL;
    t->ending = E_ACCEPTED;
    t->placeholders = reply->placeholders;
    t->judge_says = result ? check_flags(world_request_encrypts(w, command), doc, reply) : "no result";
    if (t->judge_says)
        return;
    if (b->sabotage && reply->placeholders)
        result = sabotage(&b->pool, &(rng){seed}, result);
    bool comparable;
    t->judge_says = judged(b, w, command, result, &comparable, t);
    if (!b->judge) {
        t->judge_says = NULL;
        comparable = true;
    }
    if (b->evaluate && (b->sabotage || comparable))
        t->evaluator_says = evaluated(b, w, command, result, seed, &t->evaluated);
}

static void refused(bench *b, const world *w, const value *command, const opencrypt_reply *reply, trial *t) {
    const char *rule = reply->refusal.rule;
    t->message = pool_text(&b->pool, "%s: %s", rule, reply->refusal.message);
    t->ending = reply->refusal.path[0] == '/' ? E_SCHEMA : E_REFUSED;
    judge j = {.p = &b->pool, .w = w, .cells = b->cells};
    if (!*reply->refusal.message || reply->refusal.code == 0)
        t->judge_says = "refused without a reason";
    if (t->ending != E_REFUSED)
        return;
    verdict v = judge_command(&j, command, NULL);
    if (v == V_FINE)
        t->too_strict = t->message;
    if (v == V_REFUSE)
        keep_reached(b, t, &j.blamed, 1);
}

trial try_command(bench *b, const world *w, const value *command, uint64_t seed) {
    trial t = {0};
    opencrypt_reply reply;
    b->bytes.len = 0;
    value_write(&b->bytes, command);
    if (opencrypt_analyze(b->request, b->bytes.data, b->bytes.len, NULL, 0, &reply))
        accepted(b, w, command, &reply, seed, &t);
    else
        refused(b, w, command, &reply, &t);
    t.failure = t.judge_says ? t.judge_says : t.evaluator_says;
    return t;
}
