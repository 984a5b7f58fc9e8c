#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "command.h"
#include "input.h"
#include "json.h"
#include "marks.h"
#include "verbs.h"

typedef struct marker {
    const oc_options *options;
    oc_schemas schemas;
    opencrypt_request *request;
    bson_t command; /* as it was given */
    bool has_command;
    const char *db;
    oc_namespaces namespaces;
    opencrypt_placeholders *placeholders;
    const opencrypt_placeholder *next; /* the next that will be met */
} marker;

/* ---- the command ---- */

static bool read_command(marker *m, const char *path) {
    oc_input *input = oc_input_open(path);
    oc_item item = oc_input_next(input);
    const char *reason = item.reason, *name = path && strcmp(path, "-") != 0 ? path : "(standard input)";
    char detail[512];
    if (item.kind == OC_ITEM_JSON)
        m->has_command = oc_json_parse(item.data, item.len, &m->command, &reason, detail);
    else if (item.kind == OC_ITEM_END)
        reason = "no command in it";
    else if (item.kind == OC_ITEM_TEXT)
        reason = "not a JSON object: a command is written as {\"find\": \"people\", \"filter\": {...}}";
    else if (item.kind == OC_ITEM_BSON)
        reason = "BSON; the command must be Extended JSON";
    if (!m->has_command)
        oc_complain("%s: %s%s%s", name, reason, item.kind == OC_ITEM_JSON && *detail ? ": " : "",
                    item.kind == OC_ITEM_JSON ? detail : "");
    else if (oc_input_next(input).kind != OC_ITEM_END) {
        oc_complain("%s: more than one command in it; for many there is 'opencrypt check'", name);
        oc_input_close(input);
        return false;
    }
    oc_input_close(input);
    return m->has_command;
}

static bool find_db(marker *m) {
    bson_iter_t it;
    const char *name = oc_command_name(&m->command);
    if (!name)
        return oc_complain("the command is empty"), false;
    if (oc_command_fate(name) != OC_ANALYSED)
        return oc_complain("'%s' is not a command that drivers have analysed; a command's name is its first member",
                           name),
               false;
    m->db = bson_iter_init_find(&it, &m->command, "$db") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL)
                                                                                      : m->options->db;
    return m->db || (oc_complain("the command does not say its database: give it with --db"), false);
}

