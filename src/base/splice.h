#ifndef OC_SPLICE_H
#define OC_SPLICE_H

/* A document that is another document with a few edits.
 *
 * The analysis walks the input and records edits; only when the whole command is accepted is the output written, once:
 * unchanged stretches whole by memcpy, edits in between, the length prefixes of all documents around an edit corrected.
 *
 * An edit of bytes serves for almost everything. At input offset `at`, `skip` bytes are left out and `head` is written
 * instead; when the input has been copied up to `end`, `nuls` zero bytes are written, and if head holds a length prefix
 * (at `length_at`), it is set to what was written from there on:
 *
 *     input    | 10 "age\0" | value |            {age: 3}
 *               at           at+skip  end
 *     output   | 03 "age\0" len 10 "$eq\0" | value | 00 |
 *               head                                nul
 *
 * There are very many placeholders, and each is much longer than the value in it: their bytes are made when the output
 * is written, straight into it. Such an edit says how many there will be and of what they are made; everything from
 * `at` to `end` is left out, and what makes them copies the value, which goes from at + skip to end.
 *
 * Edits at one offset: those that skip nothing come first, then the order of recording. So an outer wrap is recorded
 * before an inner one, and both may be recorded after the edit of the element that they wrap. Edits nest: a range
 * [at, end) lies inside another or beside it, and beside a made one.
 */

#include "arena.h"
#include "bson.h"
#include "error.h"

typedef enum oc_edit_kind {
    OC_EDIT_BYTES,
    OC_EDIT_LENGTH, /* the length prefix of a document; the splice's own */
    OC_EDIT_MADE,   /* this one and all greater: for oc_maker to tell apart */
} oc_edit_kind;

typedef struct oc_edit {
    uint32_t at, skip, end;
    uint32_t head_len; /* made: how many bytes are written instead of at to end */
    union {
        const uint8_t *head;
        const void *made; /* what they are made of */
    };
    union {
        int32_t length_at; /* offset of the length prefix in head, -1: none */
        uint32_t extra;    /* made: the maker's */
    };
    uint8_t kind; /* oc_edit_kind */
    uint8_t nuls;
    uint8_t type, flags; /* made: the maker's */
} oc_edit;

/* Writes edit->head_len bytes to `p`; `base` is the input. Returns where they end. */
typedef uint8_t *oc_maker(const oc_edit *edit, const uint8_t *base, uint8_t *p);

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
    size_t added, removed; /* bytes: the output is len + added - removed long */
    size_t expected;       /* bytes that will be left out yet */
    size_t limit;          /* of the output, what is expected to be left out left out; 0: none */
    oc_maker *make;
    oc_error *error; /* told when the limit is exceeded; NULL only without a limit */
    uint32_t last_at;
    bool unsorted;
    bool failed; /* memory or the limit is exhausted: edits are not recorded any more */
} oc_splice;

/* A growing block of output. The bytes are wiped when it is cleared. */
typedef struct oc_out {
    uint8_t *data;
    size_t len, cap;
} oc_out;

void oc_splice_start(oc_splice *s, oc_arena *arena, const uint8_t *base, size_t len);

/* Whether the output is within the limit, which is an error if it is not. */
bool oc_splice_fits(oc_splice *s);
/* How long the output is, as far as is known. */
static inline size_t oc_splice_size(const oc_splice *s) {
    return s->len + s->added - s->removed;
}

/* Records an edit inside `frame`. `head`, `made` must stay valid until the output is written. */
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
/* Appends the edited document. Room must have been made: oc_splice_size bytes. False when memory is exhausted or edits
 * overlap. */
bool oc_splice_write(oc_splice *s, oc_out *out);
/* Wipes; gives the block back if it is larger than `keep` bytes. */
void oc_out_clear(oc_out *out, size_t keep);

#endif
