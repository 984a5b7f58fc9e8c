#ifndef OC_FIELDS_H
#define OC_FIELDS_H

/* The fields of a command, of a statement inside one: what is known by name, and what the analysis wants to see. */

#include "analysis.h"

/* Fields that some handler looks at. A command has each at most once. */
typedef enum oc_slot {
    OC_SLOT_NONE,    /* known, and of no interest */
    OC_SLOT_REFUSED, /* known, and never with a schema that encrypts */
    OC_SLOT_FILTER,
    OC_SLOT_UPDATE,
    OC_SLOT_COLLATION,
    OC_SLOT_SORT,
    OC_SLOT_PROJECTION,
    OC_SLOT_MIN,
    OC_SLOT_MAX,
    OC_SLOT_STATEMENTS, /* documents, updates, deletes, ops, indexes */
    OC_SLOT_UPSERT,
    OC_SLOT_UPSERT_SUPPLIED,
    OC_SLOT_MULTI,
    OC_SLOT_KEY,
    OC_SLOT_LET,
    OC_SLOT_VERBOSITY,
    OC_SLOT_DOCUMENT,
    OC_SLOT_NAMESPACES,
    OC_SLOT_VIEW_ON,
    OC_SLOT_PIPELINE,
    OC_SLOT_TIME_SERIES,
    OC_SLOT_CLUSTERED,
    OC_SLOT_ID_INDEX,
    OC_SLOT_ENCRYPTED_FIELDS,
    OC_SLOT_EXPIRE,
    OC_SLOT_WEIGHTS,
    OC_SLOT_LANGUAGE,
    OC_SLOT_COUNT,
} oc_slot;

typedef struct oc_field {
    const char *name; /* NULL ends a list */
    oc_slot slot;
} oc_field;

/* An absent field has start == NULL. */
typedef struct oc_fields {
    oc_elem slot[OC_SLOT_COUNT];
} oc_fields;

static inline const oc_elem *oc_field_get(const oc_fields *fields, oc_slot slot) {
    return fields->slot[slot].start ? &fields->slot[slot] : NULL;
}

/* Sorts the fields of `doc` into slots. `rows` are the names that it may have; for a whole command (`top`), its own
 * name and generic arguments as well. Anything else is an error, as is a field given twice: the server might read the
 * one that we did not. `label` names the document in messages: "find", "update.updates". */
bool oc_fields_collect(oc_analysis *a, const uint8_t *doc, const oc_field *rows, bool top, const char *label,
                       oc_fields *out);
/* The errors for a required field that is not there, and for one given twice; always false. */
bool oc_fail_missing(oc_analysis *a, const char *label, const char *name);
bool oc_fail_duplicate(oc_analysis *a, const char *label, oc_str name);

/* The same for the object of a stage or an operator: sorts the fields of `e` into out[], by their place in `names`,
 * which has them with spaces between; one with '=' before it must be a constant. An absent one is left as it is (zeroed
 * by the caller). */
bool oc_options(oc_analysis *a, const oc_elem *e, const char *label, const char *names, oc_elem *out);

/* Whether a value has no field path, variable or operator in it. */
bool oc_is_constant(const oc_elem *e);
bool oc_fail_constant(oc_analysis *a, const char *label, oc_str name);

/* Arguments that every command takes and that pass through untouched. Sorted. */
const char *const *oc_generic_arguments(size_t *count);

#endif
