#include "bson.h"

#include "text.h"

size_t oc_bson_value_size_slow(uint8_t type, const uint8_t *v, size_t avail) {
    size_t n;
    switch (type) {
    case OC_UNDEFINED:
    case OC_NULL:
    case OC_MIN_KEY:
    case OC_MAX_KEY: return 0;
    case OC_STRING:
    case OC_CODE:
    case OC_SYMBOL:
        if (avail < 5)
            return SIZE_MAX;
        n = oc_u32(v);
        return n >= 1 && n <= avail - 4 && v[4 + n - 1] == 0 ? 4 + n : SIZE_MAX;
    case OC_DOCUMENT:
    case OC_ARRAY:
        if (avail < 5)
            return SIZE_MAX;
        n = oc_u32(v);
        return n >= 5 && n <= avail && v[n - 1] == 0 ? n : SIZE_MAX;
    case OC_BINARY:
        if (avail < 5)
            return SIZE_MAX;
        n = oc_u32(v);
        if (n > avail - 5)
            return SIZE_MAX;
        /* The old binary type repeats the length inside. */
        if (v[4] == 2 && (n < 4 || oc_u32(v + 5) != n - 4))
            return SIZE_MAX;
        return 5 + n;
    case OC_REGEX: {
        const uint8_t *end = v + avail;
        const uint8_t *pattern_end = oc_find_nul(v, end);
        if (pattern_end >= end)
            return SIZE_MAX;
        const uint8_t *options_end = oc_find_nul(pattern_end + 1, end);
        return options_end < end ? (size_t)(options_end - v) + 1 : SIZE_MAX;
    }
    case OC_DB_POINTER:
        if (avail < 5 + 12)
            return SIZE_MAX;
        n = oc_u32(v);
        return n >= 1 && n <= avail - 4 - 12 && v[4 + n - 1] == 0 ? 4 + n + 12 : SIZE_MAX;
    case OC_CODE_W_SCOPE: {
        if (avail < 4 + 5 + 5)
            return SIZE_MAX;
        size_t total = oc_u32(v);
        n = oc_u32(v + 4);
        if (total < 14 || total > avail || n < 1 || n > total - 8 - 5 || v[8 + n - 1] != 0)
            return SIZE_MAX;
        size_t scope = oc_u32(v + 8 + n);
        return scope == total - 8 - n && scope >= 5 && v[total - 1] == 0 ? total : SIZE_MAX;
    }
    default: return SIZE_MAX;
    }
}

/* Where the document ends that starts at doc and has `avail` bytes: its final NUL, or NULL. */
static const uint8_t *document_end(const uint8_t *doc, size_t avail) {
    if (avail < 5)
        return NULL;
    size_t n = oc_u32(doc);
    return n == avail && doc[n - 1] == 0 ? doc + n - 1 : NULL;
}

static bool is_placeholder(const uint8_t *v) {
    return v[4] == 6 && oc_u32(v) >= 1 && (v[5] == 0 || v[5] == 3);
}

/* One loop over all levels: the ends of the documents around the current one are kept in an array, not on the stack.
 * *at is left at the element that was looked at last. */
static oc_bson_status check(const uint8_t *doc, const uint8_t *end, const char *opaque, const uint8_t **at,
                            bool *has_placeholder) {
    const uint8_t *ends[OC_MAX_DEPTH];
    unsigned depth = 0;
    const uint8_t *p = doc + 4;
    for (;;) {
        if (p == end) {
            if (depth == 0)
                return OC_BSON_OK;
            p = end + 1;
            end = ends[--depth];
            continue;
        }
        *at = p;
        uint8_t type = *p;
        const uint8_t *v = oc_find_nul(p + 1, end) + 1;
        if (v > end)
            return OC_BSON_MALFORMED;
        size_t size = oc_bson_value_size(type, v, (size_t)(end - v));
        if (size == SIZE_MAX)
            return OC_BSON_MALFORMED;
        if (type == OC_DOCUMENT || type == OC_ARRAY || type == OC_CODE_W_SCOPE) {
            if (depth + 1 >= OC_MAX_DEPTH)
                return OC_BSON_TOO_DEEP;
            if (depth == 0 && opaque && type == OC_DOCUMENT && strcmp((const char *)p + 1, opaque) == 0) {
                p = v + size;
                continue;
            }
            ends[depth++] = end;
            end = v + size - 1;
            /* The scope of a javascriptWithScope is a document that ends where its value does. */
            p = (type == OC_CODE_W_SCOPE ? v + 8 + oc_u32(v + 4) : v) + 4;
            continue;
        }
        if (type == OC_BINARY && is_placeholder(v))
            *has_placeholder = true;
        p = v + size;
    }
}

