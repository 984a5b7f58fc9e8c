#include "record.h"

#include <string.h>

#include "command.h"
#include "json.h"
#include "opencrypt.h"

static void unreadable(oc_record *r, const char *reason) {
    r->kind = OC_RECORD_UNREADABLE;
    r->reason = reason;
}

/* ---- members ---- */

static bool find(const bson_t *doc, const char *name, bson_iter_t *it) {
    return bson_iter_init_find(it, doc, name);
}

static bool find_document(const bson_t *doc, const char *name, bson_t *out) {
    bson_iter_t it;
    uint32_t len;
    const uint8_t *data;
    if (!find(doc, name, &it) || !BSON_ITER_HOLDS_DOCUMENT(&it))
        return false;
    bson_iter_document(&it, &len, &data);
    return bson_init_static(out, data, len);
}

/* NULL if there is no such string. */
static const char *find_string(const bson_t *doc, const char *name) {
    bson_iter_t it;
    return find(doc, name, &it) && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : NULL;
}

static bool has_string(const bson_t *doc, const char *name, const char *value) {
    const char *text = find_string(doc, name);
    return text && strcmp(text, value) == 0;
}

/* ---- what is wrong with a command ---- */

static bool lacks(const bson_t *command, const char *name, const char *member) {
    bson_iter_t it;
    return strcmp(oc_command_name(command), name) == 0 && !(find(command, member, &it) && BSON_ITER_HOLDS_ARRAY(&it));
}

static const char *fault_of(const bson_t *command) {
    if (!oc_command_name(command))
        return "the command is empty";
    if (bson_has_field(command, "$truncated"))
        return "the command was truncated";
    if (bson_has_field(command, "explain"))
        return NULL;
    if (lacks(command, "insert", "documents"))
        return "an insert without its documents, which the server left out";
    if (lacks(command, "update", "updates") || lacks(command, "delete", "deletes"))
        return "an update or delete without its statements, which the server logs one by one";
    return NULL;
}

/* "db" of "db.collection". */
static void set_db(oc_record *r, const char *ns) {
    size_t n = strcspn(ns, ".");
    if (n >= sizeof r->db)
        n = 0;
    memcpy(r->db, ns, n);
    r->db[n] = '\0';
}

/* `ns`: a namespace or a database's name, of the record; NULL if it does not say. The command's $db goes before. */
static void set_command(oc_record *r, const bson_t *command, const char *ns) {
    const char *fault = fault_of(command), *db = find_string(command, "$db");
    if (fault) {
        unreadable(r, fault);
        return;
    }
    r->kind = OC_RECORD_COMMAND;
    r->command = bson_copy(command);
    if (db || ns)
        set_db(r, db ? db : ns);
}

/* ---- statements of updates and deletes, which servers log by themselves ---- */

static void append_members(bson_t *to, const bson_t *from, const char *const names[]) {
    bson_iter_t it;
    for (; *names; names++)
        if (find(from, *names, &it))
            bson_append_iter(to, NULL, 0, &it);
}

static void set_statement(oc_record *r, const bson_t *statement, const char *ns, bool update) {
    static const char *const of_update[] = {"q",         "u",    "c",    "multi",        "upsert",
                                            "collation", "hint", "sort", "arrayFilters", NULL};
    static const char *const of_delete[] = {"q", "collation", "hint", NULL};
    const char *collection = ns ? strchr(ns, '.') : NULL;
    bson_t command = BSON_INITIALIZER, list, one;
    bson_iter_t it;
    if (!collection || !collection[1]) {
        unreadable(r, "the record does not name the collection");
        return;
    }
    bson_append_utf8(&command, update ? "update" : "delete", -1, collection + 1, -1);
    bson_append_array_begin(&command, update ? "updates" : "deletes", -1, &list);
    bson_append_document_begin(&list, "0", -1, &one);
    append_members(&one, statement, update ? of_update : of_delete);
    if (!update)
        bson_append_int32(&one, "limit", -1, find(statement, "limit", &it) && bson_iter_as_bool(&it));
    bson_append_document_end(&list, &one);
    bson_append_array_end(&command, &list);
    append_members(&command, statement, (const char *const[]){"let", NULL});
    set_command(r, &command, ns);
    bson_destroy(&command);
}

