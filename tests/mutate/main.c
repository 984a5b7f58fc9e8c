/* oc_mutants CASES PAIRS SEED JOBS, in the mutants' build: answers requests on standard input, one a line.
 *
 *     list                       a line for each change of a cell: name, table, row, key, leaf, type, from, to
 *     reached                    a line for each place that a unit comes by: number and who (1 cases, 2 pairs, 3 both)
 *     cases PLACE MUTANT [KEY]   puts the mutant to the cases that come by the place (0: to all); "MUTANT alive" or
 *     pairs PLACE MUTANT [KEY]   "MUTANT killed …" follows, in any order
 *     wait                       "done" when all that was asked is answered
 *
 * Each mutant lives in a process of its own, forked from this one when all units are read. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mutant.h"
#include "units.h"

enum { MOST_JOBS = 64, MOST_NAME = 64, FINE = 0, NOTICED = 1, NO_MUTANT = 2 };

/* Memory that a mutant may take above what is there when it is born. */
static const rlim_t most_memory = (rlim_t)4 << 30;

typedef struct job {
    pid_t pid; /* 0: free */
    char mutant[MOST_NAME];
} job;

typedef struct server {
    units *units;
    unsigned char *reached;
    job jobs[MOST_JOBS];
    int most;
} server;

/* ---- children ---- */

static void __attribute__((noreturn)) live(server *s, char what, unsigned place, const char *mutant, const char *key) {
    struct rlimit limit = {most_memory, most_memory}, none = {0, 0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_AS, &limit);
    setrlimit(RLIMIT_CORE, &none);
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
        _exit(NO_MUTANT);
    if (!oc_mutant_start(mutant))
        _exit(NO_MUTANT);
    const char *noticed = what == 'c' ? units_try_cases(s->units, place, key) : units_try_pairs(s->units, place, key);
    _exit(noticed ? NOTICED : FINE);
}

static void report(const char *mutant, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_MUTANT)
        printf("%s missing\n", mutant);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == FINE)
        printf("%s alive\n", mutant);
    else if (WIFSIGNALED(status))
        printf("%s killed signal %d\n", mutant, WTERMSIG(status));
    else
        printf("%s killed\n", mutant);
    fflush(stdout);
}

/* Waits for one child; false: there is none. */
static bool reap(server *s) {
    int status;
    pid_t pid = wait(&status);
    if (pid < 0)
        return false;
    for (int i = 0; i < s->most; i++)
        if (s->jobs[i].pid == pid) {
            report(s->jobs[i].mutant, status);
            s->jobs[i].pid = 0;
        }
    return true;
}

static job *free_job(server *s) {
    for (;;) {
        for (int i = 0; i < s->most; i++)
            if (s->jobs[i].pid == 0)
                return &s->jobs[i];
        reap(s);
    }
}

static void start(server *s, char what, unsigned place, const char *mutant, const char *key) {
    job *j = free_job(s);
    snprintf(j->mutant, sizeof j->mutant, "%s", mutant);
    fflush(stdout);
    j->pid = fork();
    if (j->pid == 0)
        live(s, what, place, mutant, key);
    if (j->pid < 0) {
        perror("fork");
        exit(2);
    }
}

/* ---- requests ---- */

static void print_text(const char *text) {
    putchar('\t');
    for (; *text; text++)
        if ((unsigned char)*text < ' ')
            printf("\\x%02x", *text);
        else
            putchar(*text);
}

static void print_cell(const oc_cell *c, const oc_leaf *leaf, const char *from, const char *to) {
    printf("%u.%zu.%zu.%zu\t%u\t%zu", c->table, c->row, c->leaf, c->change, c->table, c->row);
    print_text(oc_cell_key(c));
    print_text(leaf->name);
    print_text(leaf->type);
    print_text(from);
    print_text(to);
    putchar('\n');
}

static void print_reached(const server *s) {
    for (unsigned place = 0; place < oc_mutant_end; place++)
        if (s->reached[place])
            printf("%u %d\n", place, s->reached[place]);
}

static void answer(server *s, char *line) {
    char what[16], mutant[MOST_NAME];
    unsigned place;
    int key = 0;
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "list") == 0)
        oc_cells_each(print_cell);
    else if (strcmp(line, "reached") == 0)
        print_reached(s);
    else if (sscanf(line, "%15s %u %63s %n", what, &place, mutant, &key) >= 3) {
        start(s, what[0], place, mutant, key ? line + key : "");
        return;
    }
    while (reap(s))
        ;
    puts("done");
    fflush(stdout);
}

int main(int argc, char **argv) {
    char line[4096];
    if (argc != 5) {
        fputs("usage: oc_mutants CASES PAIRS SEED JOBS\n", stderr);
        return 2;
    }
    static server s;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    s.most = atoi(argv[4]) < MOST_JOBS ? atoi(argv[4]) : MOST_JOBS;
    s.units = units_read(argv[1], strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    s.reached = calloc(oc_mutant_end, 1);
    units_record(s.units, s.reached);
    while (fgets(line, sizeof line, stdin))
        answer(&s, line);
    return 0;
}