oc_bson_status oc_bson_check(const uint8_t *doc, size_t len, const char *opaque, oc_bson_report *report) {
    const uint8_t *end = document_end(doc, len);
    const uint8_t *at = doc;
    *report = (oc_bson_report){0, false};
    oc_bson_status status = end ? check(doc, end, opaque, &at, &report->has_placeholder) : OC_BSON_MALFORMED;
    report->offset = (size_t)(at - doc);
    return status;
}

static bool is_skipped(const uint8_t *start, const oc_elem *skip, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (start >= skip[i].start && start < skip[i].end)
            return true;
    return false;
}

static const uint8_t *find_placeholder(const uint8_t *doc, const oc_elem *skip, size_t count) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (is_skipped(e.start, skip, count))
            continue;
        if (e.type == OC_BINARY && is_placeholder(e.value))
            return e.start;
        if (e.type != OC_DOCUMENT && e.type != OC_ARRAY)
            continue;
        const uint8_t *found = find_placeholder(e.value, skip, count);
        if (found)
            return found;
    }
    return NULL;
}

size_t oc_bson_find_placeholder(const uint8_t *doc, const oc_elem *skip, size_t skip_count) {
    const uint8_t *found = find_placeholder(doc, skip, skip_count);
    return found ? (size_t)(found - doc) : SIZE_MAX;
}

/* The iterator stops where an element does not fit, since what lies behind `offset` may be malformed. */
void oc_bson_path_at(const uint8_t *doc, size_t offset, char *buf, size_t cap) {
    const uint8_t *target = doc + offset;
    buf[0] = '\0';
    for (;;) {
        oc_iter it = oc_bson_iter(doc);
        oc_elem e;
        bool found = false;
        while (it.at <= target && it.at < it.end) {
            const uint8_t *nul = oc_find_nul(it.at + 1, it.end);
            if (nul >= it.end)
                return;
            size_t size = oc_bson_value_size(*it.at, nul + 1, (size_t)(it.end - nul - 1));
            if (size == SIZE_MAX)
                size = (size_t)(it.end - nul - 1);
            e = (oc_elem){it.at, nul + 1, nul + 1 + size, {(const char *)it.at + 1, (size_t)(nul - it.at) - 1}, *it.at};
            it.at = e.end;
            if (target < e.end) {
                found = true;
                break;
            }
        }
        if (!found)
            return;
        if (buf[0])
            oc_text_append(buf, cap, ".", 1);
        oc_text_append(buf, cap, e.name.s, e.name.n);
        if (target == e.start || (e.type != OC_DOCUMENT && e.type != OC_ARRAY) || e.end - e.value < 5)
            return;
        doc = e.value;
    }
}

size_t oc_count_members(const oc_elem *e) {
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    size_t n = 0;
    while (oc_next(&it, &member))
        n++;
    return n;
}

bool oc_bson_find(const uint8_t *doc, const char *name, oc_elem *out) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (!oc_str_is(e.name, name))
            continue;
        *out = e;
        return true;
    }
    return false;
}

bool oc_bson_first(const uint8_t *doc, oc_elem *out) {
    oc_iter it = oc_bson_iter(doc);
    return oc_next(&it, out);
}

static const struct {
    uint8_t type;
    const char *name;
} type_names[] = {
    {OC_DOUBLE, "double"},      {OC_STRING, "string"},       {OC_DOCUMENT, "object"},
    {OC_ARRAY, "array"},        {OC_BINARY, "binData"},      {OC_UNDEFINED, "undefined"},
    {OC_OBJECT_ID, "objectId"}, {OC_BOOL, "bool"},           {OC_DATE, "date"},
    {OC_NULL, "null"},          {OC_REGEX, "regex"},         {OC_DB_POINTER, "dbPointer"},
    {OC_CODE, "javascript"},    {OC_SYMBOL, "symbol"},       {OC_CODE_W_SCOPE, "javascriptWithScope"},
    {OC_INT32, "int"},          {OC_TIMESTAMP, "timestamp"}, {OC_INT64, "long"},
    {OC_DECIMAL128, "decimal"}, {OC_MIN_KEY, "minKey"},      {OC_MAX_KEY, "maxKey"},
};

const char *oc_type_name(uint8_t type) {
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++)
        if (type_names[i].type == type)
            return type_names[i].name;
    return "unknown";
}

uint8_t oc_type_by_name(oc_str alias) {
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++)
        if (oc_str_is(alias, type_names[i].name))
            return type_names[i].type;
    return 0;
}
