#include "csfle.h"

#include <stdarg.h>
#include <stdio.h>

#include "keywords.h"
#include "text.h"

/* Of several errors, the one of the lowest rank is reported, and of one rank the first. So a single pass over the
 * schema gives the same answer as one pass per rank. */
typedef enum precedence { RANK_SIBLING = 1, RANK_STRUCTURE, RANK_KEYWORD, RANK_ENCRYPT, RANK_NONE } precedence;

/* What encryptMetadata has set on the way down. */
typedef struct inherited {
    oc_algorithm algorithm; /* 0: not set */
    const uint8_t *key_id;  /* 16 bytes; NULL: not set */
    const oc_pointer *pointer;
} inherited;

/* A link per token of the JSON Pointer to here. */
typedef struct place {
    const struct place *up;
    oc_str token;
} place;

/* What decides whether an `encrypt` may stand here. */
typedef struct context {
    inherited defaults;
    bool objects;       /* every subschema down to here says that it describes an object */
    bool dotted;        /* a property name on the way holds a dot */
    const char *barred; /* the keyword on the way that makes encryption depend on data; NULL: none */
    unsigned level;
} context;

typedef struct pointer_check {
    struct pointer_check *next;
    const oc_meta *meta;
} pointer_check;

typedef struct compiler {
    oc_arena *arena;
    oc_error *error;
    bool remote;
    bool out_of_memory;
    precedence rank; /* of the error reported so far */
    pointer_check *pointers;
} compiler;

/* ---- errors ---- */

static void append_place(char *buf, size_t cap, const place *at) {
    if (!at)
        return;
    append_place(buf, cap, at->up);
    oc_text_append(buf, cap, "/", 1);
    for (size_t i = 0; i < at->token.n; i++) {
        const char *c = at->token.s + i;
        size_t run = 0;
        while (i + run < at->token.n && c[run] != '~' && c[run] != '/')
            run++;
        oc_text_append(buf, cap, c, run);
        i += run;
        if (i < at->token.n)
            oc_text_append(buf, cap, at->token.s[i] == '~' ? "~0" : "~1", 2);
    }
}

static void report(compiler *c, precedence rank, oc_rule rule, const place *at, oc_str keyword, const char *hint,
                   const char *format, ...) __attribute__((format(printf, 7, 8)));