static bool is_statement(const bson_t *command) {
    return bson_has_field(command, "q") &&
           !opencrypt_knows_command(oc_command_name(command), strlen(oc_command_name(command)));
}

/* `type`: "update", "remove" (a statement), or another; a getMore brings the command that opened its cursor. */
static void set_operation(oc_record *r, const bson_t *doc, const char *type) {
    const char *ns = find_string(doc, "ns");
    bson_t command;
    if (find_document(doc, "originatingCommand", &command)) {
        set_command(r, &command, ns);
        return;
    }
    if (!find_document(doc, "command", &command)) {
        unreadable(r, bson_has_field(doc, "command") ? "the command is not an object"
                                                     : "the record has no command: of a server before 4.4?");
        return;
    }
    if (bson_empty(&command))
        unreadable(r, "the command is empty");
    else if (type && (!strcmp(type, "update") || !strcmp(type, "remove")) && is_statement(&command))
        set_statement(r, &command, ns, *type == 'u');
    else
        set_command(r, &command, ns);
}

/* ---- the kinds ---- */

/* Each looks whether a document is of its kind, and if it is, reads it. */

/* With redactClientLogData, a server's log has ### for each value. */
static bool has_hashes(bson_iter_t *it, int depth) {
    bson_iter_t child;
    while (bson_iter_next(it)) {
        if (BSON_ITER_HOLDS_UTF8(it) && strcmp(bson_iter_utf8(it, NULL), "###") == 0)
            return true;
        if (depth && (BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) && bson_iter_recurse(it, &child) &&
            has_hashes(&child, depth - 1))
            return true;
    }
    return false;
}

static bool is_redacted(const bson_t *attr) {
    enum { DEEPEST = 100 };
    bson_t command;
    bson_iter_t it;
    return (find_document(attr, "command", &command) || find_document(attr, "originatingCommand", &command)) &&
           bson_iter_init(&it, &command) && has_hashes(&it, DEEPEST);
}

static bool read_log(oc_record *r, const bson_t *doc) {
    bson_t attr;
    if (!bson_has_field(doc, "msg") || !bson_has_field(doc, "c") || !bson_has_field(doc, "t"))
        return false;
    r->kind = OC_RECORD_OTHER;
    if (!has_string(doc, "msg", "Slow query") || !find_document(doc, "attr", &attr))
        return true;
    if (bson_has_field(doc, "truncated"))
        unreadable(r, "the line was truncated by the server (maxLogSizeKB)");
    else if (is_redacted(&attr))
        unreadable(r, "the command's values were redacted by the server (redactClientLogData)");
    else if (bson_has_field(&attr, "command") || bson_has_field(&attr, "originatingCommand"))
        set_operation(r, &attr, find_string(&attr, "type"));
    return true;
}

static bool read_profile(oc_record *r, const bson_t *doc) {
    const char *op = find_string(doc, "op");
    if (!op || !find_string(doc, "ns") || !(bson_has_field(doc, "millis") || bson_has_field(doc, "ts")))
        return false;
    set_operation(r, doc, op);
    return true;
}

static const char *database_of(const bson_t *doc) {
    static const char *const names[] = {"databaseName", "database_name", "database", "db", "$db"};
    const char *db = NULL;
    for (size_t i = 0; !db && i < sizeof names / sizeof *names; i++)
        db = find_string(doc, names[i]);
    return db;
}

/* Drivers log a command as a string of Extended JSON, and shorten it if it is long. */
static void set_text(oc_record *r, const char *json, const char *db) {
    size_t len = strlen(json);
    char *copy = oc_copy(json, len);
    const char *reason;
    bson_t command;
    if (len >= 3 && strcmp(json + len - 3, "...") == 0)
        unreadable(r, "the command was truncated by the driver (MONGODB_LOG_MAX_DOCUMENT_LENGTH)");
    else if (!oc_json_parse(copy, len, &command, &reason, NULL))
        unreadable(r, "the command in the driver's message is not Extended JSON");
    else if (bson_empty(&command))
        r->kind = OC_RECORD_OTHER, bson_destroy(&command); /* the driver hides what holds credentials */
    else
        set_command(r, &command, db), bson_destroy(&command);
    explicit_bzero(copy, len);
    bson_free(copy);
}

