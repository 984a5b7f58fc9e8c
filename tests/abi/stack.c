/* oc_abi_stack LIBRARY CASES ROUNDS LIMIT [SEED [FOLDER]]: how much of its stack a thread needs for an analysis.
 * Threads of musl have 128 KiB, unless their maker asks for more.
 *
 * Each case runs on a painted stack, as it is and ROUNDS times pumped: one of its elements is put into itself, again
 * and again, up to what may be nested.
 *
 *     {filter: {$and: [{$nor: [A]}]}}  pumped from $and to A:  {filter: {$and: [{$nor: [{$and: [{$nor: [ …
 *
 * Every third time at two places at once, for documents and schemas that go down together. Prints the most bytes that
 * each command took, and writes the command to FOLDER. More than LIMIT is a failure. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bson/bson.h>

#include "../runner/cases.h"
#include "abi.h"

enum { STACK = 8 << 20, QUIET = 32 << 10, PAINT = 0xA5, DEEPEST = 199, LARGEST = 1 << 18 };
enum { MAX_NODES = 4096, MAX_COMMANDS = 32 };

static oc_abi abi;
static mongo_crypt_v1_query_analyzer *analyzer;
static mongo_crypt_v1_status *status;
static uint8_t *stack;
static unsigned rounds;
static const char *folder;
static unsigned long long runs;

/* ---- a command as a tree ---- */

typedef struct node {
    struct node *up, *members, *next;
    bson_iter_t at;
    unsigned depth, height;
    struct node *pumped; /* an element above, which takes this one's place `left` times */
    unsigned left;
} node;

static node nodes[MAX_NODES];
static size_t node_count;

static bool is_container(const node *n) {
    return BSON_ITER_HOLDS_DOCUMENT(&n->at) || BSON_ITER_HOLDS_ARRAY(&n->at);
}

static void read_members(node *up, bson_iter_t *it) {
    node **to = &up->members;
    while (node_count < MAX_NODES && bson_iter_next(it)) {
        node *n = &nodes[node_count++];
        *n = (node){.up = up, .at = *it, .depth = up->depth + 1, .height = up->depth + 1};
        bson_iter_t inner;
        if (is_container(n) && bson_iter_recurse(it, &inner))
            read_members(n, &inner);
        if (n->height > up->height)
            up->height = n->height;
        *to = n;
        to = &n->next;
    }
}

static node *read_command(const bson_t *command) {
    bson_iter_t it;
    node_count = 1;
    nodes[0] = (node){.depth = 0};
    bson_iter_init(&it, command);
    read_members(&nodes[0], &it);
    return &nodes[0];
}

static bool write_members(const node *n, bson_t *out);

static bool write_element(node *n, bson_t *out) {
    const char *key = bson_iter_key(&n->at);
    bson_t inner;
    if (out->len > LARGEST)
        return false;
    if (n->left > 0) {
        n->left--;
        n = n->pumped;
    }
    if (BSON_ITER_HOLDS_ARRAY(&n->at)) {
        bson_append_array_begin(out, key, -1, &inner);
        bool ok = write_members(n, &inner);
        return bson_append_array_end(out, &inner) && ok;
    }
    if (BSON_ITER_HOLDS_DOCUMENT(&n->at)) {
        bson_append_document_begin(out, key, -1, &inner);
        bool ok = write_members(n, &inner);
        return bson_append_document_end(out, &inner) && ok;
    }
    return bson_append_iter(out, key, -1, &n->at);
}

static bool write_members(const node *n, bson_t *out) {
    for (node *m = n->members; m; m = m->next)
        if (!write_element(m, out))
            return false;
    return true;
}

/* ---- pumping ---- */

static uint64_t state;

static unsigned below(unsigned n) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((state >> 33) % n);
}

static void pump(unsigned times) {
    node *n = &nodes[1 + below((unsigned)node_count - 1)], *above = n;
    unsigned up = n->depth > 1 ? 1 + below(n->depth - 1) : 0;
    for (unsigned i = 0; i < up; i++)
        above = above->up;
    if (above == n)
        return;
    unsigned most = (DEEPEST - nodes[0].height) / up;
    n->pumped = above;
    n->left = times > 0 && times < most ? times : most;
}

