#ifndef OC_SPLICE_H
#define OC_SPLICE_H

/* A document that is another document with a few edits.
 *
 * The analysis walks the input and records edits; only when the whole command is accepted is the output written, once:
 * unchanged stretches whole by memcpy, edits in between, the length prefixes of all documents around an edit corrected.
 *
 * One kind of edit serves for everything. At input offset `at`, `skip` bytes are left out and `head` is written
 * instead; when the input has been copied up to `end`, `tail` and then `nuls` zero bytes are written, and if head holds
 * a length prefix (at `length_at`), it is set to what was written from there on:
 *
 *     input    | 02 "ssn\0" | value |            {ssn: "x"}
 *               at           at+skip  end
 *     output   | 05 "ssn\0" len 06 00 len {a, ki, 02 "v\0" | value | 00 |
 *               head                                                 tail, nuls
 *
 * Edits at one offset: those that skip nothing come first, then the order of recording. So an outer wrap is recorded
 * before an inner one, and both may be recorded after the edit of the element that they wrap. Edits nest: a range
 * [at, end) lies inside another or beside it.
 */

#include "arena.h"
#include "bson.h"

typedef struct oc_edit {
    uint32_t at, skip, end;
    uint32_t head_len;
    const uint8_t *head, *tail;
    uint32_t tail_len;
    int32_t length_at; /* offset of the length prefix in head, -1: none */
    uint8_t nuls;
    bool sealed;          /* the bytes from at to end are a value: no edit may lie in it */
    uint32_t out;         /* the writer's: where head went */
    struct oc_edit *open; /* the writer's: the range around this one */
} oc_edit;

/* A document of the input that is being walked. Its length prefix is rewritten if anything inside it changes: `touched`
 * says that this has been recorded. A frame costs nothing until then, and a second walk of the same document may use a
 * frame of its own. */
typedef struct oc_frame {
    struct oc_frame *up; /* NULL for the command itself */
    const uint8_t *doc;
    bool touched;
} oc_frame;

typedef struct oc_edit_chunk oc_edit_chunk;

typedef struct oc_splice {
    oc_arena *arena;
    const uint8_t *base; /* the input */
    size_t len;
    oc_edit_chunk *first, *last;
    size_t count;
    size_t added; /* bytes that heads, tails and nuls add: the output is at most len + added long */
    uint32_t last_at;
    bool unsorted;
    bool failed; /* memory was exhausted; asked once, before writing */
} oc_splice;

/* A growing block of output. The bytes are wiped when it is cleared. */
typedef struct oc_out {
    uint8_t *data;
    size_t len, cap;
} oc_out;

void oc_splice_start(oc_splice *s, oc_arena *arena, const uint8_t *base, size_t len);

/* Records an edit inside `frame`. `head` and `tail` must stay valid until the output is written. */
void oc_splice_edit(oc_splice *s, oc_frame *frame, oc_edit edit);
/* Leaves an element out. */
void oc_splice_drop(oc_splice *s, oc_frame *frame, const oc_elem *e);
/* Leaves the bytes from `at` to `end` out: what another edit has made superfluous. */
void oc_splice_cut(oc_splice *s, oc_frame *frame, const uint8_t *at, const uint8_t *end);
/* Inserts whole elements before offset `at` (a position between elements of the frame's document). */
void oc_splice_insert(oc_splice *s, oc_frame *frame, const uint8_t *at, const uint8_t *bytes, size_t len);

/* The offsets at which something is left out or replaced so far, sorted, in the arena. NULL when memory is exhausted.
 */
const uint32_t *oc_splice_replaced(const oc_splice *s, size_t *count);

static inline uint32_t oc_splice_offset(const oc_splice *s, const uint8_t *p) {
    return (uint32_t)(p - s->base);
}

/* Makes room for `more` bytes; false when memory is exhausted. */
bool oc_out_reserve(oc_out *out, size_t more);
/* Appends the edited document. Room must have been made: s->len + s->added bytes. False when memory is exhausted or
 * edits overlap. */
bool oc_splice_write(oc_splice *s, oc_out *out);
/* Wipes; gives the block back if it is larger than `keep` bytes. */
void oc_out_clear(oc_out *out, size_t keep);

#endif