static bool is_end_of_command(const bson_t *doc) {
    const char *message = find_string(doc, "message");
    return bson_has_field(doc, "reply") || bson_has_field(doc, "failure") || bson_has_field(doc, "durationMS") ||
           (message && (!strcmp(message, "Command succeeded") || !strcmp(message, "Command failed")));
}

/* {commandName, databaseName, command: {…} or "{…}"}, as events and messages of all drivers have it. */
static bool read_event(oc_record *r, const bson_t *doc) {
    bson_t command;
    if (is_end_of_command(doc) && (bson_has_field(doc, "commandName") || bson_has_field(doc, "command_name"))) {
        r->kind = OC_RECORD_OTHER;
        return true;
    }
    const char *db = database_of(doc), *text = find_string(doc, "command");
    if (!db && !bson_has_field(doc, "commandName") && !bson_has_field(doc, "command_name"))
        return false;
    if (find_document(doc, "command", &command)) {
        if (bson_empty(&command))
            r->kind = OC_RECORD_OTHER;
        else
            set_command(r, &command, db);
        return true;
    }
    if (text && *text == '{')
        set_text(r, text, db);
    return text && *text == '{';
}

static bool read_monitoring(oc_record *r, const bson_t *doc) {
    bson_iter_t it;
    bson_t inner;
    if (read_event(r, doc))
        return true;
    bson_iter_init(&it, doc);
    while (bson_iter_next(&it))
        if (find_document(doc, bson_iter_key(&it), &inner) && read_event(r, &inner))
            return true;
    return false;
}

static bool read_command(oc_record *r, const bson_t *doc) {
    const char *name = oc_command_name(doc);
    if (!name || (oc_command_fate(name) == OC_INTERNAL && !bson_has_field(doc, "$db")))
        return false;
    set_command(r, doc, NULL);
    return true;
}

typedef struct reader {
    oc_input_kind kind;
    const char *name;
    bool (*read)(oc_record *r, const bson_t *doc);
} reader;

/* In the order in which they are tried. */
static const reader readers[] = {
    {OC_INPUT_COMMANDS, "commands", read_command},
    {OC_INPUT_LOG, "log", read_log},
    {OC_INPUT_PROFILE, "profile", read_profile},
    {OC_INPUT_MONITORING, "monitoring", read_monitoring},
};

enum { READERS = sizeof readers / sizeof *readers };

bool oc_input_kind_parse(const char *name, oc_input_kind *kind) {
    *kind = OC_INPUT_AUTO;
    if (strcmp(name, "auto") == 0)
        return true;
    for (size_t i = 0; i < READERS; i++)
        if (strcmp(readers[i].name, name) == 0)
            *kind = readers[i].kind;
    return *kind != OC_INPUT_AUTO;
}

void oc_record_read(oc_record *r, const bson_t *doc, oc_input_kind kind) {
    *r = (oc_record){.kind = OC_RECORD_UNREADABLE};
    for (size_t i = 0; i < READERS; i++)
        if ((kind == OC_INPUT_AUTO || kind == readers[i].kind) && readers[i].read(r, doc))
            return;
    /* Drivers' logs have other lines, too. */
    if (kind == OC_INPUT_MONITORING || bson_has_field(doc, "message"))
        r->kind = OC_RECORD_OTHER;
    else
        r->is_unknown = true, r->reason = kind == OC_INPUT_AUTO ? "neither a command nor a record that holds one"
                                                                : "not of the kind that --input says";
}

void oc_record_done(oc_record *r) {
    bson_destroy(r->command);
    *r = (oc_record){0};
}

bool oc_record_is_plain_log(const char *line, size_t len) {
    static const char head[] = "{\"t\":{\"$date\":";
    return len > sizeof head && memcmp(line, head, sizeof head - 1) == 0 && !memmem(line, len, "\"Slow query\"", 12);
}

bool oc_record_is_old_log(const char *line, size_t len) {
    return memmem(line, len, "] command ", 10) && memmem(line, len, " protocol:op_", 13);
}
