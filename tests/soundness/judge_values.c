/* One value, and documents. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "judge.h"

static void decide(judge *j, verdict v, const char *format, va_list args) {
    char text[256];
    if (j->verdict != V_FINE)
        return;
    vsnprintf(text, sizeof text, format, args);
    j->verdict = v;
    j->why = pool_text(j->p, "%s", text);
    if (v == V_REFUSE && j->reached_count)
        j->blamed = j->reached[j->reached_count - 1];
}

void judge_refuse(judge *j, const char *format, ...) {
    va_list args;
    va_start(args, format);
    decide(j, V_REFUSE, format, args);
    va_end(args);
}

void judge_wrong(judge *j, const char *format, ...) {
    va_list args;
    va_start(args, format);
    decide(j, V_WRONG, format, args);
    va_end(args);
}

void judge_moot(judge *j) {
    if (j->verdict == V_FINE)
        j->verdict = V_MOOT;
}

int judge_enter(judge *j, family f, const char *name, const char *operand) {
    int before = j->context;
    j->context = j->cells ? cells_find(j->cells, f, name, operand) : -1;
    return before;
}

void judge_leave(judge *j, int before) {
    j->context = before;
}

void judge_note(judge *j, site s) {
    if (j->verdict == V_FINE && j->reached_count < MAX_REACHED)
        j->reached[j->reached_count++] = (cell){(short)j->context, (unsigned char)s};
}

void judge_blame(judge *j, verdict before) {
    if (before == V_FINE && j->verdict == V_REFUSE)
        j->blamed.row = (short)j->context;
}

void judge_note_once(judge *j, family f, const char *name, const char *operand) {
    int before = judge_enter(j, f, name, operand);
    judge_note(j, SITE_PLAIN);
    judge_leave(j, before);
}

static site encrypted_site(const metadata *meta) {
    static const site indexed[] = {[UNINDEXED] = SITE_UNINDEXED,
                                   [EQUALITY_INDEX] = SITE_EQUALITY,
                                   [RANGE_INDEX] = SITE_RANGE,
                                   [TEXT_INDEX] = SITE_TEXT};
    if (meta->qe)
        return indexed[meta->qe->index];
    return metadata_comparable(meta) ? SITE_DETERMINISTIC : SITE_RANDOM;
}

site judge_node_site(const node *n) {
    switch (n->kind) {
    case N_PLAIN: return SITE_PLAIN;
    case N_ABSENT: return n == &dropped_node ? SITE_DROPPED : SITE_PLAIN;
    case N_ENCRYPTED: return encrypted_site(n->meta);
    case N_OBJECT: return SITE_ABOVE;
    case N_ARRAY: return SITE_ARRAY;
    default: return SITE_UNKNOWN;
    }
}

site judge_site(const spot *s) {
    if (s->below)
        return SITE_BELOW;
    if (s->in_array && s->node->kind == N_ENCRYPTED)
        return s->looked_up ? SITE_JOINED : SITE_ARRAY;
    return s->in_array && s->node->kind == N_OBJECT ? SITE_ARRAY : judge_node_site(s->node);
}

const node *judge_dropped_from(judge *j, const spot *s, const char *path) {
    if (s->node->kind != N_ABSENT || !j->c)
        return &plain_node;
    spot declared = node_find(j->p, node_of_collection(j->p, j->c), path);
    return declared.below ? &dropped_node : declared.node;
}

bool judge_is_dropped(judge *j, const spot *s, const char *path) {
    const node *declared = judge_dropped_from(j, s, path);
    return declared->kind != N_PLAIN && declared->kind != N_OBJECT;
}

void judge_malformed(judge *j, const char *why) {
    const char *stage = j->stage ? j->stage : "";
    if (!j->encrypts) {
        judge_moot(j);
        return;
    }
    bool counted = j->cells && cells_find(j->cells, F_STAGE, stage, "(malformed)") >= 0;
    judge_note_once(j, F_STAGE, counted ? stage : "(malformed)", counted ? "(malformed)" : "");
    judge_refuse(j, "malformed: %s %s", stage, why);
}

pairs judge_pairs(judge *j, const value *o, const value *r) {
    if (r && r->type != o->type) {
        judge_wrong(j, "'%s' changed its type", o->name ? o->name : "");
        r = NULL;
    }
    return (pairs){.next_o = o->first, .next_r = r ? r->first : NULL, .result = r};
}

bool judge_next(judge *j, pairs *it) {
    it->o = it->next_o;
    it->r = it->next_r;
    if (!it->o) {
        if (it->result && it->r)
            judge_wrong(j, "'%s' was added", it->r->name);
        return false;
    }
    if (it->result && !it->r)
        judge_wrong(j, "'%s' was lost", it->o->name);
    if (it->r && strcmp(it->o->name, it->r->name) != 0)
        judge_wrong(j, "'%s' became '%s'", it->o->name, it->r->name);
    it->next_o = it->o->next;
    it->next_r = it->r ? it->r->next : NULL;
    return j->verdict == V_FINE;
}

void judge_same(judge *j, const value *o, const value *r) {
    if (r && !value_equal(o, r))
        judge_wrong(j, "'%s' was changed", o->name ? o->name : "");
}

static bool key_matches(judge *j, const value *placeholder, const metadata *meta, const value *document) {
    if (meta->key < 0) {
        const value *name = document ? value_get(document, meta->key_field) : NULL;
        const value *ka = value_get(placeholder, "ka");
        return name && ka && value_equal(name, ka);
    }
    uint8_t id[16] = {0};
    id[15] = (uint8_t)meta->key;
    const value *ki = value_get(placeholder, "ki");
    return ki && value_equal(ki, value_binary(j->p, 4, id, sizeof id));
}

static void check_placeholder(judge *j, const value *o, const value *r, const metadata *meta, const value *document) {
    const uint8_t *payload;
    if (!value_is_placeholder(r)) {
        judge_wrong(j, "plaintext at '%s'", o->name);
        return;
    }
    uint32_t len = value_payload(r, &payload);
    const value *placeholder = payload[0] == 0 ? value_read(j->p, payload + 1, len - 1) : NULL;
    if (!placeholder || value_count(placeholder) != 3) {
        judge_wrong(j, "'%s' is no CSFLE placeholder", o->name);
        return;
    }
    const value *a = placeholder->first, *v = placeholder->last;
    if (strcmp(a->name, "a") != 0 || !value_equal(a, value_int(j->p, meta->algorithm)))
        judge_wrong(j, "'%s' is marked with the wrong algorithm", o->name);
    else if (!key_matches(j, placeholder, meta, document))
        judge_wrong(j, "'%s' is marked with the wrong key", o->name);
    else if (strcmp(v->name, "v") != 0 || !value_equal(v, o))
        judge_wrong(j, "'%s' is marked with another value", o->name);
}

static void check_type(judge *j, const value *o, const metadata *meta) {
    if (o->type == T_BINARY && value_subtype(o) == 6)
        judge_refuse(j, "ciphertext at '%s'", o->name);
    else if (!metadata_allows(meta, o->type))
        judge_refuse(j, "type %d at '%s'", o->type, o->name);
}

static bool repeated(const value *doc, const value *m) {
    for (const value *other = doc->first; other; other = other->next)
        if (other != m && strcmp(other->name, m->name) == 0)
            return true;
    return false;
}

void judge_stored(judge *j, const value *o, const value *r, const metadata *meta, const value *document) {
    if (meta->qe) {
        judge_qe_stored(j, o, r, meta);
        return;
    }
    const value *key = meta->key < 0 && document ? value_get(document, meta->key_field) : NULL;
    check_type(j, o, meta);
    if (meta->key < 0 && (!key || key->type != T_STRING || repeated(document, key)))
        judge_refuse(j, "no key name for '%s'", o->name);
    if (r && j->verdict == V_FINE)
        check_placeholder(j, o, r, meta, document);
}

void judge_note_after(judge *j, const metadata *meta) {
    int before = judge_enter(j, F_STAGE, j->previous ? j->previous : "", "(then compared)");
    if (j->context >= 0)
        judge_note(j, encrypted_site(meta));
    judge_leave(j, before);
}

void judge_compared(judge *j, const value *o, const value *r, const metadata *meta) {
    if (!metadata_comparable(meta)) /* those of QE never, but in filters: judge_qe_equality */
        judge_refuse(j, "'%s' is compared with a field that cannot be", o->name);
    if (j->only_exists)
        judge_refuse(j, "comparison in a stored filter");
    check_type(j, o, meta);
    if (o->type == T_REGEX)
        judge_refuse(j, "regular expression against an encrypted field");
    if (j->collated && (o->type == T_STRING || o->type == T_SYMBOL))
        judge_refuse(j, "collation over an encrypted string");
    judge_note_after(j, meta);
    if (r && j->verdict == V_FINE)
        check_placeholder(j, o, r, meta, NULL);
}

