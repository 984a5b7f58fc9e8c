#include "shape.h"

#include <ctype.h>
#include <string.h>

enum { DEEPEST = 200, MOST_DISTINCT = 32 };

/* What a value is, by the place where it stands. */
typedef enum place {
    DROPPED, /* left out */
    DATA,    /* values of the application */
    OPTION,  /* options of commands: truth values tell something */
    TEXT,    /* a name or several */
    KEY,     /* the key of distinct, or the fields of an index */
    FIELDS,  /* {name: 1 or -1 or "text"} */
    WORDS,   /* options that are words */
    COLLATION,
    COMMAND, /* a command's or statement's members */
    STATEMENTS,
    FILTER,
    FILTERS,
    UPDATE,
    PROJECTION,
    EXPRESSION, /* strings with $ are paths */
    NAMING,     /* a name, or operands with names among them */
    OPERANDS,   /* of an operator that has names among them */
    CODE,       /* operands of an operator that has JavaScript among them */
    PIPELINE,
    STAGE,
    JOIN,
    FACET,
    UNWIND,
    MERGE,
    RENAME,
} place;

typedef struct row {
    place in;
    const char *name; /* NULL: any other */
    place of;
} row;

static const row rows[] = {
    {COMMAND, "filter", FILTER},
    {COMMAND, "query", FILTER},
    {COMMAND, "q", FILTER},
    {COMMAND, "u", UPDATE},
    {COMMAND, "update", UPDATE},
    {COMMAND, "updateMods", UPDATE},
    {COMMAND, "updates", STATEMENTS},
    {COMMAND, "deletes", STATEMENTS},
    {COMMAND, "ops", STATEMENTS},
    {COMMAND, "nsInfo", STATEMENTS},
    {COMMAND, "indexes", STATEMENTS},
    {COMMAND, "index", COMMAND},
    {COMMAND, "explain", COMMAND},
    {COMMAND, "documents", DATA},
    {COMMAND, "document", DATA},
    {COMMAND, "min", DATA},
    {COMMAND, "max", DATA},
    {COMMAND, "projection", PROJECTION},
    {COMMAND, "fields", PROJECTION},
    {COMMAND, "sort", FIELDS},
    {COMMAND, "key", KEY},
    {COMMAND, "keyPattern", KEY},
    {COMMAND, "pipeline", PIPELINE},
    {COMMAND, "collation", COLLATION},
    {COMMAND, "let", DATA},
    {COMMAND, "c", DATA},
    {COMMAND, "constants", DATA},
    {COMMAND, "arrayFilters", FILTERS},
    {COMMAND, "validator", FILTER},
    {COMMAND, "partialFilterExpression", FILTER},
    {COMMAND, "viewOn", TEXT},
    {COMMAND, "ns", TEXT},
    {COMMAND, "name", TEXT},
    {COMMAND, "cursor", DROPPED},
    {COMMAND, "batchSize", DROPPED},
    {COMMAND, "singleBatch", DROPPED},
    {COMMAND, "ordered", DROPPED},
    {COMMAND, NULL, OPTION},
    {FILTER, "$and", FILTERS},
    {FILTER, "$or", FILTERS},
    {FILTER, "$nor", FILTERS},
    {FILTER, "$elemMatch", FILTER},
    {FILTER, "$expr", EXPRESSION},
    {FILTER, "$exists", OPTION},
    {FILTER, "$eq", DATA},
    {FILTER, "$ne", DATA},
    {FILTER, "$gt", DATA},
    {FILTER, "$gte", DATA},
    {FILTER, "$lt", DATA},
    {FILTER, "$lte", DATA},
    {FILTER, NULL, FILTER},
    {UPDATE, "$rename", RENAME},
    {UPDATE, "$pull", FILTER},
    {UPDATE, NULL, DATA},
    {PROJECTION, "$elemMatch", FILTER},
    {PROJECTION, "$slice", DATA},
    {PROJECTION, "$meta", WORDS},
    {PROJECTION, NULL, PROJECTION},
    {FIELDS, "$meta", WORDS},
    {FIELDS, NULL, FIELDS},
    {EXPRESSION, "$literal", DATA},
    {EXPRESSION, "$const", DATA},
    {EXPRESSION, "$meta", WORDS},
    {EXPRESSION, "$getField", NAMING},
    {EXPRESSION, "$setField", OPERANDS},
    {EXPRESSION, "$unsetField", OPERANDS},
    {EXPRESSION, "$map", OPERANDS},
    {EXPRESSION, "$filter", OPERANDS},
    {EXPRESSION, "$function", CODE},
    {EXPRESSION, "$accumulator", CODE},
    {EXPRESSION, "sortBy", FIELDS},
    {EXPRESSION, NULL, EXPRESSION},
    {NAMING, "field", TEXT},
    {NAMING, NULL, EXPRESSION},
    {OPERANDS, "as", TEXT},
    {OPERANDS, "field", TEXT},
    {OPERANDS, NULL, EXPRESSION},
    {CODE, "args", EXPRESSION},
    {CODE, "initArgs", EXPRESSION},
    {CODE, "accumulateArgs", EXPRESSION},
    {CODE, NULL, DATA},
    {STAGE, "$match", FILTER},
    {STAGE, "$project", PROJECTION},
    {STAGE, "$sort", FIELDS},
    {STAGE, "$unset", TEXT},
    {STAGE, "$count", TEXT},
    {STAGE, "$unwind", UNWIND},
    {STAGE, "$lookup", JOIN},
    {STAGE, "$graphLookup", JOIN},
    {STAGE, "$unionWith", JOIN},
    {STAGE, "$geoNear", JOIN},
    {STAGE, "$facet", FACET},
    {STAGE, "$densify", OPERANDS},
    {STAGE, "$merge", MERGE},
    {STAGE, "$out", TEXT},
    {STAGE, "$addFields", EXPRESSION},
    {STAGE, "$set", EXPRESSION},
    {STAGE, "$group", EXPRESSION},
    {STAGE, "$bucket", EXPRESSION},
    {STAGE, "$bucketAuto", EXPRESSION},
    {STAGE, "$sortByCount", EXPRESSION},
    {STAGE, "$replaceRoot", EXPRESSION},
    {STAGE, "$replaceWith", EXPRESSION},
    {STAGE, "$redact", EXPRESSION},
    {STAGE, "$fill", EXPRESSION},
    {STAGE, "$setWindowFields", EXPRESSION},
    {STAGE, "$documents", EXPRESSION},
    {STAGE, NULL, DATA},
    {JOIN, "pipeline", PIPELINE},
    {JOIN, "query", FILTER},
    {JOIN, "restrictSearchWithMatch", FILTER},
    {JOIN, "let", EXPRESSION},
    {JOIN, "startWith", EXPRESSION},
    {JOIN, "from", TEXT},
    {JOIN, "coll", TEXT},
    {JOIN, "localField", TEXT},
    {JOIN, "foreignField", TEXT},
    {JOIN, "as", TEXT},
    {JOIN, "connectFromField", TEXT},
    {JOIN, "connectToField", TEXT},
    {JOIN, "depthField", TEXT},
    {JOIN, "distanceField", TEXT},
    {JOIN, "includeLocs", TEXT},
    {JOIN, "key", TEXT},
    {JOIN, NULL, DATA},
    {FACET, NULL, PIPELINE},
    {UNWIND, "path", TEXT},
    {UNWIND, "includeArrayIndex", TEXT},
    {UNWIND, NULL, OPTION},
    {MERGE, "into", TEXT},
    {MERGE, "on", TEXT},
    {MERGE, "let", EXPRESSION},
    {MERGE, "whenMatched", UPDATE},
    {MERGE, "whenNotMatched", WORDS},
    {MERGE, NULL, DATA},
    {RENAME, NULL, TEXT},
    {COLLATION, NULL, WORDS},
    {WORDS, NULL, DATA},
    {TEXT, "db", TEXT}, /* {db, coll} in place of a collection's name */
    {TEXT, "coll", TEXT},
    {TEXT, NULL, DATA},
    {KEY, NULL, FIELDS},
};

