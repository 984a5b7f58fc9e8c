#include "yaml.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEEPEST = 100, LARGEST = 16 * 1024 * 1024 };

typedef struct converter {
    yaml_document_t document;
    oc_buffer *json;
    char *error;
    size_t size;
} converter;

static bool fail(converter *c, yaml_mark_t at, const char *what) {
    snprintf(c->error, c->size, "line %zu, column %zu: %s", at.line + 1, at.column + 1, what);
    return false;
}

/* ---- scalars, by the rules of YAML 1.2's core schema ---- */

static bool is_one_of(const char *text, const char *const words[]) {
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* [-+]? digits [. digits] [e [-+]? digits], which is what JSON takes but for a plus and a point without digits. */
static bool is_number(const char *s) {
    s += *s == '-';
    if (!isdigit((unsigned char)*s) || (*s == '0' && isdigit((unsigned char)s[1])))
        return false;
    while (isdigit((unsigned char)*s))
        s++;
    if (*s == '.') {
        if (!isdigit((unsigned char)*++s))
            return false;
        while (isdigit((unsigned char)*s))
            s++;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        if (!isdigit((unsigned char)*s))
            return false;
        while (isdigit((unsigned char)*s))
            s++;
    }
    return *s == '\0';
}

static bool is_standard_tag(const yaml_node_t *node) {
    static const char *const tags[] = {YAML_STR_TAG, YAML_SEQ_TAG, YAML_MAP_TAG, NULL};
    return !node->tag || is_one_of((const char *)node->tag, tags);
}

static bool put_scalar(converter *c, const yaml_node_t *node) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const char *text = (const char *)node->data.scalar.value;
    size_t len = node->data.scalar.length;
    if (memchr(text, 0, len))
        return fail(c, node->start_mark, "a string holds a NUL");
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && is_one_of(text, nulls))
        oc_buffer_text(c->json, "null");
    else if (plain && is_one_of(text, trues))
        oc_buffer_text(c->json, "true");
    else if (plain && is_one_of(text, falses))
        oc_buffer_text(c->json, "false");
    else if (plain && is_number(text))
        oc_buffer_add(c->json, text, len);
    else
        oc_buffer_json(c->json, text, len);
    return true;
}

/* ---- the tree ---- */

static bool put(converter *c, int index, int depth);

static bool put_sequence(converter *c, const yaml_node_t *node, int depth) {
    oc_buffer_char(c->json, '[');
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        if (item > node->data.sequence.items.start)
            oc_buffer_char(c->json, ',');
        if (!put(c, *item, depth + 1))
            return false;
    }
    oc_buffer_char(c->json, ']');
    return true;
}

static bool same_text(const yaml_node_t *a, const yaml_node_t *b) {
    return a->data.scalar.length == b->data.scalar.length &&
           memcmp(a->data.scalar.value, b->data.scalar.value, a->data.scalar.length) == 0;
}

static bool put_key(converter *c, const yaml_node_t *map, const yaml_node_pair_t *pair) {
    const yaml_node_t *key = yaml_document_get_node(&c->document, pair->key);
    if (key->type != YAML_SCALAR_NODE)
        return fail(c, key->start_mark, "a key must be a string");
    const char *text = (const char *)key->data.scalar.value;
    if (key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(text, "<<") == 0)
        return fail(c, key->start_mark, "merge keys are not supported: write the members out");
    if (memchr(text, 0, key->data.scalar.length))
        return fail(c, key->start_mark, "a key holds a NUL");
    for (const yaml_node_pair_t *before = map->data.mapping.pairs.start; before < pair; before++)
        if (same_text(yaml_document_get_node(&c->document, before->key), key))
            return fail(c, key->start_mark, "the key is there twice");
    oc_buffer_json(c->json, text, key->data.scalar.length);
    oc_buffer_char(c->json, ':');
    return true;
}

static bool put_mapping(converter *c, const yaml_node_t *node, int depth) {
    oc_buffer_char(c->json, '{');
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        if (pair > node->data.mapping.pairs.start)
            oc_buffer_char(c->json, ',');
        if (!put_key(c, node, pair) || !put(c, pair->value, depth + 1))
            return false;
    }
    oc_buffer_char(c->json, '}');
    return true;
}

static bool put(converter *c, int index, int depth) {
    const yaml_node_t *node = yaml_document_get_node(&c->document, index);
    if (depth > DEEPEST)
        return fail(c, node->start_mark, "nested too deep, or an alias within its own anchor");
    if (c->json->len > LARGEST)
        return fail(c, node->start_mark, "larger than 16 MiB when its aliases are written out");
    if (!is_standard_tag(node))
        return fail(c, node->start_mark, "tags are not supported: write types as in Extended JSON");
    switch (node->type) {
    case YAML_SCALAR_NODE: return put_scalar(c, node);
    case YAML_SEQUENCE_NODE: return put_sequence(c, node, depth);
    case YAML_MAPPING_NODE: return put_mapping(c, node, depth);
    default: return fail(c, node->start_mark, "not a value");
    }
}

static bool convert(converter *c, yaml_parser_t *parser) {
    yaml_document_t next;
    const yaml_node_t *root = yaml_document_get_root_node(&c->document);
    if (!root)
        return fail(c, parser->mark, "the file is empty");
    if (!put(c, 1, 0))
        return false;
    if (!yaml_parser_load(parser, &next))
        return fail(c, parser->problem_mark, parser->problem ? parser->problem : "not YAML");
    bool more = yaml_document_get_root_node(&next) != NULL;
    yaml_document_delete(&next);
    return !more || fail(c, parser->mark, "more than one document");
}

bool oc_yaml_to_json(const char *text, size_t len, oc_buffer *json, char *error, size_t size) {
    converter c = {.json = json, .error = error, .size = size};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        snprintf(error, size, "out of memory");
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    bool ok = yaml_parser_load(&parser, &c.document);
    if (!ok)
        fail(&c, parser.problem_mark, parser.problem ? parser.problem : "not YAML");
    if (ok) {
        ok = convert(&c, &parser);
        yaml_document_delete(&c.document);
    }
    yaml_parser_delete(&parser);
    return ok;
}
