#include "config.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { FLAG, NUMBER, TEXT, VERBOSITY, IGNORED_FLAG, IGNORED_TEXT } kind;

typedef struct option {
    const char *name;
    char letter; /* of the short form, 0 if there is none */
    kind kind;
    size_t field; /* offset in oc_config */
    long least, most;
    const char *value, *help;
} option;

#define FIELD(name) offsetof(oc_config, name)

static const option options[] = {
    {"port", 0, NUMBER, FIELD(port), 0, 65535, "N", "port to listen on, 27020 unless given; 0: any free one"},
    {"bind_ip", 0, TEXT, FIELD(bind_ip), 0, 0, "LIST",
     "addresses to listen on, comma separated; loopback unless given"},
    {"bind_ip_all", 0, FLAG, FIELD(bind_ip_all), 0, 0, NULL, "listen on all addresses"},
    {"logpath", 0, TEXT, FIELD(log_path), 0, 0, "FILE", "log to this file instead of stdout"},
    {"logappend", 0, FLAG, FIELD(log_append), 0, 0, NULL, "append to the log file instead of moving it aside"},
    {"idleShutdownTimeoutSecs", 0, NUMBER, FIELD(idle_seconds), 0, INT_MAX / 1000, "N",
     "exit after that long without a message; 0: never"},
    {"pidfilepath", 0, TEXT, FIELD(pid_path), 0, 0, "FILE", "write {\"port\", \"pid\"} to this file"},
    {"maxConns", 0, NUMBER, FIELD(max_connections), 1, 1000000, "N", "connections open at once, 20000 unless given"},
    {"verbose", 'v', VERBOSITY, FIELD(verbosity), 0, 0, NULL, "log each command; never a value (also -v, -vv, ...)"},
    {"quiet", 0, FLAG, FIELD(quiet), 0, 0, NULL, "do not log connections"},
    {"version", 0, FLAG, FIELD(version), 0, 0, NULL, "print the version and exit"},
    {"help", 'h', FLAG, FIELD(help), 0, 0, NULL, "print this and exit"},
    {"ipv6", 0, IGNORED_FLAG, 0, 0, 0, NULL, NULL},
    {"listenBacklog", 0, IGNORED_TEXT, 0, 0, 0, NULL, NULL},
    {"unixSocketPrefix", 0, IGNORED_TEXT, 0, 0, 0, NULL, NULL},
    {"nounixsocket", 0, IGNORED_FLAG, 0, 0, 0, NULL, NULL},
    {"filePermissions", 0, IGNORED_TEXT, 0, 0, 0, NULL, NULL},
    {"logRotate", 0, IGNORED_TEXT, 0, 0, 0, NULL, NULL},
    {"timeStampFormat", 0, IGNORED_TEXT, 0, 0, 0, NULL, NULL},
    {"networkMessageCompressors", 0, IGNORED_TEXT, 0, 0, 0, NULL, NULL},
    {"timeZoneInfo", 0, IGNORED_TEXT, 0, 0, 0, NULL, NULL},
};

enum { OPTIONS = sizeof options / sizeof *options };

typedef struct parser {
    oc_config *config;
    char **next; /* the arguments not yet looked at, up to NULL */
    char *error;
    size_t error_size;
} parser;

__attribute__((format(printf, 2, 3))) static bool fail(parser *p, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->error, p->error_size, format, arguments);
    va_end(arguments);
    return false;
}

static size_t least_of(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Levenshtein, regardless of case. */
static size_t distance(const char *a, size_t a_len, const char *b) {
    size_t row[64], b_len = strlen(b);
    if (b_len >= sizeof row / sizeof *row)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t same = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            row[j] = least_of(row[j] + 1, row[j - 1] + 1, same);
        }
    }
    return row[b_len];
}

static const char *nearest(const char *name, size_t len) {
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < OPTIONS; i++) {
        size_t d = distance(name, len, options[i].name);
        if (d < best_distance) {
            best_distance = d;
            best = options[i].name;
        }
    }
    return best_distance <= 1 + len / 3 ? best : NULL;
}

static bool fail_unknown(parser *p, const char *argument) {
    const char *name = argument + strspn(argument, "-");
    size_t len = strcspn(name, "=");
    int shown = (int)(strcspn(argument, "=") < 100 ? strcspn(argument, "=") : 100);
    const char *suggestion = *argument == '-' && len < 64 ? nearest(name, len) : NULL;
    if (suggestion)
        return fail(p, "unrecognised option '%.*s', did you mean '--%s'?", shown, argument, suggestion);
    return fail(p, "unrecognised option '%.*s', see 'opencryptd --help'", shown, argument);
}

