#ifndef OC_TALLY_H
#define OC_TALLY_H

/* What was found, counted: commands by shape and verdict, in memory that depends on the number of shapes only. A shape
 * whose commands get different verdicts has an entry for each. */

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "marks.h"
#include "opencrypt.h"

typedef enum oc_verdict { OC_PASSES, OC_MARKED, OC_REFUSED_VERDICT } oc_verdict;

/* Where something was seen first. */
typedef struct oc_seen {
    const char *input; /* a file's name; borrowed */
    uint64_t line;
} oc_seen;

typedef struct oc_finding {
    struct oc_finding *next; /* of the same bucket */
    uint64_t hash[2];
    uint64_t count;
    oc_verdict verdict;
    oc_seen first;
    char *ns, *command, *shape;
    oc_marks marks;            /* of OC_MARKED */
    opencrypt_refusal refusal; /* of OC_REFUSED_VERDICT; its texts are the finding's own */
    bool rest;                 /* stands for all shapes beyond the limit */
} oc_finding;

/* A counted text: a command that was not analysed, or a reason why something could not be read. */
typedef struct oc_count {
    char *text;
    uint64_t count;
    oc_seen first;
} oc_count;

typedef struct oc_counts {
    oc_count *list;
    size_t count, cap;
    uint64_t total;
} oc_counts;

typedef struct oc_tally {
    oc_finding **buckets;
    size_t bucket_count, shapes, limit;
    uint64_t commands[3]; /* by verdict */
    oc_counts skipped;    /* commands that query analysis never sees */
    oc_counts unreadable; /* by reason */
    uint64_t other;       /* records that hold no command */
} oc_tally;

/* One command that was judged. */
typedef struct oc_judged {
    oc_verdict verdict;
    const char *ns, *command;
    const oc_buffer *shape, *marks; /* marks: as of oc_marks_collect */
    const opencrypt_refusal *refusal;
    oc_seen seen;
} oc_judged;

void oc_tally_init(oc_tally *t, size_t limit);
void oc_tally_add(oc_tally *t, const oc_judged *judged);
void oc_counts_add(oc_counts *c, const char *text, oc_seen seen);
uint64_t oc_tally_commands(const oc_tally *t);
/* All findings: refused ones first, then marked ones, each by count. The caller frees the array. */
oc_finding **oc_tally_sorted(const oc_tally *t);
void oc_tally_done(oc_tally *t);

#endif