static void report(compiler *c, precedence rank, oc_rule rule, const place *at, oc_str keyword, const char *hint,
                   const char *format, ...) {
    if (rank >= c->rank)
        return;
    c->rank = rank;
    char message[sizeof c->error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    c->error->rule = OC_NONE;
    oc_fail(c->error, rule, NULL, oc_name(keyword).text, hint, "%s", message);
    append_place(c->error->path, sizeof c->error->path, at);
}

static void no_memory(compiler *c) {
    c->out_of_memory = true;
}

static oc_str literal(const char *s) {
    return (oc_str){s, strlen(s)};
}

static void report_structure(compiler *c, const place *at, const char *keyword, const char *reason) {
    report(c, RANK_STRUCTURE, OC_SCHEMA_STRUCTURE, at, literal(keyword),
           "encrypt fields of objects only, and give every object on the way bsonType: \"object\"",
           "Invalid schema containing the '%s' keyword. %s", keyword, reason);
}

/* ---- encrypt and encryptMetadata ---- */

static bool parse_algorithm(compiler *c, const oc_elem *e, const place *at, oc_algorithm *out) {
    static const char det[] = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic";
    static const char rnd[] = "AEAD_AES_256_CBC_HMAC_SHA_512-Random";
    if (e->type == OC_STRING && oc_str_is(oc_elem_str(e), det))
        *out = OC_DETERMINISTIC;
    else if (e->type == OC_STRING && oc_str_is(oc_elem_str(e), rnd))
        *out = OC_RANDOM;
    else {
        report(c, RANK_ENCRYPT, OC_SCHEMA_ENCRYPT, at, e->name, NULL, "'algorithm' must be the string \"%s\" or \"%s\"",
               det, rnd);
        return false;
    }
    return true;
}

static bool parse_key_array(compiler *c, const oc_elem *e, const place *at, inherited *out) {
    oc_iter it = oc_bson_iter(e->value);
    oc_elem key, more;
    if (!oc_next(&it, &key) || oc_next(&it, &more)) {
        report(c, RANK_ENCRYPT, OC_SCHEMA_ENCRYPT, at, e->name, NULL, "'keyId' must be an array of exactly one UUID");
        return false;
    }
    if (key.type != OC_BINARY) {
        report(c, RANK_ENCRYPT, OC_SCHEMA_KEY_ID, at, e->name, "give the _id of the data key, a BinData of subtype 4",
               "Array elements must have type BinData, found %s", oc_type_name(key.type));
        return false;
    }
    if (key.value[4] != 4 || oc_u32(key.value) != 16) {
        report(c, RANK_ENCRYPT, OC_SCHEMA_KEY_ID, at, e->name, "give the _id of the data key, 16 bytes of subtype 4",
               "Array elements must have bindata type UUID, found %d", key.value[4]);
        return false;
    }
    out->key_id = key.value + 5;
    out->pointer = NULL;
    return true;
}

static bool parse_key_pointer(compiler *c, const oc_elem *e, const place *at, inherited *out) {
    oc_pointer *pointer = oc_arena_zeroed(c->arena, 1, sizeof *pointer);
    if (!pointer) {
        no_memory(c);
        return false;
    }
    switch (oc_pointer_parse(pointer, c->arena, oc_elem_str(e))) {
    case OC_POINTER_OK: break;
    case OC_POINTER_NO_MEMORY: no_memory(c); return false;
    case OC_POINTER_INVALID:
        report(c, RANK_ENCRYPT, OC_SCHEMA_POINTER, at, e->name,
               "name a string field of the document, for example \"/keyName\"", "'keyId' is not a valid JSON Pointer");
        return false;
    }
    out->pointer = pointer;
    out->key_id = NULL;
    return true;
}

static bool parse_key(compiler *c, const oc_elem *e, const place *at, inherited *out) {
    if (e->type == OC_ARRAY)
        return parse_key_array(c, e, at, out);
    if (e->type == OC_STRING)
        return parse_key_pointer(c, e, at, out);
    report(c, RANK_ENCRYPT, OC_SCHEMA_ENCRYPT, at, e->name, NULL,
           "'keyId' must be an array of one UUID or a JSON Pointer, found %s", oc_type_name(e->type));
    return false;
}

/* Types of which no value can be encrypted, or not so that equal values give equal ciphertext. */
static bool never_encrypted(uint8_t type) {
    return type == OC_NULL || type == OC_UNDEFINED || type == OC_MIN_KEY || type == OC_MAX_KEY;
}

static bool never_deterministic(uint8_t type) {
    return type == OC_DOUBLE || type == OC_DECIMAL128 || type == OC_BOOL || type == OC_DOCUMENT || type == OC_ARRAY ||
           type == OC_CODE_W_SCOPE;
}

static void add_type(compiler *c, oc_str alias, const place *at, uint32_t *types) {
    if (oc_str_is(alias, "number")) {
        *types |= OC_TYPE_BIT(OC_INT32) | OC_TYPE_BIT(OC_INT64) | OC_TYPE_BIT(OC_DOUBLE) | OC_TYPE_BIT(OC_DECIMAL128);
        return;
    }
    uint8_t type = oc_type_by_name(alias);
    if (type == 0)
        report(c, RANK_ENCRYPT, OC_SCHEMA_TYPE, at, literal("bsonType"), NULL, "Unknown type name alias: %s",
               oc_name(alias).text);
    else if (never_encrypted(type))
        report(c, RANK_ENCRYPT, OC_SCHEMA_TYPE, at, literal("bsonType"), "leave the type out",
               "Cannot encrypt element of type: %s", oc_type_name(type));
    else
        *types |= OC_TYPE_BIT(type);
}

static void parse_types(compiler *c, const oc_elem *e, const place *at, uint32_t *types) {
    if (e->type == OC_STRING) {
        add_type(c, oc_elem_str(e), at, types);
        return;
    }
    if (!oc_keyword_find(literal("bsonType"))->operand_ok(e, c->arena)) {
        report(c, RANK_ENCRYPT, OC_SCHEMA_TYPE, at, e->name, NULL,
               "'bsonType' must be a BSON type alias or a non-empty array of different ones");
        return;
    }
    oc_iter it = oc_bson_iter(e->value);
    oc_elem alias;
    while (oc_next(&it, &alias))
        add_type(c, oc_elem_str(&alias), at, types);
}

static void check_deterministic(compiler *c, const oc_meta *meta, const place *at) {
    if (oc_meta_is_pointer(meta))
        report(c, RANK_ENCRYPT, OC_SCHEMA_POINTER, at, literal("keyId"), "give the key's UUID in an array",
               "A deterministically encrypted field cannot have a JSON Pointer as keyId");
    if (meta->types == 0 || (meta->types & (meta->types - 1)))
        report(c, RANK_ENCRYPT, OC_SCHEMA_TYPE, at, literal("bsonType"), "declare the one type that the field has",
               "A deterministically encrypted field must declare exactly one bsonType");
    for (uint8_t type = 1; type < 0x14; type++)
        if (meta->types == OC_TYPE_BIT(type) && never_deterministic(type))
            report(c, RANK_ENCRYPT, OC_SCHEMA_TYPE, at, literal("bsonType"), "use the Random algorithm for this type",
                   "Cannot encrypt element of type: %s with the deterministic algorithm", oc_type_name(type));
}

/* The members of encrypt or encryptMetadata that both know; false: `e` is another one. */
static bool parse_common(compiler *c, const oc_elem *e, const place *at, inherited *out) {
    place here = {at, e->name};
    if (oc_str_is(e->name, "algorithm"))
        parse_algorithm(c, e, &here, &out->algorithm);
    else if (oc_str_is(e->name, "keyId"))
        parse_key(c, e, &here, out);
    else
        return false;
    return true;
}

static void report_member(compiler *c, const char *keyword, oc_str member, const place *at) {
    report(c, RANK_ENCRYPT, OC_FIELD_UNKNOWN, at, member, NULL, "BSON field '%s.%s' is an unknown field.", keyword,
           oc_name(member).text);
}

static OC_APART bool first_of_its_name(compiler *c, oc_nameset *seen, const oc_elem *e, const place *at) {
    switch (oc_nameset_add(seen, c->arena, e->name)) {
    case OC_NAME_ADDED: return true;
    case OC_NAME_NO_MEMORY: no_memory(c); return false;
    case OC_NAME_PRESENT:
        report(c, RANK_KEYWORD, OC_SCHEMA_KEYWORD, at, e->name, "write it once", "Duplicate field '%s' in the schema",
               oc_name(e->name).text);
        return false;
    }
    return false;
}

static oc_str place_text(compiler *c, const place *at) {
    char buf[sizeof c->error->path] = "";
    append_place(buf, sizeof buf, at);
    size_t n = strlen(buf);
    char *copy = oc_arena_alloc(c->arena, n + 1);
    if (!copy) {
        no_memory(c);
        return literal("");
    }
    memcpy(copy, buf, n + 1);
    return (oc_str){copy, n};
}

static void check_pointer_later(compiler *c, const oc_meta *meta) {
    pointer_check *check = oc_arena_alloc(c->arena, sizeof *check);
    if (!check) {
        no_memory(c);
        return;
    }
    *check = (pointer_check){c->pointers, meta};
    c->pointers = check;
}

static const oc_node *encrypted_node(compiler *c, const inherited *values, uint32_t types, const place *at) {
    oc_meta *meta = oc_arena_zeroed(c->arena, 1, sizeof *meta);
    oc_node *node = oc_arena_zeroed(c->arena, 1, sizeof *node);
    if (!meta || !node) {
        no_memory(c);
        return &oc_plain_node;
    }
    meta->algorithm = values->algorithm;
    meta->types = types;
    meta->where = place_text(c, at);
    if (values->pointer)
        meta->pointer = *values->pointer;
    else
        memcpy(meta->key_id, values->key_id, sizeof meta->key_id);
    if (meta->algorithm == OC_DETERMINISTIC)
        check_deterministic(c, meta, at);
    if (oc_meta_is_pointer(meta))
        check_pointer_later(c, meta);
    *node = (oc_node){.kind = OC_ENCRYPTED, .meta = meta};
    return node;
}

static OC_APART const oc_node *compile_encrypt(compiler *c, const oc_elem *operand, const context *ctx,
                                               const place *at) {
    inherited values = ctx->defaults;
    uint32_t types = 0;
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(operand->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        place here = {at, e.name};
        if (!first_of_its_name(c, &seen, &e, &here))
            continue;
        if (oc_str_is(e.name, "bsonType"))
            parse_types(c, &e, &here, &types);
        else if (!parse_common(c, &e, at, &values))
            report_member(c, "encrypt", e.name, &here);
    }
    if (!values.algorithm)
        report(c, RANK_ENCRYPT, OC_SCHEMA_ENCRYPT, at, literal("algorithm"),
               "set it here or in an encryptMetadata above",
               "The 'encrypt' keyword has no 'algorithm', and no encryptMetadata above gives one");
    if (!values.key_id && !values.pointer)
        report(c, RANK_ENCRYPT, OC_SCHEMA_ENCRYPT, at, literal("keyId"), "set it here or in an encryptMetadata above",
               "The 'encrypt' keyword has no 'keyId', and no encryptMetadata above gives one");
    if (!values.algorithm || (!values.key_id && !values.pointer))
        return &oc_plain_node;
    return encrypted_node(c, &values, types, at);
}

static OC_APART void parse_metadata(compiler *c, const oc_elem *operand, const place *at, inherited *out) {
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(operand->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        place here = {at, e.name};
        if (first_of_its_name(c, &seen, &e, &here) && !parse_common(c, &e, at, out))
            report_member(c, "encryptMetadata", e.name, &here);
    }
    if (seen.count == 0)
        report(c, RANK_ENCRYPT, OC_SCHEMA_ENCRYPT, at, literal("encryptMetadata"),
               "set algorithm or keyId, or leave it out", "The 'encryptMetadata' keyword must not be empty");
}

/* ---- subschemas ---- */

static const oc_node *compile(compiler *c, const uint8_t *schema, const context *ctx, const place *at);

static bool says_object(const uint8_t *schema) {
    oc_iter it = oc_bson_iter(schema);
    oc_elem e;
    while (oc_next(&it, &e))
        if ((oc_str_is(e.name, "bsonType") || oc_str_is(e.name, "type")) && e.type == OC_STRING &&
            oc_str_is(oc_elem_str(&e), "object"))
            return true;
    return false;
}

static OC_APART void check_encrypt_place(compiler *c, const context *ctx, const place *at) {
    char reason[128];
    if (!at)
        report_structure(c, at, "encrypt", "It cannot stand at the root: it encrypts fields, not documents.");
    else if (ctx->barred) {
        snprintf(reason, sizeof reason, "It cannot stand under '%s', where it would depend on the data.", ctx->barred);
        report_structure(c, at, "encrypt", reason);
    } else if (!ctx->objects)
        report_structure(c, at, "encrypt", "Every schema above it must have \"object\" as its only bsonType or type.");
    else if (ctx->dotted)
        report_structure(c, at, "encrypt", "No property name on the way to it may contain a dot.");
}

static OC_APART void check_siblings(compiler *c, const uint8_t *schema, const place *at) {
    oc_iter it = oc_bson_iter(schema);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (oc_str_is(e.name, "encrypt"))
            continue;
        report(c, RANK_SIBLING, OC_SCHEMA_SIBLING, at, e.name,
               "move the other keyword away, or the bsonType into 'encrypt'",
               "'encrypt' cannot be used in conjunction with '%s'", oc_name(e.name).text);
    }
}