static place place_of(place in, const char *name) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].in == in && (!rows[i].name || strcmp(rows[i].name, name) == 0))
            return rows[i].of;
    return in == OPTION ? DATA : in;
}

/* ---- values ---- */

static const char *type_name(const bson_iter_t *it) {
    const uint8_t *data;
    uint32_t len;
    bson_subtype_t subtype;
    switch (bson_iter_type(it)) {
    case BSON_TYPE_DOUBLE: return "<double>";
    case BSON_TYPE_UTF8: return "<string>";
    case BSON_TYPE_DOCUMENT: return "<object>";
    case BSON_TYPE_ARRAY: return "<array>";
    case BSON_TYPE_UNDEFINED: return "<undefined>";
    case BSON_TYPE_OID: return "<objectId>";
    case BSON_TYPE_BOOL: return "<bool>";
    case BSON_TYPE_DATE_TIME: return "<date>";
    case BSON_TYPE_NULL: return "null";
    case BSON_TYPE_REGEX: return "<regex>";
    case BSON_TYPE_DBPOINTER: return "<dbPointer>";
    case BSON_TYPE_CODE: return "<javascript>";
    case BSON_TYPE_SYMBOL: return "<symbol>";
    case BSON_TYPE_CODEWSCOPE: return "<javascriptWithScope>";
    case BSON_TYPE_INT32: return "<int>";
    case BSON_TYPE_TIMESTAMP: return "<timestamp>";
    case BSON_TYPE_INT64: return "<long>";
    case BSON_TYPE_DECIMAL128: return "<decimal>";
    case BSON_TYPE_MAXKEY: return "<maxKey>";
    case BSON_TYPE_MINKEY: return "<minKey>";
    case BSON_TYPE_BINARY:
        bson_iter_binary(it, &subtype, &len, &data);
        return subtype == BSON_SUBTYPE_UUID ? "<uuid>" : (int)subtype == 6 ? "<encrypted>" : "<binData>";
    default: return "<?>";
    }
}

