#include "units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "cases.h"
#include "expect.h"
#include "gen_edge.h"
#include "mutant.h"
#include "mutate.h"
#include "opencrypt.h"
#include "trial.h"

enum { COMMANDS_PER_SCHEMA = 25, MUTATED_COMMANDS = 10, AIMED_COMMANDS = 50 /* per cent */ };

/* A unit that takes longer than the slowest by so much hangs. */
enum { LEAST_LIMIT_US = 60 * 1000, TIMES_SLOWEST = 20 };

typedef struct unit {
    /* A case, or one of the commands of a world. */
    oc_case expected;
    uint64_t random; /* a world: the state of the generator before it */
    uint8_t *bytes;  /* a world: its commands, one after the other */
    size_t len;
    unsigned count;
    uint64_t replies[COMMANDS_PER_SCHEMA]; /* hashes of the answers of the unmutated code */
} unit;

typedef struct group {
    unit *list;
    size_t count, cap;
    unsigned char *reached; /* a bit for each unit, row by row of places */
} group;

struct units {
    group cases, worlds;
};

static clock_t slowest; /* of all units, in microseconds of processor time (POSIX: CLOCKS_PER_SEC) */

/* ---- groups ---- */

static unit *add(group *g) {
    if (g->count == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 1024;
        g->list = realloc(g->list, g->cap * sizeof *g->list);
    }
    g->list[g->count] = (unit){.bytes = NULL};
    return &g->list[g->count++];
}

static size_t row_size(const group *g) {
    return (g->count + 7) / 8;
}

/* After the unit, which began at `start`, has run unmutated. */
static void note(group *g, size_t i, clock_t start, unsigned char *places, unsigned char bit) {
    if (clock() - start > slowest)
        slowest = clock() - start;
    for (unsigned place = 0; place < oc_mutant_end; place++)
        if (oc_reached[place]) {
            g->reached[place * row_size(g) + i / 8] |= (unsigned char)(1 << i % 8);
            places[place] |= bit;
        }
}

static bool comes_by(const group *g, size_t i, unsigned place) {
    return place == 0 || g->reached[place * row_size(g) + i / 8] >> i % 8 & 1;
}

/* A unit that hangs is ended by SIGPROF, and is noticed by that. */
static void limit_time(void) {
    long most = LEAST_LIMIT_US + TIMES_SLOWEST * (long)slowest;
    struct itimerval limit = {.it_value = {.tv_sec = most / 1000000, .tv_usec = most % 1000000}};
    setitimer(ITIMER_PROF, &limit, NULL);
}

/* ---- cases ---- */

static const char *kept(const char *text) {
    return text ? strdup(text) : NULL;
}

static void keep_case(const oc_case *c, void *data) {
    unit *u = add(data);
    u->expected = *c;
    u->expected.name = kept(c->name);
    u->expected.command = bson_copy(c->command);
    u->expected.reply = c->reply ? bson_copy(c->reply) : NULL;
    u->expected.rule = kept(c->rule);
    u->expected.path = kept(c->path);
    u->expected.message = kept(c->message);
}

static bool case_holds(const oc_case *c, opencrypt_request *request) {
    opencrypt_reply reply;
    bson_t doc;
    opencrypt_analyze(request, bson_get_data(c->command), c->command->len, NULL, 0, &reply);
    return bson_init_static(&doc, reply.data, reply.len) &&
           oc_case_holds(c, &doc, reply.ok ? NULL : reply.refusal.rule);
}

static bool case_holds_alone(const unit *u) {
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = engine ? opencrypt_request_new(engine, 0) : NULL;
    bool holds = request && case_holds(&u->expected, request);
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return holds;
}

static bool case_has(const unit *u, const char *key) {
    return memmem(bson_get_data(u->expected.command), u->expected.command->len, key, strlen(key)) != NULL;
}

static const char *try_case(const group *g, size_t i) {
    limit_time();
    return case_holds_alone(&g->list[i]) ? NULL : g->list[i].expected.name;
}

/* As oc_cases does it: all with one engine. */
static const char *try_cases_together(const group *g) {
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = opencrypt_request_new(engine, 0);
    for (size_t i = 0; i < g->count; i++) {
        limit_time();
        if (!case_holds(&g->list[i].expected, request))
            return g->list[i].expected.name;
    }
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return NULL;
}

/* ---- worlds ---- */

/* What tests/soundness/main.c makes, pair by pair. There the cells of its table that were not reached yet are aimed at;
 * here any, so that a world can be made again from one state of the random numbers. */
typedef struct maker {
    rng rng;
    pool schemas, tables;
    cells cells;
    bench bench;
    world world;
    uint64_t seed; /* of the pair made last, */
    bool aimed;    /* which aims at a cell */
} maker;

static void open_maker(maker *m) {
    *m = (maker){.seed = 0};
    bench_open(&m->bench);
    cells_make(&m->cells, &m->tables);
    m->bench.cells = &m->cells;
}

static void close_maker(maker *m) {
    bench_close(&m->bench);
    pool_done(&m->schemas);
    pool_done(&m->tables);
}

static void open_world(maker *m, uint64_t random) {
    m->rng.state = random;
    pool_reset(&m->schemas);
    world_make(&m->world, &m->rng, &m->schemas, rng_percent(&m->rng, 50));
}

static const value *aimed_command(maker *m, gen *g) {
    const value *command = NULL;
    for (unsigned tries = 0; tries < 12 && !command; tries++) {
        site at = rng_percent(&m->rng, 20) ? SITE_PLAIN : (site)rng_below(&m->rng, SITES);
        const cell_row *row = &m->cells.rows[rng_below(&m->rng, m->cells.count)];
        if (row->wanted[at] != '-')
            command = gen_edge(g, row, at);
    }
    return command;
}

