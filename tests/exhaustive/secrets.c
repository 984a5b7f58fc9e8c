/* Which values of a command belong to encrypted paths, by the shape of the command alone: what stands under such a name
 * in a filter, a document or an update, and what an expression compares with such a field. In pipelines a name counts
 * until a stage puts something else there; that a stage drops it changes nothing. */

#include "secrets.h"

#include <string.h>

typedef struct written {
    const char *path; /* "": all */
    const struct written *next;
} written;

typedef struct finder {
    secrets *to;
    pool *p;
    const schema *s;
    const char *collection;
    const written *written;
} finder;

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* The values that the grammar makes once in a command. */
static bool is_unique(const value *v) {
    double n = value_number(v);
    switch (v->type) {
    case T_STRING: return starts(value_chars(v), "secret-");
    case T_INT: return n > 70000 && n < 71000;
    case T_LONG:
    case T_DOUBLE: return n > 770000 && n < 771000;
    case T_DATE: return true;
    default: return false;
    }
}

static void add(finder *f, const value *v) {
    for (const value *m = value_is_container(v) ? v->first : NULL; m; m = m->next)
        add(f, m);
    if (is_unique(v) && f->to->count < MAX_SECRETS)
        f->to->values[f->to->count++] = v;
}

static bool lies_at_or_below(const char *path, const char *of) {
    size_t n = strlen(of);
    return n == 0 || (strncmp(path, of, n) == 0 && (path[n] == 0 || path[n] == '.'));
}

static bool is_encrypted(const finder *f, const char *path) {
    for (const written *w = f->written; w; w = w->next)
        if (lies_at_or_below(path, w->path) || lies_at_or_below(w->path, path))
            return false;
    return schema_encrypts(f->s, f->collection, path);
}

static const char *join(finder *f, const char *path, const char *name) {
    return *path ? pool_text(f->p, "%s.%s", path, name) : name;
}

static void in_expression(finder *f, const value *v);

/* A name with a dot is a path only where nothing stands above it. */
static void at(finder *f, const char *path, const value *v) {
    if (*path && is_encrypted(f, path)) {
        add(f, v);
        return;
    }
    for (const value *m = value_is_container(v) ? v->first : NULL; m; m = m->next)
        if (v->type == T_DOC && strcmp(m->name, "$expr") == 0)
            in_expression(f, m);
        else if (v->type == T_ARRAY || m->name[0] == '$')
            at(f, path, m);
        else if (!*path || !strchr(m->name, '.'))
            at(f, join(f, path, m->name), m);
}

/* ---- expressions ---- */

static bool is_encrypted_field(const finder *f, const value *v) {
    const char *text = value_chars(v);
    if (starts(text, "$$ROOT.") || starts(text, "$$CURRENT."))
        return is_encrypted(f, strchr(text, '.') + 1);
    return text[0] == '$' && text[1] != '$' && is_encrypted(f, text + 1);
}

static bool compares(const char *op) {
    static const char *const names[] = {"$eq", "$ne", "$in", "$gt", "$gte", "$lt", "$lte"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], op) == 0)
            return true;
    return starts(op, "$encStr");
}

static void in_expression(finder *f, const value *v) {
    bool found = false;
    if (!value_is_container(v))
        return;
    for (const value *m = v->first; m; m = m->next) {
        in_expression(f, m);
        found |= m->type == T_STRING && is_encrypted_field(f, m);
    }
    if (found && v->name && compares(v->name))
        add(f, v);
}

/* ---- pipelines ---- */

static void in_pipeline(finder *f, const value *stages);

static void write_path(finder *f, const char *path) {
    written *w = pool_take(f->p, sizeof *w);
    *w = (written){path, f->written};
    f->written = w;
}

static bool is_flag(const value *v) {
    return value_is_number(v) || v->type == T_BOOL;
}

static void write_names(finder *f, const value *fields) {
    for (const value *m = fields->type == T_DOC ? fields->first : NULL; m; m = m->next)
        if (!is_flag(m))
            write_path(f, m->name);
}

static void computed(finder *f, const value *v) {
    in_expression(f, v);
    write_names(f, v);
}

/* In $addFields numbers are constants. */
static void added(finder *f, const value *v) {
    in_expression(f, v);
    for (const value *m = v->type == T_DOC ? v->first : NULL; m; m = m->next)
        write_path(f, m->name);
}

static void all_new(finder *f, const value *v) {
    in_expression(f, v);
    write_path(f, "");
}

static void matched(finder *f, const value *v) {
    at(f, "", v);
}

static void nested(finder *f, const value *stages, const char *in, const written *before) {
    finder inner = *f;
    inner.collection = in;
    inner.written = before;
    if (stages && stages->type == T_ARRAY)
        in_pipeline(&inner, stages);
}

static void joined(finder *f, const value *v) {
    const value *from = value_get(v, "from"), *as = value_get(v, "as");
    if (from)
        nested(f, value_get(v, "pipeline"), value_chars(from), NULL);
    if (as)
        write_path(f, value_chars(as));
}

static void united(finder *f, const value *v) {
    const value *from = value_get(v, "coll");
    if (from)
        nested(f, value_get(v, "pipeline"), value_chars(from), NULL);
    write_path(f, "");
}