static bool is_number(const bson_iter_t *it) {
    return BSON_ITER_HOLDS_INT32(it) || BSON_ITER_HOLDS_INT64(it) || BSON_ITER_HOLDS_DOUBLE(it) ||
           BSON_ITER_HOLDS_DECIMAL128(it);
}

static double number(const bson_iter_t *it) {
    return BSON_ITER_HOLDS_DOUBLE(it) ? bson_iter_double(it) : (double)bson_iter_as_int64(it);
}

static void put_string(oc_buffer *out, const bson_iter_t *it) {
    uint32_t len;
    const char *text = bson_iter_utf8(it, &len);
    oc_buffer_json(out, text, len);
}

static bool is_kind_of_index(const bson_iter_t *it) {
    static const char *const kinds[] = {"text", "2d", "2dsphere", "hashed", "geoHaystack", "columnstore"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(bson_iter_utf8(it, NULL), kinds[i]) == 0)
            return true;
    return false;
}

/* Such as "fr", "zh_Hant_TW". */
static bool is_locale(const char *text) {
    enum { LANGUAGE = 3, SCRIPT = 4 };
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    bool ok = n >= 2 && n <= LANGUAGE;
    for (text += n; ok && *text == '_'; text += n + 1) {
        n = 0;
        while (isalpha((unsigned char)text[1 + n]))
            n++;
        ok = n >= 2 && n <= SCRIPT && isupper((unsigned char)text[1]);
    }
    return ok && !*text;
}

/* Others may be anything. */
static bool is_word(const char *text) {
    static const char *const words[] = {"simple",
                                        "upper",
                                        "lower",
                                        "off",
                                        "non-ignorable",
                                        "shifted",
                                        "punct",
                                        "space",
                                        "insert",
                                        "discard",
                                        "fail",
                                        "textScore",
                                        "indexKey",
                                        "searchScore",
                                        "recordId",
                                        "sortKey",
                                        "randVal",
                                        "geoNearDistance",
                                        "geoNearPoint",
                                        "searchHighlights",
                                        "scoreDetails",
                                        "vectorSearchScore",
                                        "searchSequenceToken",
                                        "searchScoreDetails",
                                        "score"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], text) == 0)
            return true;
    return is_locale(text);
}

