#ifndef OC_REFUSAL_H
#define OC_REFUSAL_H

/* The public form of an error. */

#include "error.h"
#include "opencrypt.h"

/* Borrows the strings of `error`; code_name[32] is for codes without a name of their own. */
static inline opencrypt_refusal oc_refusal(const oc_error *error, char *code_name) {
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

#endif