static OC_APART void check_metadata_place(compiler *c, const uint8_t *schema, const context *ctx, const place *at) {
    if (ctx->barred)
        report_structure(c, at, "encryptMetadata", "It cannot stand where encryption would depend on the data.");
    else if (!says_object(schema))
        report_structure(c, at, "encryptMetadata", "Its schema must have \"object\" as its only bsonType or type.");
}

static OC_APART const oc_keyword *check_keyword(compiler *c, const oc_elem *e, const place *at) {
    const oc_keyword *row = oc_keyword_find(e->name);
    const char *name = row ? row->name : NULL;
    if (!row)
        report(c, RANK_KEYWORD, OC_SCHEMA_KEYWORD, at, e->name, NULL,
               oc_keyword_is_omitted(e->name) ? "JSON schema keyword '%s' is not supported by MongoDB"
                                              : "Unknown JSON schema keyword: '%s'",
               oc_name(e->name).text);
    else if (!row->operand_ok(e, c->arena)) {
        report(c, RANK_KEYWORD, OC_SCHEMA_KEYWORD, at, e->name, NULL, "JSON schema keyword '%s' must be %s", name,
               row->operand);
        return NULL;
    } else if (!c->remote && !row->local)
        report(
            c, RANK_KEYWORD, OC_SCHEMA_LOCAL, at, e->name,
            "a schema in the client's map is never sent to the server: keep validation in the collection's validator",
            "JSON schema keyword '%s' is only allowed with a remote schema", name);
    return row;
}