/* The few scalars of which a place shows more than the type. */
static bool put_special(oc_buffer *out, const bson_iter_t *it, place p) {
    bool string = BSON_ITER_HOLDS_UTF8(it);
    switch (p) {
    case OPTION:
        if (BSON_ITER_HOLDS_BOOL(it))
            oc_buffer_text(out, bson_iter_bool(it) ? "true" : "false");
        else if (is_number(it))
            oc_buffer_text(out, "<number>");
        else
            return false;
        return true;
    case FIELDS:
    case PROJECTION:
        if (is_number(it) || BSON_ITER_HOLDS_BOOL(it)) {
            double n = BSON_ITER_HOLDS_BOOL(it) ? bson_iter_bool(it) : number(it);
            oc_buffer_text(out, n < 0 && p == FIELDS ? "-1" : n != 0 ? "1" : "0");
            return true;
        }
        if (string && (p == FIELDS ? is_kind_of_index(it) : *bson_iter_utf8(it, NULL) == '$')) {
            put_string(out, it);
            return true;
        }
        return false;
    case EXPRESSION:
        if (string && *bson_iter_utf8(it, NULL) == '$') {
            put_string(out, it);
            return true;
        }
        return false;
    case WORDS:
        if (BSON_ITER_HOLDS_BOOL(it))
            oc_buffer_text(out, bson_iter_bool(it) ? "true" : "false");
        else if (BSON_ITER_HOLDS_INT32(it) && bson_iter_int32(it) >= 0 && bson_iter_int32(it) < 10)
            oc_buffer_format(out, "%d", bson_iter_int32(it));
        else if (string && is_word(bson_iter_utf8(it, NULL)))
            put_string(out, it);
        else
            return false;
        return true;
    case TEXT:
    case NAMING:
    case KEY:
    case UNWIND:
    case JOIN:
    case MERGE:
        if (string)
            put_string(out, it);
        return string;
    default: return false;
    }
}

/* ---- documents and arrays ---- */

static void put(oc_buffer *out, const bson_iter_t *it, place p, int depth);

static void put_name(oc_buffer *out, const char *name) {
    size_t plain = 0;
    while (isalnum((unsigned char)name[plain]) || (name[plain] && strchr("_$.", name[plain])))
        plain++;
    if (plain && !name[plain])
        oc_buffer_add(out, name, plain);
    else
        oc_buffer_json(out, name, strlen(name));
}

static bool starts_with_operator(const bson_iter_t *doc) {
    bson_iter_t it;
    return bson_iter_recurse(doc, &it) && bson_iter_next(&it) && *bson_iter_key(&it) == '$';
}

/* The place of a member. A filter's field that is compared with an object holds data, as does the rest of a
 * replacement; below an operator of a projection there are expressions. */
static place place_of_member(place in, const bson_iter_t *it) {
    const char *name = bson_iter_key(it);
    place p = place_of(in, name);
    bool document = BSON_ITER_HOLDS_DOCUMENT(it);
    if (in == FILTER && p == FILTER && !(document && (starts_with_operator(it) || !strcmp(name, "$elemMatch"))))
        return DATA;
    if (in == PROJECTION && p == PROJECTION && *name == '$')
        return place_of(EXPRESSION, name);
    return p;
}

static void put_members(oc_buffer *out, bson_iter_t *it, place in, int depth) {
    bool first = true;
    while (bson_iter_next(it)) {
        place p = place_of_member(in, it);
        if (p == DROPPED)
            continue;
        if (!first)
            oc_buffer_text(out, ", ");
        first = false;
        put_name(out, bson_iter_key(it));
        oc_buffer_text(out, ": ");
        put(out, it, p, depth);
    }
}

static bool positions_matter(place p) {
    return p == PIPELINE || p == STAGE || p == EXPRESSION || p == TEXT || p == WORDS || p == UPDATE;
}

