/* Pipelines of views over a collection of which the request has no schema: that client cannot know what it encrypts, so
 * no literal may meet a document's value, or become one. */

#include <string.h>

#include "judge.h"

static bool is_spared_type(int type) {
    return type == T_NULL || type == T_UNDEFINED || type == T_MINKEY || type == T_MAXKEY;
}

/* Operands that say how something is done, or which of the names it is done to, whatever the document holds. */
static bool is_manner(const value *m) {
    return operand_known("$comment $exists $sampleRate $type $size as field", m->name) &&
           (!value_is_container(m) || m->name[0] == '$');
}

/* Operators of which every operand but the first is a count or a position. */
static bool takes_counts(const char *op) {
    return operand_known("$arrayElemAt $round $slice $substr $substrBytes $substrCP $trunc", op);
}

/* A constant that is no path, flag, count or name, and that a document's own value could be equal to. */
static bool holds_literal(const value *v) {
    if (v->type == T_STRING)
        return value_chars(v)[0] != '$';
    if (!value_is_container(v))
        return !is_spared_type(v->type);
    for (const value *m = v->first; m; m = m->next)
        if (!is_manner(m) && !(m != v->first && v->type == T_ARRAY && takes_counts(v->name) && value_is_number(m)) &&
            holds_literal(m))
            return true;
    return false;
}

static bool is_flag(const value *v) {
    return value_is_number(v) || v->type == T_BOOL;
}

static bool only_flags(const value *fields) {
    for (const value *m = fields->first; m; m = m->next)
        if (!is_flag(m) && holds_literal(m))
            return false;
    return true;
}

/* An inclusion or a group: from there on names are known, and this judge has no opinion. */
static bool makes_known(const value *stage) {
    return strcmp(stage->name, "$group") == 0 || strcmp(stage->name, "$count") == 0 ||
           (strcmp(stage->name, "$project") == 0 && stage->type == T_DOC && is_flag(stage->first) &&
            value_number(stage->first) != 0);
}

typedef enum reading { HARMLESS, LITERALS, FLAGS, OPEN } reading;

static reading reading_of(const char *stage) {
    static const struct {
        const char *names;
        reading reading;
    } table[] = {
        {"$sort $limit $skip $count $unset $unwind $sample", HARMLESS},
        {"$match $addFields $set $replaceWith $replaceRoot", LITERALS},
        {"$project", FLAGS},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (operand_known(table[i].names, stage))
            return table[i].reading;
    return OPEN;
}

void judge_alien_pipeline(judge *j, const value *o, const value *r) {
    if (!j->encrypts)
        judge_same(j, o, r); /* else constants for a joined collection may be marked */
    for (const value *m = o->type == T_ARRAY ? o->first : NULL; m && j->verdict == V_FINE; m = m->next) {
        const value *stage = m->type == T_DOC && value_count(m) == 1 ? m->first : NULL;
        reading how = stage ? reading_of(stage->name) : OPEN;
        if (how == OPEN || (how != HARMLESS && stage->type != T_DOC) || makes_known(stage))
            judge_moot(j);
        else if (how == LITERALS ? holds_literal(stage) : how == FLAGS && !only_flags(stage))
            judge_refuse(j, "%s compares or makes literals over a namespace without a schema", stage->name);
    }
}