/* Subschemas whose fields do not belong to the tree: visited so that an `encrypt` inside is found and refused. */
static OC_APART void compile_barred(compiler *c, const oc_elem *operand, const oc_keyword *row, context *ctx,
                                    const place *at) {
    const char *barred = ctx->barred;
    ctx->barred = row->name;
    if (operand->type == OC_DOCUMENT && row->sub == OC_SUB_ONE) {
        compile(c, operand->value, ctx, at);
    } else if (operand->type != OC_BOOL) {
        oc_iter it = oc_bson_iter(operand->value);
        oc_elem e;
        while (oc_next(&it, &e))
            if (e.type == OC_DOCUMENT)
                compile(c, e.value, ctx, &(place){at, e.name});
    }
    ctx->barred = barred;
}

static OC_APART void keep_properties(compiler *c, oc_name_entry *entries, size_t n, oc_node *node) {
    if (!oc_name_table_build(&node->children, c->arena, entries, n))
        no_memory(c);
    node->encrypting = oc_count_encrypting(entries, n);
}

static OC_APART void compile_properties(compiler *c, const oc_elem *operand, context *ctx, const place *at,
                                        oc_node *node) {
    size_t most = oc_count_members(operand);
    oc_name_entry *entries = oc_arena_alloc(c->arena, (most + 1) * sizeof *entries);
    if (!entries) {
        no_memory(c);
        return;
    }
    size_t n = 0;
    bool dotted = ctx->dotted;
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(operand->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        place here = {at, e.name};
        if (!first_of_its_name(c, &seen, &e, &here))
            continue;
        ctx->dotted = dotted || memchr(e.name.s, '.', e.name.n);
        entries[n++] = (oc_name_entry){.name = e.name, .value = compile(c, e.value, ctx, &here)};
    }
    ctx->dotted = dotted;
    keep_properties(c, entries, n, node);
}