static bool has_own_schema(const bson_t *command) {
    static const char *const names[] = {"jsonSchema", "csfleEncryptionSchemas", "encryptionInformation"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (bson_has_field(command, names[i]))
            return true;
    return false;
}

/* A command that brings its schema, as a driver sends it, is taken as it is. */
static bson_t *with_schemas(const marker *m) {
    if (m->options->schema_count || m->options->uri || !has_own_schema(&m->command))
        return oc_attach(&m->schemas, &m->command, m->db);
    bson_t *copy = bson_copy(&m->command);
    if (!bson_has_field(copy, "$db"))
        BSON_APPEND_UTF8(copy, "$db", m->db);
    return copy;
}

/* ---- placeholders, decoded ---- */

/* A BSON value by itself, as a member of a document. */
static void append_value(bson_t *to, const char *name, const opencrypt_value *value) {
    oc_buffer doc = {0};
    bson_t holder;
    bson_iter_t it;
    if (!value->type)
        return;
    uint32_t len = (uint32_t)(sizeof len + 1 + sizeof "v" + value->len + 1);
    const char head[] = {(char)len, (char)(len >> 8), (char)(len >> 16), (char)(len >> 24), (char)value->type, 'v',
                         '\0'};
    oc_buffer_add(&doc, head, sizeof head);
    oc_buffer_add(&doc, value->data, value->len);
    oc_buffer_char(&doc, '\0');
    if (bson_init_static(&holder, (const uint8_t *)doc.data, doc.len) && bson_iter_init_find(&it, &holder, "v"))
        bson_append_iter(to, name, -1, &it);
    oc_buffer_wipe(&doc);
    oc_buffer_done(&doc);
}

static void append_lengths(bson_t *to, const char *name, const opencrypt_lengths *l) {
    bson_t out;
    if (!l->max_query)
        return;
    bson_append_document_begin(to, name, -1, &out);
    if (l->max_length)
        BSON_APPEND_INT32(&out, "strMaxLength", l->max_length);
    BSON_APPEND_INT32(&out, "strMinQueryLength", l->min_query);
    BSON_APPEND_INT32(&out, "strMaxQueryLength", l->max_query);
    bson_append_document_end(to, &out);
}

static void append_index(bson_t *to, const opencrypt_placeholder *p) {
    const opencrypt_index *index = p->index;
    BSON_APPEND_INT64(to, "contention", index->contention);
    if (p->algorithm == OPENCRYPT_RANGE) {
        append_value(to, "min", &index->min);
        append_value(to, "max", &index->max);
        if (index->precision >= 0)
            BSON_APPEND_INT32(to, "precision", index->precision);
        if (index->trim_factor >= 0)
            BSON_APPEND_INT32(to, "trimFactor", index->trim_factor);
        if (index->sparsity > 0)
            BSON_APPEND_INT64(to, "sparsity", index->sparsity);
    }
    if (p->algorithm == OPENCRYPT_TEXT) {
        BSON_APPEND_BOOL(to, "caseSensitive", index->case_sensitive);
        BSON_APPEND_BOOL(to, "diacriticSensitive", index->diacritic_sensitive);
        append_lengths(to, "prefix", &index->prefix);
        append_lengths(to, "suffix", &index->suffix);
        append_lengths(to, "substring", &index->substring);
    }
}

/* {range: 0, operators: ["$gte", "$lt"], lower: 5, lowerIncluded: true, …}; of the second bound, the first two. */
static void append_bounds(bson_t *to, const opencrypt_bounds *b) {
    static const char *const operators[] = {"", "$gt", "$gte", "$lt", "$lte"};
    bson_t list;
    BSON_APPEND_INT32(to, "range", b->payload_id);
    bson_append_array_begin(to, "operators", -1, &list);
    BSON_APPEND_UTF8(&list, "0", operators[b->first]);
    if (b->second)
        BSON_APPEND_UTF8(&list, "1", operators[b->second]);
    bson_append_array_end(to, &list);
    if (b->refers)
        return;
    append_value(to, "lower", &b->lower);
    BSON_APPEND_BOOL(to, "lowerIncluded", b->lower_included);
    append_value(to, "upper", &b->upper);
    BSON_APPEND_BOOL(to, "upperIncluded", b->upper_included);
}

/* {"$uuid": "…"}, which Extended JSON can read. */
static void append_uuid(bson_t *to, const char *name, const uint8_t *id) {
    opencrypt_placeholder p = {.key_id = id};
    oc_buffer text = {0};
    bson_t out;
    oc_mark_key(&text, &p);
    bson_append_document_begin(to, name, -1, &out);
    BSON_APPEND_UTF8(&out, "$uuid", oc_buffer_string(&text));
    bson_append_document_end(to, &out);
    oc_buffer_done(&text);
}

static void append_placeholder(marker *m, bson_t *to, const char *name, uint32_t name_len) {
    const opencrypt_placeholder *p = m->next;
    bson_t wrapper, out;
    oc_buffer path = {0};
    oc_mark_path(&path, &m->schemas, &m->namespaces, p);
    bson_append_document_begin(to, name, (int)name_len, &wrapper);
    bson_append_document_begin(&wrapper, "$encrypt", -1, &out);
    bson_append_utf8(&out, "path", -1, oc_buffer_string(&path), (int)path.len);
    BSON_APPEND_UTF8(&out, "algorithm", opencrypt_algorithm_name(p->algorithm));
    if (p->use != OPENCRYPT_USE_ANY)
        BSON_APPEND_UTF8(&out, "use", oc_mark_use(p));
    if (p->key_id)
        append_uuid(&out, "keyId", p->key_id);
    else
        bson_append_utf8(&out, "keyAltName", -1, p->key_name, (int)p->key_name_len);
    if (p->user_key_id && memcmp(p->user_key_id, p->key_id, 16) != 0)
        append_uuid(&out, "userKeyId", p->user_key_id);
    append_value(&out, "value", &p->value);
    if (p->bounds)
        append_bounds(&out, p->bounds);
    if (p->index)
        append_index(&out, p);
    bson_append_document_end(&wrapper, &out);
    bson_append_document_end(to, &wrapper);
    oc_buffer_done(&path);
    m->next = opencrypt_placeholders_next(m->placeholders);
}

/* Whether the placeholder that is next stands here. */
static bool is_next(const marker *m, const bson_iter_t *it) {
    bson_subtype_t subtype;
    const uint8_t *data = NULL;
    uint32_t len;
    if (!m->next || !BSON_ITER_HOLDS_BINARY(it))
        return false;
    bson_iter_binary(it, &subtype, &len, &data);
    return data == m->next->bytes;
}

/* The engine has checked the depth. */
static void decode(marker *m, bson_t *to, bson_iter_t *it) {
    while (bson_iter_next(it)) {
        bson_iter_t child;
        bson_t out;
        const char *name = bson_iter_key(it);
        uint32_t name_len = bson_iter_key_len(it);
        if (strcmp(name, "encryptionInformation") == 0)
            continue; /* for the driver only; large, and known from the schemas */
        if (is_next(m, it)) {
            append_placeholder(m, to, name, name_len);
        } else if (BSON_ITER_HOLDS_DOCUMENT(it) && bson_iter_recurse(it, &child)) {
            bson_append_document_begin(to, name, (int)name_len, &out);
            decode(m, &out, &child);
            bson_append_document_end(to, &out);
        } else if (BSON_ITER_HOLDS_ARRAY(it) && bson_iter_recurse(it, &child)) {
            bson_append_array_begin(to, name, (int)name_len, &out);
            decode(m, &out, &child);
            bson_append_array_end(to, &out);
        } else {
            bson_append_iter(to, name, (int)name_len, it);
        }
    }
}

/* ---- printing ---- */

static int print(const marker *m, const bson_t *doc, int status) {
    oc_buffer text = {0};
    if (!oc_json_print(&text, doc, m->options->canonical))
        status = oc_complain("the reply holds a string that is not UTF-8");
    else if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
        status = oc_complain("cannot write: %m");
    oc_buffer_wipe(&text);
    oc_buffer_done(&text);
    return status;
}

static int print_reply(marker *m, const opencrypt_reply *reply) {
    bson_t doc, out = BSON_INITIALIZER;
    bson_iter_t it;
    m->placeholders = opencrypt_placeholders_new(reply->data, reply->len);
    if (!m->placeholders)
        oc_die_of_memory();
    bson_init_static(&doc, reply->data, reply->len);
    m->next = opencrypt_placeholders_next(m->placeholders);
    if (bson_iter_init(&it, &doc))
        decode(m, &out, &it);
    int status = opencrypt_placeholders_refusal(m->placeholders)
                     ? oc_complain("%s", opencrypt_placeholders_refusal(m->placeholders)->message)
                     : print(m, &out, OC_EXIT_CLEAN);
    bson_destroy(&out);
    return status;
}

static int print_refusal(const marker *m, const opencrypt_reply *reply) {
    const opencrypt_refusal *r = &reply->refusal;
    bson_t out = BSON_INITIALIZER, refused;
    bson_append_document_begin(&out, "refused", -1, &refused);
    BSON_APPEND_UTF8(&refused, "namespace", reply->ns);
    BSON_APPEND_UTF8(&refused, "path", r->path);
    BSON_APPEND_UTF8(&refused, "operator", r->op);
    BSON_APPEND_UTF8(&refused, "reason", r->message);
    BSON_APPEND_UTF8(&refused, "hint", r->hint);
    BSON_APPEND_UTF8(&refused, "rule", r->rule);
    BSON_APPEND_INT32(&refused, "code", r->code);
    BSON_APPEND_UTF8(&refused, "codeName", r->code_name);
    bson_append_document_end(&out, &refused);
    int status = print(m, &out, OC_EXIT_REFUSED);
    bson_destroy(&out);
    return status;
}

/* ---- the verb ---- */

/* A command that passes because of a misspelt collection looks like one that is in order. */
static void complain_of_no_schema(const marker *m) {
    const oc_namespaces *n = &m->namespaces;
    if (!n->count || has_own_schema(&m->command))
        return;
    for (size_t i = 0; i < n->count; i++)
        if (oc_schemas_find(&m->schemas, n->list[i], strlen(n->list[i])))
            return;
    oc_complain("'%s' has no schema", n->list[0]);
}

static int run(marker *m) {
    opencrypt_reply reply;
    m->request = opencrypt_request_new(m->schemas.engine, 0);
    if (!m->request)
        oc_die_of_memory();
    oc_namespaces_find(&m->namespaces, &m->command, m->db);
    complain_of_no_schema(m);
    bson_t *sent = with_schemas(m);
    bool ok = opencrypt_analyze(m->request, bson_get_data(sent), sent->len, NULL, 0, &reply);
    bson_destroy(sent);
    return ok ? print_reply(m, &reply) : print_refusal(m, &reply);
}

int oc_verb_mark(const oc_options *o) {
    marker m = {.options = o};
    int status = OC_EXIT_TROUBLE;
    if (o->file_count > 1)
        return oc_complain("mark reads one command");
    if (read_command(&m, o->file_count ? o->files[0] : NULL) && find_db(&m)) {
        if (!o->schema_count && !o->uri && !has_own_schema(&m.command))
            oc_complain("no schemas: give --schema FILE or --uri URI");
        else if (oc_options_schemas(o, &m.schemas))
            status = run(&m);
    }
    opencrypt_placeholders_free(m.placeholders);
    opencrypt_request_free(m.request);
    oc_namespaces_done(&m.namespaces);
    oc_schemas_done(&m.schemas);
    if (m.has_command)
        bson_destroy(&m.command);
    return status;
}