/* NULL: there is nothing to aim at. */
static const value *next_command(maker *m) {
    pool_reset(&m->bench.pool);
    gen g = {.r = &m->rng, .p = &m->bench.pool, .w = &m->world};
    m->aimed = rng_percent(&m->rng, AIMED_COMMANDS);
    const value *command =
        m->aimed ? aimed_command(m, &g) : gen_command(&g, (command_kind)rng_below(&m->rng, COMMANDS));
    if (!m->aimed && rng_percent(&m->rng, MUTATED_COMMANDS))
        command = mutate(&g, command);
    m->seed = rng_next(&m->rng);
    return command;
}

static void make_world(group *g, maker *m, buffer *bytes) {
    unit *u = add(g);
    u->random = m->rng.state;
    open_world(m, u->random);
    bytes->len = 0;
    for (int i = 0; i < COMMANDS_PER_SCHEMA; i++) {
        const value *command = next_command(m);
        if (command)
            value_write(bytes, command);
        u->count += command != NULL;
    }
    u->len = bytes->len;
    u->bytes = malloc(u->len);
    memcpy(u->bytes, bytes->data, u->len);
}

static void make_worlds(group *g, size_t pairs, unsigned long seed) {
    static maker m;
    buffer bytes = {0};
    open_maker(&m);
    m.rng.state = seed;
    for (size_t made = 0; made < pairs; made += g->list[g->count - 1].count)
        make_world(g, &m, &bytes);
    close_maker(&m);
}

static uint64_t hash(const uint8_t *bytes, size_t len) {
    uint64_t h = 14695981039346656037U;
    for (; len >= 8; bytes += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15U;
        h ^= h >> 29;
    }
    while (len-- > 0)
        h = (h ^ *bytes++) * 1099511628211U;
    return h;
}

/* The answers to all commands of a world; false at the first that is not as before. */
static bool ask_world(unit *u, opencrypt_request *request, bool record) {
    const uint8_t *at = u->bytes;
    for (unsigned i = 0; i < u->count; i++) {
        uint32_t len;
        opencrypt_reply reply;
        memcpy(&len, at, sizeof len);
        opencrypt_analyze(request, at, len, NULL, 0, &reply);
        uint64_t h = hash(reply.data, reply.len);
        if (record)
            u->replies[i] = h;
        else if (h != u->replies[i])
            return false;
        at += len;
    }
    return true;
}

/* A refusal that the documents do not ask for is wrong only where a command aims. */
static const char *judge_pair(maker *m, const value *command) {
    trial t = try_command(&m->bench, &m->world, command, m->seed);
    if (t.failure)
        return t.failure;
    return t.ending == E_SCHEMA ? "a schema was refused" : m->aimed ? t.too_strict : NULL;
}

/* As ./dev soundness does it: with judge and evaluator. */
static const char *judge_world(const unit *u) {
    static maker m;
    const char *failure = NULL;
    open_maker(&m);
    open_world(&m, u->random);
    for (int i = 0; i < COMMANDS_PER_SCHEMA && !failure; i++) {
        const value *command = next_command(&m);
        failure = command ? judge_pair(&m, command) : NULL;
    }
    failure = kept(failure);
    close_maker(&m);
    return failure;
}

static const char *try_world(const group *g, size_t i) {
    limit_time();
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = engine ? opencrypt_request_new(engine, 0) : NULL;
    bool same = request && ask_world(&g->list[i], request, false);
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return same ? NULL : judge_world(&g->list[i]);
}

static bool world_has(const unit *u, const char *key) {
    return memmem(u->bytes, u->len, key, strlen(key)) != NULL;
}

/* ---- all ---- */

units *units_read(const char *folder, size_t pairs, unsigned long seed) {
    units *u = calloc(1, sizeof *u);
    oc_cases_each(folder, keep_case, &u->cases);
    make_worlds(&u->worlds, pairs, seed);
    u->cases.reached = calloc(oc_mutant_end, row_size(&u->cases));
    u->worlds.reached = calloc(oc_mutant_end, row_size(&u->worlds));
    return u;
}

void units_record(units *u, unsigned char *reached) {
    for (size_t i = 0; i < u->cases.count; i++) {
        clock_t start = clock();
        memset(oc_reached, 0, oc_mutant_end);
        if (!case_holds_alone(&u->cases.list[i])) {
            fprintf(stderr, "fails without a mutant: %s\n", u->cases.list[i].expected.name);
            exit(2);
        }
        note(&u->cases, i, start, reached, 1);
    }
    for (size_t i = 0; i < u->worlds.count; i++) {
        clock_t start = clock();
        memset(oc_reached, 0, oc_mutant_end);
        opencrypt_engine *engine = opencrypt_engine_new();
        opencrypt_request *request = opencrypt_request_new(engine, 0);
        ask_world(&u->worlds.list[i], request, true);
        opencrypt_request_free(request);
        opencrypt_engine_free(engine);
        note(&u->worlds, i, start, reached, 2);
    }
}

/* First those that hold the key, then the others. */
static const char *try_all(const group *g, unsigned place, const char *key,
                           const char *(*try_one)(const group *, size_t), bool (*has)(const unit *, const char *)) {
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < g->count; i++) {
            if (!comes_by(g, i, place) || has(&g->list[i], key) != (round == 0))
                continue;
            const char *noticed = try_one(g, i);
            if (noticed)
                return noticed;
        }
    return NULL;
}

const char *units_try_cases(units *u, unsigned place, const char *key) {
    const char *noticed = try_all(&u->cases, place, key, try_case, case_has);
    return noticed ? noticed : try_cases_together(&u->cases);
}

const char *units_try_pairs(units *u, unsigned place, const char *key) {
    return try_all(&u->worlds, place, key, try_world, world_has);
}