static OC_APART void compile_patterns(compiler *c, const oc_elem *operand, const context *ctx, const place *at,
                                      oc_node *node) {
    oc_pattern *patterns = oc_arena_alloc(c->arena, (oc_count_members(operand) + 1) * sizeof *patterns);
    if (!patterns) {
        no_memory(c);
        return;
    }
    size_t n = 0;
    oc_iter it = oc_bson_iter(operand->value);
    oc_elem e;
    while (oc_next(&it, &e)) {
        place here = {at, e.name};
        size_t offset;
        const oc_regex *regex = oc_regex_compile(c->arena, e.name, &offset);
        if (regex) {
            patterns[n++] = (oc_pattern){regex, e.name, compile(c, e.value, ctx, &here)};
            continue;
        }
        if (offset == SIZE_MAX)
            no_memory(c);
        report(c, RANK_KEYWORD, OC_SCHEMA_PATTERN, &here, operand->name, NULL,
               "Invalid regular expression in 'patternProperties', at offset %zu of the pattern", offset);
    }
    node->patterns = patterns;
    node->pattern_count = n;
}

/* The subschema's own keywords, after encryptMetadata has been read (it may be written after `properties`). */
static void compile_keyword(compiler *c, const oc_elem *e, context *ctx, const place *at, oc_node *node) {
    place here = {at, e->name};
    const oc_keyword *row = check_keyword(c, e, &here);
    if (!row)
        return;
    switch (row->sub) {
    case OC_SUB_NONE:
    case OC_SUB_ENCRYPT:
    case OC_SUB_ENCRYPT_METADATA: break;
    case OC_SUB_PROPERTIES: compile_properties(c, e, ctx, &here, node); break;
    case OC_SUB_PATTERNS: compile_patterns(c, e, ctx, &here, node); break;
    case OC_SUB_REST:
        if (e->type == OC_DOCUMENT)
            node->rest = compile(c, e->value, ctx, &here);
        break;
    case OC_SUB_ONE:
    case OC_SUB_DEPENDENCIES: compile_barred(c, e, row, ctx, &here); break;
    }
}