static bool set_number(parser *p, const option *o, const char *value) {
    char *end;
    long number = strtol(value, &end, 10);
    if (end == value || *end || number < o->least || number > o->most)
        return fail(p, "--%s takes a number from %ld to %ld", o->name, o->least, o->most);
    *(int *)((char *)p->config + o->field) = (int)number;
    return true;
}

static bool set_text(parser *p, const option *o, const char *value) {
    if (!*value)
        return fail(p, "--%s takes a value that is not empty", o->name);
    *(const char **)((char *)p->config + o->field) = value;
    return true;
}

/* `--verbose` and `-v` are level 1, `--verbose=vvv` and `-vvv` level 3. */
static bool set_verbosity(parser *p, const char *value) {
    if (value && value[strspn(value, "v")])
        return fail(p, "--verbose takes a value of v's, such as --verbose=vv");
    p->config->verbosity = value ? (int)strlen(value) : 1;
    return true;
}

static bool ignore(parser *p, const option *o) {
    for (size_t i = 0; i < p->config->ignored_count; i++)
        if (p->config->ignored[i] == o->name)
            return true;
    if (p->config->ignored_count < OC_CONFIG_IGNORED_MAX)
        p->config->ignored[p->config->ignored_count++] = o->name;
    return true;
}

/* `value` is what follows '=', or NULL. */
static bool set(parser *p, const option *o, const char *value) {
    bool wants_value = o->kind == NUMBER || o->kind == TEXT || o->kind == IGNORED_TEXT;
    if (wants_value && !value && !(value = *p->next ? *p->next++ : NULL))
        return fail(p, "--%s needs a value", o->name);
    if (!wants_value && value && o->kind != VERBOSITY)
        return fail(p, "--%s takes no value", o->name);
    switch (o->kind) {
    case FLAG: return *(bool *)((char *)p->config + o->field) = true;
    case NUMBER: return set_number(p, o, value);
    case TEXT: return set_text(p, o, value);
    case VERBOSITY: return set_verbosity(p, value);
    case IGNORED_FLAG:
    case IGNORED_TEXT: return ignore(p, o);
    }
    return false;
}

static bool is_named(const option *o, const char *name) {
    size_t len = strlen(o->name);
    return strncmp(name, o->name, len) == 0 && (name[len] == 0 || name[len] == '=');
}

static bool parse_long(parser *p, const char *argument) {
    for (size_t i = 0; i < OPTIONS; i++)
        if (is_named(&options[i], argument + 2))
            return set(p, &options[i], strchr(argument, '=') ? strchr(argument, '=') + 1 : NULL);
    return fail_unknown(p, argument);
}

static bool parse_short(parser *p, const char *argument) {
    if (argument[1] == 'v' && argument[1 + strspn(argument + 1, "v")] == 0)
        return set_verbosity(p, argument + 1);
    for (size_t i = 0; i < OPTIONS; i++)
        if (options[i].letter && argument[1] == options[i].letter && !argument[2])
            return set(p, &options[i], NULL);
    return fail_unknown(p, argument);
}

static bool parse_one(parser *p, const char *argument) {
    if (strncmp(argument, "--", 2) == 0 && argument[2])
        return parse_long(p, argument);
    if (argument[0] == '-' && argument[1] && argument[1] != '-')
        return parse_short(p, argument);
    return fail_unknown(p, argument);
}

bool oc_config_parse(oc_config *config, int argc, char **argv, char *error, size_t error_size) {
    *config = (oc_config){.port = 27020, .max_connections = 20000};
    parser p = {config, argv + (argc > 0), error, error_size};
    while (*p.next)
        if (!parse_one(&p, *p.next++))
            return false;
    return true;
}

void oc_config_help(FILE *to) {
    fputs("opencryptd: query analysis for MongoDB client-side encryption, in place of mongocryptd\n\nOptions:\n", to);
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        if (o->help)
            fprintf(to, "  --%s %-*s %s\n", o->name, (int)(28 - strlen(o->name)), o->value ? o->value : "", o->help);
    }
    fputs("\nOptions of mongocryptd that mean nothing here are accepted and named in the log:\n ", to);
    for (size_t i = 0; i < OPTIONS; i++)
        if (!options[i].help)
            fprintf(to, " --%s", options[i].name);
    fputs("\n\nExit codes: 0 ended as told, 1 out of memory or threads, 2 bad option, 3 log file, 4 pid file,\n"
          "5 cannot listen, 48 address in use.\n",
          to);
}
