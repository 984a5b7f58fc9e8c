#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "command.h"
#include "report.h"

__attribute__((format(printf, 2, 3))) static bool fail(oc_options *o, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(o->error, sizeof o->error, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- what an option does ---- */

static bool take_schema(oc_options *o, const char *value) {
    o->schemas[o->schema_count++] = (oc_schema_file){value, o->ns};
    return true;
}

static bool take_ns(oc_options *o, const char *value) {
    o->ns = value;
    o->ns_count++;
    return true;
}

static bool take_db(oc_options *o, const char *value) {
    o->db = value;
    return oc_is_db(value) || fail(o, "--db: '%s' cannot be the name of a database", value);
}

static bool take_uri(oc_options *o, const char *value) {
    o->uri = value;
    return true;
}

static bool take_profile(oc_options *o, const char *value) {
    (void)value;
    return o->profile = true;
}

static bool take_input(oc_options *o, const char *value) {
    return oc_input_kind_parse(value, &o->input) || fail(o, "--input takes auto, commands, log, profile or monitoring");
}

static bool take_format(oc_options *o, const char *value) {
    o->format = value;
    return oc_report_format(value) || fail(o, "--format takes table or json");
}

static bool take_max_shapes(oc_options *o, const char *value) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    o->max_shapes = (size_t)number;
    return (!errno && end != value && !*end && *value != '-' && number >= 1 && number <= 10000000) ||
           fail(o, "--max-shapes takes a number from 1 to 10000000");
}

static bool take_canonical(oc_options *o, const char *value) {
    (void)value;
    return o->canonical = true;
}

static bool take_help(oc_options *o, const char *value) {
    (void)value;
    return o->help = true;
}

typedef struct option {
    const char *name;
    char letter;
    unsigned verbs;
    const char *value; /* NULL: it takes none */
    bool (*take)(oc_options *o, const char *value);
    const char *help;
} option;

enum { BOTH = OC_VERB_MARK | OC_VERB_CHECK };

static const option options[] = {
    {"schema", 's', BOTH, "FILE", take_schema, "schemas, JSON or YAML: a map by namespace as for a driver, or one"},
    {"ns", 'n', BOTH, "DB.COLLECTION", take_ns, "the collection of the schemas that stand alone in their files"},
    {"uri", 'u', BOTH, "URI", take_uri, "read the schemas of all collections from a server"},
    {"db", 'd', BOTH, "DB", take_db, "the database of commands that do not say theirs"},
    {"profile", 0, OC_VERB_CHECK, NULL, take_profile, "with --uri: take the commands from system.profile there"},
    {"input", 'i', OC_VERB_CHECK, "KIND", take_input, "auto (default), commands, log, profile, monitoring"},
    {"format", 'f', OC_VERB_CHECK, "FORMAT", take_format, "table (default), json"},
    {"max-shapes", 0, OC_VERB_CHECK, "N", take_max_shapes,
     "keep so many shapes apart (default 20000), the rest in sum"},
    {"canonical", 0, OC_VERB_MARK, NULL, take_canonical, "print canonical Extended JSON instead of relaxed"},
    {"help", 'h', BOTH, NULL, take_help, "print this and exit"},
};

enum { OPTIONS = sizeof options / sizeof *options };

/* ---- the command line ---- */

static const option *find_long(const char *name, size_t len, oc_verb_bit verb) {
    for (size_t i = 0; i < OPTIONS; i++)
        if ((options[i].verbs & verb) && strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static const option *find_short(char letter, oc_verb_bit verb) {
    for (size_t i = 0; i < OPTIONS; i++)
        if ((options[i].verbs & verb) && options[i].letter && options[i].letter == letter)
            return &options[i];
    return NULL;
}

/* `*argv` is an option; what follows may be its value. Returns what follows both. NULL: an error. */
static char **parse_option(oc_options *o, oc_verb_bit verb, char **argv) {
    const char *text = *argv, *name = text + (text[1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    const char *value = text[1] == '-' && name[len] == '=' ? name + len + 1 : NULL;
    const option *found = text[1] == '-' ? find_long(name, len, verb) : find_short(*name, verb);
    if (text[1] != '-' && found && name[1])
        value = name + 1;
    if (!found) {
        fail(o, "unrecognised option '%.*s'", (int)strnlen(text, 100), text);
        return NULL;
    }
    if (!found->value && value) {
        fail(o, "--%s takes no value", found->name);
        return NULL;
    }
    argv++;
    if (found->value && !value)
        value = *argv ? *argv++ : NULL;
    if (found->value && (!value || !*value)) {
        fail(o, "--%s needs a value: %s", found->name, found->value);
        return NULL;
    }
    return found->take(o, value) ? argv : NULL;
}

/* One --ns is for all schemas; several are each for those that follow. */
static bool spread_ns(oc_options *o) {
    for (size_t i = 0; i < o->schema_count; i++) {
        if (!o->schemas[i].ns && o->ns_count > 1)
            return fail(o, "of several --ns, each stands before its --schema");
        if (!o->schemas[i].ns)
            o->schemas[i].ns = o->ns;
    }
    return true;
}

bool oc_options_parse(oc_options *o, oc_verb_bit verb, char **argv) {
    size_t count = 0;
    bool only_files = false;
    while (argv[count])
        count++;
    *o = (oc_options){.format = "table", .max_shapes = 20000};
    o->schemas = oc_allocate((count + 1) * sizeof *o->schemas);
    o->files = oc_allocate((count + 1) * sizeof *o->files);
    while (argv && *argv) {
        const char *text = *argv;
        if (only_files || text[0] != '-' || !text[1]) {
            o->files[o->file_count++] = text;
            argv++;
        } else if (strcmp(text, "--") == 0) {
            only_files = true;
            argv++;
        } else {
            argv = parse_option(o, verb, argv);
        }
    }
    return argv && spread_ns(o);
}

void oc_options_help(FILE *to, oc_verb_bit verb) {
    fputs("Options:\n", to);
    for (size_t i = 0; i < OPTIONS; i++) {
        char left[64];
        const option *o = &options[i];
        if (!(o->verbs & verb))
            continue;
        snprintf(left, sizeof left, "%c%c%c --%s %s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                 o->letter ? ',' : ' ', o->name, o->value ? o->value : "");
        fprintf(to, "  %-26s %s\n", left, o->help);
    }
}

void oc_options_done(oc_options *o) {
    free(o->schemas);
    free(o->files);
}
