/* Mutations that keep a command well-formed: bytes turned at random mostly make no BSON at all, and never a pipeline.
 * One element, and a donor from elsewhere in the same command, are chosen; the element goes, gets the donor's name or
 * value, or the donor is put beside it. Every other time libFuzzer does as it likes. */

#include <stdlib.h>

#include "bson.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

typedef enum change { DROP, BESIDE, VALUE, NAME, CHANGES } change;

typedef struct mutation {
    change change;
    size_t target, donor_at, seen; /* elements are counted in the order of the walk */
    oc_elem donor;
    uint8_t *out;
    size_t len, cap;
    bool full;
} mutation;

static size_t count(const uint8_t *doc) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    size_t n = 0;
    while (oc_next(&it, &e))
        n += 1 + (e.type == OC_DOCUMENT || e.type == OC_ARRAY ? count(e.value) : 0);
    return n;
}

static bool find(mutation *m, const uint8_t *doc) {
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    while (oc_next(&it, &e)) {
        if (m->seen++ == m->donor_at) {
            m->donor = e;
            return true;
        }
        if ((e.type == OC_DOCUMENT || e.type == OC_ARRAY) && find(m, e.value))
            return true;
    }
    return false;
}

static void put(mutation *m, const void *bytes, size_t len) {
    m->full = m->full || len > m->cap - m->len;
    if (m->full)
        return;
    memcpy(m->out + m->len, bytes, len);
    m->len += len;
}

static void put_element(mutation *m, const oc_elem *name, const oc_elem *value) {
    put(m, &value->type, 1);
    put(m, name->name.s, name->name.n);
    put(m, "", 1);
    put(m, value->value, (size_t)(value->end - value->value));
}

static void put_changed(mutation *m, const oc_elem *e) {
    switch (m->change) {
    case DROP: return;
    case BESIDE:
        put_element(m, e, e);
        put_element(m, &m->donor, &m->donor);
        return;
    case VALUE: put_element(m, e, &m->donor); return;
    case NAME: put_element(m, &m->donor, e); return;
    case CHANGES: return;
    }
}

static void copy(mutation *m, const uint8_t *doc) {
    size_t start = m->len;
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    put(m, doc, 4);
    while (oc_next(&it, &e)) {
        if (m->seen++ == m->target) {
            put_changed(m, &e);
        } else if (e.type == OC_DOCUMENT || e.type == OC_ARRAY) {
            put(m, e.start, (size_t)(e.value - e.start));
            copy(m, e.value);
        } else {
            put(m, e.start, (size_t)(e.end - e.start));
        }
    }
    put(m, "", 1);
    if (!m->full)
        oc_put_u32(m->out + start, (uint32_t)(m->len - start));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    oc_bson_report report;
    if (seed % 2 == 0 || oc_bson_check(data, size, NULL, &report) != OC_BSON_OK)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t n = count(data);
    mutation m = {.change = (change)((seed >> 1) % CHANGES), .cap = max_size, .out = malloc(max_size)};
    if (n == 0 || !m.out) {
        free(m.out);
        return LLVMFuzzerMutate(data, size, max_size);
    }
    m.target = (seed >> 3) % n;
    m.donor_at = (seed >> 3) * 2654435761u % n;
    find(&m, data);
    m.seen = 0;
    copy(&m, data);
    if (!m.full) {
        memcpy(data, m.out, m.len);
        size = m.len;
    }
    free(m.out);
    return size;
}
