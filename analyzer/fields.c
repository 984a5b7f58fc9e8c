#include "fields.h"

#include <stdlib.h>

static const char *const generic_arguments[] = {
    "$audit",
    "$client",
    "$clusterTime",
    "$configServerState",
    "$configTime",
    "$db",
    "$oplogQueryData",
    "$queryOptions",
    "$readPreference",
    "$replData",
    "$tenant",
    "$topologyTime",
    "$traceCtx",
    "allowImplicitCollectionCreation",
    "apiDeprecationErrors",
    "apiStrict",
    "apiVersion",
    "autocommit",
    "clientOperationKey",
    "comment",
    "coordinator",
    "databaseVersion",
    "expectPrefix",
    "help",
    "lsid",
    "maxTimeMS",
    "maxTimeMSOpOnly",
    "mayBypassWriteBlocking",
    "rawData",
    "readConcern",
    "requestGossipRoutingCache",
    "serialization_context",
    "shardVersion",
    "startTransaction",
    "stmtId",
    "stmtIds",
    "tracking_info",
    "txnNumber",
    "versionContext",
    "writeConcern",
};

const char *const *oc_generic_arguments(size_t *count) {
    *count = sizeof generic_arguments / sizeof generic_arguments[0];
    return generic_arguments;
}

static int compare(const void *name, const void *row) {
    return oc_str_compare(*(const oc_str *)name, *(const char *const *)row);
}

static bool is_generic(oc_str name) {
    return bsearch(&name, generic_arguments, sizeof generic_arguments / sizeof generic_arguments[0],
                   sizeof generic_arguments[0], compare) != NULL;
}

/* The fields that bring the schema. */
static bool is_schema_field(oc_str name) {
    return oc_str_is(name, "jsonSchema") || oc_str_is(name, "isRemoteSchema") ||
           oc_str_is(name, "csfleEncryptionSchemas") || oc_str_is(name, "encryptionInformation");
}

bool oc_fail_type(oc_analysis *a, const oc_elem *e, uint8_t type) {
    oc_name_text name = oc_name(e->name);
    return oc_fail(a->error, OC_WRONG_TYPE, NULL, name.text, NULL,
                   "BSON field '%s.%s' is the wrong type '%s', expected type '%s'", a->command, name.text,
                   oc_type_name(e->type), oc_type_name(type));
}

bool oc_fail_missing(oc_analysis *a, const char *label, const char *name) {
    return oc_fail(a->error, OC_FIELD_MISSING, NULL, name, NULL, "BSON field '%s.%s' is missing but a required field",
                   label, name);
}

static const oc_field *find(const oc_field *rows, oc_str name) {
    /* A name in BSON ends with a NUL, so there is a first byte to compare. */
    for (; rows->name; rows++)
        if (rows->name[0] == name.s[0] && oc_str_is(name, rows->name))
            return rows;
    return NULL;
}

static bool fail_field(oc_analysis *a, oc_rule rule, const char *label, oc_str name, const char *hint) {
    oc_name_text text = oc_name(name);
    return oc_fail(a->error, rule, NULL, text.text, hint, "BSON field '%s.%s' is %s field.", label, text.text,
                   rule == OC_FIELD_DUPLICATE ? "a duplicate" : "an unknown");
}

bool oc_fail_duplicate(oc_analysis *a, const char *label, oc_str name) {
    return fail_field(a, OC_FIELD_DUPLICATE, label, name, "give the field once");
}

static bool fail_refused(oc_analysis *a, const char *label, oc_str name) {
    oc_name_text text = oc_name(name);
    return oc_fail(a->error, OC_NOT_SUPPORTED, NULL, text.text, "leave it out: it is for servers among themselves",
                   "BSON field '%s.%s' is not supported with automatic encryption", label, text.text);
}

bool oc_fields_collect(oc_analysis *a, const uint8_t *doc, const oc_field *rows, bool top, const char *label,
                       oc_fields *out) {
    oc_nameset seen = {0};
    oc_iter it = oc_bson_iter(doc);
    oc_elem e;
    *out = (oc_fields){0};
    for (bool first = true; oc_next(&it, &e); first = false) {
        switch (oc_nameset_add(&seen, a->arena, e.name)) {
        case OC_NAME_ADDED: break;
        case OC_NAME_NO_MEMORY: return oc_no_memory(a);
        case OC_NAME_PRESENT: return oc_fail_duplicate(a, label, e.name);
        }
        if (top && first)
            continue;
        const oc_field *row = find(rows, e.name);
        if (row && row->slot == OC_SLOT_REFUSED)
            return fail_refused(a, label, e.name);
        if (row)
            out->slot[row->slot] = e;
        else if (!top || !(is_generic(e.name) || is_schema_field(e.name)))
            return fail_field(
                a, OC_FIELD_UNKNOWN, label, e.name,
                "only documented fields can be analysed while a schema of the request encrypts something");
    }
    return true;
}

/* The place of a name in "a b c", -1 if it is not there. */
static int place_among(const char *names, oc_str name, bool *constant) {
    for (int i = 0; *names; i++) {
        size_t n = 0;
        *constant = *names == '=';
        names += *constant;
        while (n < name.n && names[n] == name.s[n])
            n++;
        if (n == name.n && (names[n] == ' ' || names[n] == '\0'))
            return i;
        while (*names && *names++ != ' ')
            ;
    }
    return -1;
}

bool oc_is_constant(const oc_elem *e) {
    if (e->type == OC_STRING)
        return !oc_str_starts(oc_elem_str(e), "$");
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member))
        if (oc_str_starts(member.name, "$") || !oc_is_constant(&member))
            return false;
    return true;
}

bool oc_fail_constant(oc_analysis *a, const char *label, oc_str name) {
    return oc_fail(a->error, OC_COMMAND_SHAPE, NULL, label, NULL, "%s.%s must be a constant", label,
                   oc_name(name).text);
}

bool oc_options(oc_analysis *a, const oc_elem *e, const char *label, const char *names, oc_elem *out) {
    if (e->type != OC_DOCUMENT)
        return oc_fail(a->error, OC_COMMAND_SHAPE, NULL, label, NULL,
                       "The specification of %s must be an object, not %s", label, oc_type_name(e->type));
    oc_iter it = oc_elem_iter(e);
    oc_elem member;
    while (oc_next(&it, &member)) {
        bool constant;
        int i = place_among(names, member.name, &constant);
        if (i < 0)
            return fail_field(
                a, OC_FIELD_UNKNOWN, label, member.name,
                "only documented fields can be analysed while a schema of the request encrypts something");
        if (out[i].start)
            return oc_fail_duplicate(a, label, member.name);
        if (constant && !oc_is_constant(&member))
            return oc_fail_constant(a, label, member.name);
        out[i] = member;
    }
    return true;
}