/* ---- the painted stack ---- */

typedef struct command_use {
    char name[32];
    size_t most;
    char where[256];
} command_use;

static command_use uses[MAX_COMMANDS];
static void *analyze(void *data) {
    const bson_t *command = data;
    uint32_t len;
    if (command)
        abi.bson_free(abi.analyze_query(analyzer, bson_get_data(command), "db.c", 4, &len, status));
    return NULL;
}

/* The thread's own part of the stack included. */
static size_t stack_used(const bson_t *command) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK);
    if (pthread_create(&thread, &attributes, analyze, (void *)(uintptr_t)command) != 0)
        abort();
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    size_t used = 0;
    for (size_t quiet = 0; quiet < QUIET && used + quiet < STACK; quiet++)
        if (stack[STACK - 1 - used - quiet] != PAINT) {
            used += quiet + 1;
            quiet = 0;
        }
    memset(stack + STACK - used, PAINT, used);
    return used;
}

static command_use *use_of(const bson_t *command) {
    bson_iter_t it;
    size_t i = 0;
    bson_iter_init(&it, command);
    bson_iter_next(&it);
    while (i < MAX_COMMANDS - 1 && uses[i].name[0] && strcmp(uses[i].name, bson_iter_key(&it)) != 0)
        i++;
    snprintf(uses[i].name, sizeof uses[i].name, "%s", bson_iter_key(&it));
    return &uses[i];
}

static void keep(const bson_t *command, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.bson", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bson_get_data(command), 1, command->len, f) != command->len || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

static void run(const bson_t *command, const oc_case *c) {
    command_use *use = use_of(command);
    size_t used = stack_used(command);
    runs++;
    if (used <= use->most)
        return;
    use->most = used;
    snprintf(use->where, sizeof use->where, "%s: %s", c->file, c->name);
    if (folder)
        keep(command, use->name);
}

static void run_case(const oc_case *c, void *data) {
    (void)data;
    run(c->command, c);
    node *root = read_command(c->command);
    for (unsigned i = 0; i < rounds; i++) {
        for (size_t n = 0; n < node_count; n++)
            nodes[n].left = 0;
        unsigned times = below(2) ? 1 + below(DEEPEST) : 0;
        pump(times);
        if (below(3) == 0)
            pump(times);
        bson_t *pumped = bson_new();
        if (write_members(root, pumped))
            run(pumped, c);
        bson_destroy(pumped);
    }
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: oc_abi_stack LIBRARY CASES ROUNDS LIMIT [SEED [FOLDER]]\n");
        return 2;
    }
    rounds = (unsigned)atoi(argv[3]);
    size_t limit = (size_t)atol(argv[4]), most = 0;
    state = argc > 5 ? (uint64_t)atol(argv[5]) : 1;
    folder = argc > 6 ? argv[6] : NULL;
    if (!oc_abi_load(&abi, argv[1]))
        return 2;
    mongo_crypt_v1_lib *lib = abi.lib_create(NULL);
    analyzer = abi.query_analyzer_create(lib, NULL);
    status = abi.status_create();
    stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!analyzer || !status || stack == MAP_FAILED)
        return 2;
    memset(stack, PAINT, STACK);
    size_t idle = stack_used(NULL);
    oc_cases_each(argv[2], run_case, NULL);
    for (size_t i = 0; i < MAX_COMMANDS && uses[i].name[0]; i++) {
        printf("%8zu %-16s %s\n", uses[i].most, uses[i].name, uses[i].where);
        most = uses[i].most > most ? uses[i].most : most;
    }
    printf("%llu analyses: at most %zu bytes of stack, %zu of them the thread's own\n", runs, most, idle);
    abi.status_destroy(status);
    abi.query_analyzer_destroy(analyzer);
    abi.lib_destroy(lib, NULL);
    oc_abi_unload(&abi);
    munmap(stack, STACK);
    return most > limit;
}