static void faceted(finder *f, const value *v) {
    for (const value *m = v->type == T_DOC ? v->first : NULL; m; m = m->next)
        nested(f, m, f->collection, f->written);
    write_path(f, "");
}

static void counted(finder *f, const value *v) {
    write_path(f, *value_chars(v) ? value_chars(v) : "_id");
}

static void sorted_by_count(finder *f, const value *v) {
    in_expression(f, v);
    write_path(f, "_id");
    write_path(f, "count");
}

static void indexed(finder *f, const value *v) {
    const value *index = v->type == T_DOC ? value_get(v, "includeArrayIndex") : NULL;
    if (index)
        write_path(f, value_chars(index));
}

typedef void rule(finder *f, const value *v);

static rule *rule_of(const char *stage) {
    static const struct {
        const char *stage;
        rule *rule;
    } table[] = {
        {"$match", matched},
        {"$project", computed},
        {"$group", computed},
        {"$addFields", added},
        {"$set", added},
        {"$lookup", joined},
        {"$unionWith", united},
        {"$facet", faceted},
        {"$count", counted},
        {"$unwind", indexed},
        {"$graphLookup", joined},
        {"$redact", in_expression},
        {"$sortByCount", sorted_by_count},
    };
    static const char *const harmless[] = {"$limit", "$skip", "$sample", "$sort", "$unset", "$indexStats"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].stage, stage) == 0)
            return table[i].rule;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(harmless[i], stage) == 0)
            return NULL;
    return all_new;
}

static void in_pipeline(finder *f, const value *stages) {
    for (const value *m = stages->first; m; m = m->next) {
        rule *look = m->first ? rule_of(m->first->name) : NULL;
        if (look)
            look(f, m->first);
    }
}

/* ---- updates ---- */

static bool is_operator(const value *v) {
    return v->type == T_DOC && v->first && v->first->name[0] == '$';
}

/* A pipeline of one stage, where nothing can be overwritten afterwards. */
static void in_update_pipeline(finder *f, const value *stages) {
    const value *stage = stages->first && !stages->first->next ? stages->first->first : NULL;
    bool sets = stage && (strcmp(stage->name, "$set") == 0 || strcmp(stage->name, "$addFields") == 0);
    for (const value *m = sets && stage->type == T_DOC ? stage->first : NULL; m; m = m->next)
        if (!is_operator(m))
            at(f, m->name, m);
    in_pipeline(f, stages);
    f->written = NULL;
}

static void in_document(finder *f, const value *doc) {
    for (const value *m = value_is_container(doc) ? doc->first : NULL; m; m = m->next)
        if (!strchr(m->name, '.'))
            at(f, m->name, m);
}

static void in_documents(finder *f, const value *list) {
    for (const value *m = value_is_container(list) ? list->first : NULL; m; m = m->next)
        in_document(f, m);
}

/* What $unset is given is neither stored nor compared. */
static void in_modifiers(finder *f, const value *u) {
    for (const value *m = u->first; m; m = m->next)
        if (strcmp(m->name, "$unset") != 0)
            at(f, "", m);
}

static void in_update(finder *f, const value *u) {
    if (u->type == T_ARRAY)
        in_update_pipeline(f, u);
    else if (is_operator(u))
        in_modifiers(f, u);
    else
        in_document(f, u);
}

/* ---- commands ---- */

static void in_command(finder *f, const value *command);

static void in_each(finder *f, const value *list) {
    for (const value *m = value_is_container(list) ? list->first : NULL; m; m = m->next)
        in_command(f, m);
}

static void in_stored_pipeline(finder *f, const value *v) {
    if (v->type == T_ARRAY)
        in_pipeline(f, v);
    f->written = NULL;
}

static rule *field_rule(const char *name) {
    static const struct {
        const char *name;
        rule *rule;
    } table[] = {
        {"filter", matched},
        {"query", matched},
        {"q", matched},
        {"validator", matched},
        {"min", matched},
        {"partialFilterExpression", matched},
        {"max", matched},
        {"document", in_document},
        {"documents", in_documents},
        {"u", in_update},
        {"updateMods", in_update},
        {"projection", in_expression},
        {"fields", in_expression},
        {"updates", in_each},
        {"deletes", in_each},
        {"ops", in_each},
        {"indexes", in_each},
        {"explain", in_command},
        {"pipeline", in_stored_pipeline},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].rule;
    return NULL;
}

static void in_command(finder *f, const value *command) {
    for (const value *m = value_is_container(command) ? command->first : NULL; m; m = m->next) {
        rule *look = field_rule(m->name);
        if (look)
            look(f, m);
        else if (strcmp(m->name, "update") == 0 && value_is_container(m))
            in_update(f, m);
    }
}

static const char *collection_of(const value *command) {
    const value *inner = value_get(command, "explain"), *on = value_get(command, "viewOn");
    const value *name = on ? on : inner ? inner->first : command->first;
    return name->type == T_STRING ? value_chars(name) : "c"; /* bulkWrite's is in its nsInfo */
}

void secrets_collect(secrets *to, pool *p, const schema *s, const value *command) {
    finder f = {to, p, s, collection_of(command), NULL};
    to->count = 0;
    in_command(&f, command);
}
