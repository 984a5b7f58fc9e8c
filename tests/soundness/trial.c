#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

void bench_open(bench *b, bool evaluate) {
    *b = (bench){.engine = opencrypt_engine_new(), .evaluate = evaluate};
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

static const char *judged(bench *b, const world *w, const value *command, const value *reply) {
    judge j = {.p = &b->pool, .w = w};
    const value *result = reply ? value_get(reply, "result") : NULL;
    if (!result)
        return "no result";
    switch (judge_command(&j, command, result)) {
    case V_REFUSE:
        return pool_text(&b->pool, "accepted, but: %s", j.why);
    case V_WRONG:
        return pool_text(&b->pool, "wrong result: %s", j.why);
    default:
        return NULL;
    }
}

static const char *check_flags(const world *w, const value *reply, const opencrypt_reply *given) {
    const value *has = value_get(reply, "hasEncryptionPlaceholders"), *needs = value_get(reply, "schemaRequiresEncryption");
    if (!has || has->type != T_BOOL || has->bytes[0] != (given->placeholders > 0))
        return "wrong hasEncryptionPlaceholders";
    if (value_placeholders(value_get(reply, "result")) != given->placeholders && world_encrypts(w))
        return "wrong number of placeholders";
    if (!needs || needs->type != T_BOOL || needs->bytes[0] != world_encrypts(w))
        return "wrong schemaRequiresEncryption";
    return NULL;
}

static void accepted(bench *b, const world *w, const value *command, const opencrypt_reply *reply, trial *t) {
    const value *doc = read_reply(b, reply);
    t->ending = E_ACCEPTED;
    t->placeholders = reply->placeholders;
    t->failure = judged(b, w, command, doc);
    if (!t->failure)
        t->failure = check_flags(w, doc, reply);
}

static void refused(bench *b, const world *w, const value *command, const opencrypt_reply *reply, trial *t) {
    const char *rule = reply->refusal.rule;
    t->message = pool_text(&b->pool, "%s: %s", rule, reply->refusal.message);
    t->ending = reply->refusal.code == 115 ? E_NOT_ANALYSED : reply->refusal.path[0] == '/' ? E_SCHEMA : E_REFUSED;
    judge j = {.p = &b->pool, .w = w};
    if (t->ending == E_REFUSED && judge_command(&j, command, NULL) == V_FINE)
        t->too_strict = t->message;
}

trial try_command(bench *b, const world *w, const value *command, uint64_t seed) {
    trial t = {0};
    opencrypt_reply reply;
    (void)seed;
    b->bytes.len = 0;
    value_write(&b->bytes, command);
    if (opencrypt_analyze(b->request, b->bytes.data, b->bytes.len, NULL, 0, &reply))
        accepted(b, w, command, &reply, &t);
    else
        refused(b, w, command, &reply, &t);
    return t;
}