/* What holds for the subschemas of this one. */
static OC_APART void enter(compiler *c, const uint8_t *schema, context *ctx, const place *at) {
    oc_elem e, other;
    if (oc_bson_find(schema, "encryptMetadata", &e)) {
        check_metadata_place(c, schema, ctx, at);
        if (e.type == OC_DOCUMENT)
            parse_metadata(c, &e, &(place){at, e.name}, &ctx->defaults);
    }
    if (oc_bson_find(schema, "type", &e) && oc_bson_find(schema, "bsonType", &other))
        report(c, RANK_KEYWORD, OC_SCHEMA_KEYWORD, at, e.name, "keep one of them",
               "Cannot specify both 'type' and 'bsonType'");
    ctx->objects = ctx->objects && says_object(schema);
    ctx->level++;
}

static const oc_node *compile_object(compiler *c, const uint8_t *schema, const context *outer, const place *at) {
    oc_node *node = oc_arena_zeroed(c->arena, 1, sizeof *node);
    if (!node) {
        no_memory(c);
        return &oc_plain_node;
    }
    context ctx = *outer;
    enter(c, schema, &ctx, at);
    oc_elem e;
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(schema);
    while (oc_next(&it, &e))
        if (first_of_its_name(c, &seen, &e, &(place){at, e.name}))
            compile_keyword(c, &e, &ctx, at, node);
    node->kind = oc_node_kind_of(node);
    return node;
}

static const oc_node *compile(compiler *c, const uint8_t *schema, const context *ctx, const place *at) {
    oc_elem encrypt;
    if (ctx->level >= OC_MAX_LEVELS) {
        report(c, RANK_SIBLING, OC_TOO_DEEP, at, literal(""), NULL, "The schema is nested deeper than %d levels",
               OC_MAX_LEVELS);
        return &oc_plain_node;
    }
    if (!oc_bson_find(schema, "encrypt", &encrypt))
        return compile_object(c, schema, ctx, at);
    check_siblings(c, schema, at);
    check_encrypt_place(c, ctx, at);
    place here = {at, encrypt.name};
    if (encrypt.end < schema + oc_u32(schema) - 1)
        report(c, RANK_KEYWORD, OC_SCHEMA_KEYWORD, &here, encrypt.name, NULL,
               "Duplicate field 'encrypt' in the schema");
    if (!check_keyword(c, &encrypt, &here))
        return &oc_plain_node;
    return compile_encrypt(c, &encrypt, ctx, &here);
}

/* A key name that would be ciphertext when the driver looks for it is no key name. */
static bool check_pointers(compiler *c, const oc_node *root) {
    oc_lookup lookup = {.arena = c->arena, .error = c->error};
    for (pointer_check *check = c->pointers; check; check = check->next) {
        const oc_node *node = root;
        const oc_pointer *pointer = &check->meta->pointer;
        for (size_t i = 0; i < pointer->count && (node->kind == OC_ABOVE || node->kind == OC_PLAIN); i++) {
            node = oc_node_child(node, pointer->tokens[i], &lookup);
            if (!node)
                return false;
        }
        if (node->kind == OC_ENCRYPTED || node->kind == OC_CONFLICT) {
            report(c, RANK_ENCRYPT, OC_SCHEMA_POINTER, NULL, literal("keyId"),
                   "let it name a field that is not encrypted",
                   "The JSON Pointer in 'keyId' leads to an encrypted field");
            oc_text_append(c->error->path, sizeof c->error->path, check->meta->where.s, check->meta->where.n);
            return false;
        }
    }
    return true;
}

bool oc_csfle_compile(oc_tree *tree, const uint8_t *schema, bool remote, oc_error *error) {
    compiler c = {.arena = &tree->arena, .error = error, .remote = remote, .rank = RANK_NONE};
    const oc_node *root = compile(&c, schema, &(context){.objects = true}, NULL);
    if (c.out_of_memory) {
        error->rule = OC_NONE;
        return oc_fail(error, OC_OUT_OF_MEMORY, NULL, NULL, NULL, "Out of memory");
    }
    if (c.rank != RANK_NONE || !check_pointers(&c, root))
        return false;
    tree->root = root;
    return true;
}