static bool is_zero_timestamp(const value *v) {
    return v->type == T_TIMESTAMP && memcmp(v->bytes, "\0\0\0\0\0\0\0\0", 8) == 0;
}

bool judge_reaches(judge *j, const value *v, const node *at) {
    if (at->kind != N_OBJECT)
        return !node_usable(at);
    for (const value *m = value_is_container(v) ? v->first : NULL; m; m = m->next)
        if (judge_reaches(j, m, v->type == T_DOC ? node_child(j->p, at, m->name) : at))
            return true;
    return false;
}

static void judge_encrypted_member(judge *j, const value *parent, const value *o, const value *r, const metadata *meta,
                                   purpose why, const value *whole) {
    if (why == COMPARED) {
        judge_compared(j, o, r, meta);
        return;
    }
    if (repeated(parent, o))
        judge_refuse(j, "'%s' twice", o->name);
    if ((why == INSERTED || why == REPLACING) && parent == whole && is_zero_timestamp(o))
        judge_refuse(j, "Timestamp(0, 0) at '%s'", o->name);
    judge_stored(j, o, r, meta, whole);
}

void judge_document(judge *j, const value *o, const value *r, const node *at, purpose why, const value *whole) {
    pairs it = judge_pairs(j, o, r);
    if (judge_is_qe(j) && o == whole && why != SET && why != COMPARED && value_get(o, "__safeContent__"))
        judge_refuse(j, "__safeContent__ is written");
    while (judge_next(j, &it)) {
        const node *child = node_child(j->p, at, it.o->name);
        if (why != COMPARED)
            judge_note(j, judge_node_site(child));
        if (child->kind == N_ABSENT && why == COMPARED)
            judge_moot(j); /* dropped, or never there */
        if (child->kind == N_CONFLICT || child->kind == N_UNKNOWN)
            judge_refuse(j, "conflicting metadata at '%s'", it.o->name);
        else if (child->kind == N_ENCRYPTED)
            judge_encrypted_member(j, o, it.o, it.r, child->meta, why, whole);
        else if (child->kind == N_OBJECT && it.o->type == T_DOC)
            judge_document(j, it.o, it.r, child, why, whole);
        else if (child->kind == N_OBJECT && it.o->type == T_ARRAY && (why != COMPARED || judge_reaches(j, it.o, child)))
            judge_refuse(j, "array above an encrypted path at '%s'", it.o->name);
        else if (child->kind == N_ARRAY && why == COMPARED)
            judge_refuse(j, "comparison with the array '%s'", it.o->name);
        else
            judge_same(j, it.o, it.r);
    }
}

/* ---- variables ---- */

void judge_bind(judge *j, const char *name) {
    if (strcmp(name, "CURRENT") == 0 && j->encrypts) {
        judge_note_once(j, F_EXPRESSION, "(bound CURRENT)", "");
        judge_refuse(j, "CURRENT is bound");
    }
    if ((name[0] < 'a' || name[0] > 'z') && strcmp(name, "IDX") != 0)
        judge_moot(j); /* the server's error, most likely */
    touched *t = pool_take(j->p, sizeof *t);
    *t = (touched){name, j->bound};
    j->bound = t;
}

bool judge_is_bound(const judge *j, const char *name) {
    static const char *const system[] = {"NOW",     "CLUSTER_TIME", "USER_ROLES", "SEARCH_META",
                                         "DESCEND", "PRUNE",        "KEEP"};
    size_t n = strcspn(name, ".");
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        if (strlen(system[i]) == n && strncmp(system[i], name, n) == 0)
            return true;
    for (const touched *t = j->bound; t; t = t->next)
        if (strlen(t->path) == n && strncmp(t->path, name, n) == 0)
            return true;
    return false;
}