static place place_of_element(place p) {
    switch (p) {
    case STATEMENTS: return COMMAND;
    case FILTERS: return FILTER;
    case PIPELINE:
    case UPDATE: return STAGE;
    case FILTER:
    case NAMING:
    case JOIN:
    case MERGE:
    case UNWIND:
    case WORDS:
    case COLLATION: return DATA;
    default: return p;
    }
}

/* Whether out.data[from ..] is one of the elements before it, whose ends are given; the first starts at `start`. */
static bool is_repeated(const oc_buffer *out, size_t start, const size_t *ends, size_t count, size_t from) {
    for (size_t i = 0, at = start; i < count; i++) {
        size_t len = ends[i] - at;
        if (len == out->len - from && memcmp(out->data + at, out->data + from, len) == 0)
            return true;
        at = ends[i] + strlen(", ");
    }
    return false;
}

/* Each kind of element once. Where positions matter, only a constant that follows its like is left out. */
static void put_elements(oc_buffer *out, bson_iter_t *it, place p, int depth) {
    size_t ends[MOST_DISTINCT], count = 0, start = out->len, last = start;
    bool ordered = positions_matter(p);
    while (bson_iter_next(it)) {
        size_t before = out->len;
        if (before > start)
            oc_buffer_text(out, ", ");
        size_t from = out->len;
        put(out, it, place_of_element(p), depth);
        if (ordered ? out->data[from] == '<' && is_repeated(out, last, &before, before > start, from)
                    : is_repeated(out, start, ends, count, from)) {
            out->len = before;
            continue;
        }
        last = from;
        if (!ordered && count == MOST_DISTINCT) {
            out->len = from;
            oc_buffer_text(out, "...");
            return;
        }
        if (!ordered)
            ends[count++] = out->len;
    }
}

static void put_container(oc_buffer *out, const bson_iter_t *it, place p, int depth) {
    bool array = BSON_ITER_HOLDS_ARRAY(it);
    bson_iter_t child;
    if (depth > DEEPEST || !bson_iter_recurse(it, &child)) {
        oc_buffer_text(out, array ? "[...]" : "{...}");
        return;
    }
    oc_buffer_char(out, array ? '[' : '{');
    if (array)
        put_elements(out, &child, p, depth + 1);
    else
        put_members(out, &child, p, depth + 1);
    oc_buffer_char(out, array ? ']' : '}');
}

static void put(oc_buffer *out, const bson_iter_t *it, place p, int depth) {
    if (BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it))
        put_container(out, it, p, depth);
    else if (!put_special(out, it, p))
        oc_buffer_text(out, type_name(it));
}

/* ---- the command ---- */

static void append(oc_buffer *out, const bson_t *command, bool may_explain);

/* The first member names the command, and its collection or what it explains. */
static void put_first(oc_buffer *out, bson_iter_t *it, bool may_explain) {
    bson_t inner;
    uint32_t len;
    const uint8_t *data;
    put_name(out, bson_iter_key(it));
    oc_buffer_text(out, ": ");
    if (!may_explain || strcmp(bson_iter_key(it), "explain") != 0 || !BSON_ITER_HOLDS_DOCUMENT(it)) {
        put(out, it, BSON_ITER_HOLDS_UTF8(it) ? TEXT : OPTION, 1);
        return;
    }
    bson_iter_document(it, &len, &data);
    if (bson_init_static(&inner, data, len))
        append(out, &inner, false);
}

static void append(oc_buffer *out, const bson_t *command, bool may_explain) {
    bson_iter_t it;
    oc_buffer rest = {0};
    oc_buffer_char(out, '{');
    if (bson_iter_init(&it, command) && bson_iter_next(&it)) {
        put_first(out, &it, may_explain);
        put_members(&rest, &it, COMMAND, 1);
    }
    if (rest.len)
        oc_buffer_text(out, ", ");
    oc_buffer_add(out, rest.data, rest.len);
    oc_buffer_char(out, '}');
    oc_buffer_done(&rest);
}

void oc_shape_append(oc_buffer *out, const bson_t *command) {
    append(out, command, true);
}
