#ifndef OC_PUBLIC_H
#define OC_PUBLIC_H

/* The public forms of errors and values. */

#include "error.h"
#include "opencrypt.h"

/* Borrows the strings of `error`; code_name[32] is for codes without a name of their own. */
static inline opencrypt_refusal oc_refusal_of(const oc_error *error, char *code_name) {
    int32_t code = oc_rule_code(error->rule);
    return (opencrypt_refusal){
        .code = code,
        .code_name = oc_code_name(code, code_name),
        .rule = oc_rule_name(error->rule),
        .path = error->path,
        .op = error->op,
        .message = error->message,
        .hint = error->hint,
    };
}

/* An element that is not there (start == NULL) has no value. */
static inline opencrypt_value oc_value_of(const oc_elem *e) {
    if (!e->start)
        return (opencrypt_value){0};
    return (opencrypt_value){.data = e->value, .len = (size_t)(e->end - e->value), .type = e->type};
}

#endif
