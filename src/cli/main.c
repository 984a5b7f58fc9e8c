/* opencrypt: what automatic encryption would make of commands. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "opencrypt.h"
#include "server.h"
#include "verbs.h"

typedef struct verb {
    const char *name;
    oc_verb_bit bit;
    int (*run)(const oc_options *o);
    const char *summary, *usage;
} verb;

static const verb verbs[] = {
    {"check", OC_VERB_CHECK, oc_verb_check, "which of these commands work under these schemas, and why not",
     "opencrypt check [OPTIONS] [FILE...]\n\n"
     "Reads commands and says of each kind whether it passes, has values encrypted, or is refused. No value of a\n"
     "command is printed. FILE is JSON lines or BSON: commands, a server's structured log, system.profile, or a\n"
     "driver's log of command monitoring. Without one, standard input.\n\n"
     "Examples:\n"
     "  opencrypt check --schema schemas.json /var/log/mongodb/mongod.log\n"
     "  opencrypt check --schema people.yaml --ns hr.people commands.jsonl\n"
     "  opencrypt check --uri mongodb://localhost --profile --format json\n"
     "  mongodump -d hr -c system.profile -o - | opencrypt check --schema schemas.json\n\n"
     "Exit status: 0 nothing is refused, 1 something is, 2 trouble with options or input.\n"},
    {"mark", OC_VERB_MARK, oc_verb_mark, "what would a driver encrypt in this command",
     "opencrypt mark [OPTIONS] [FILE]\n\n"
     "Reads one command, Extended JSON, from FILE or standard input, and prints the analyser's reply with its\n"
     "placeholders decoded, values included; or why the command is refused.\n\n"
     "Examples:\n"
     "  echo '{\"find\": \"people\", \"filter\": {\"ssn\": \"123\"}}' | opencrypt mark --schema schemas.json --db hr\n"
     "  opencrypt mark --schema people.yaml --ns hr.people insert.json\n\n"
     "Exit status: 0 accepted, 1 refused, 2 trouble with options or input.\n"},
};

enum { VERBS = sizeof verbs / sizeof *verbs };

int oc_complain(const char *format, ...) {
    va_list arguments;
    fputs("opencrypt: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return OC_EXIT_TROUBLE;
}

static bool read_server(const char *uri, oc_schemas *s) {
    char error[1024];
    oc_server *server = oc_server_open(uri, error, sizeof error);
    bool ok = server && oc_server_schemas(server, s, error, sizeof error);
    if (!ok)
        oc_complain("%s", error);
    oc_server_close(server);
    return ok;
}

bool oc_options_schemas(const oc_options *o, oc_schemas *s) {
    for (size_t i = 0; i < o->schema_count; i++)
        if (!oc_schemas_load(s, o->schemas[i].path, o->schemas[i].ns))
            return oc_complain("%s", s->error), false;
    if (o->uri && !read_server(o->uri, s))
        return false;
    return oc_schemas_compile(s) || (oc_complain("%s", s->error), false);
}

static void help(FILE *to) {
    fputs("opencrypt: what automatic encryption makes of MongoDB commands, before you switch it on\n\n", to);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(to, "  opencrypt %-6s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\n'opencrypt VERB --help' tells more. 'opencrypt --version' prints the version.\n", to);
}

static int run(const verb *v, char **argv) {
    oc_options o;
    int status;
    if (!oc_options_parse(&o, v->bit, argv)) {
        status = oc_complain("%s, see 'opencrypt %s --help'", o.error, v->name);
    } else if (o.help) {
        printf("%s\n", v->usage);
        oc_options_help(stdout, v->bit);
        status = OC_EXIT_CLEAN;
    } else {
        status = v->run(&o);
    }
    oc_options_done(&o);
    return status;
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(word, verbs[i].name) == 0)
            return run(&verbs[i], argv + 2);
    if (strcmp(word, "--version") == 0) {
        printf("opencrypt version %s\n", opencrypt_version());
        return OC_EXIT_CLEAN;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        help(stdout);
        return OC_EXIT_CLEAN;
    }
    if (!*word) {
        help(stderr);
        return OC_EXIT_TROUBLE;
    }
    return oc_complain("there is no verb '%.100s', see 'opencrypt --help'", word);
}
