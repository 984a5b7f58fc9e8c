#include "encryption.h"

#include "public.h"

static opencrypt_algorithm algorithm_of(const oc_meta *meta) {
    if (!meta->qe)
        return meta->algorithm == OC_DETERMINISTIC ? OPENCRYPT_DETERMINISTIC : OPENCRYPT_RANDOM;
    switch (meta->qe->index) {
    case OC_QE_UNINDEXED: return OPENCRYPT_UNINDEXED;
    case OC_QE_EQUALITY: return OPENCRYPT_EQUALITY;
    case OC_QE_RANGE: return OPENCRYPT_RANGE;
    case OC_QE_TEXT: break;
    }
    return OPENCRYPT_TEXT;
}

static opencrypt_lengths lengths_of(const oc_qe_text *text) {
    return (opencrypt_lengths){.min_query = text->lb, .max_query = text->ub, .max_length = text->longest};
}

static opencrypt_index index_of(const oc_qe *qe) {
    bool text = qe->index == OC_QE_TEXT;
    return (opencrypt_index){
        .contention = qe->contention,
        .min = oc_value_of(&qe->min),
        .max = oc_value_of(&qe->max),
        .precision = qe->precision,
        .trim_factor = qe->trim,
        .sparsity = qe->sparsity,
        .case_sensitive = text && !qe->fold_case,
        .diacritic_sensitive = text && !qe->fold_diacritics,
        .prefix = lengths_of(&qe->prefix),
        .suffix = lengths_of(&qe->suffix),
        .substring = lengths_of(&qe->substring),
    };
}

void oc_encryption_of(const oc_meta *meta, oc_encryption *out) {
    bool pointer = oc_meta_is_pointer(meta);
    *out = (oc_encryption){.public = {.algorithm = algorithm_of(meta),
                                      .types = meta->types,
                                      .key_id = pointer ? NULL : meta->key_id,
                                      .key_pointer = pointer ? meta->pointer.text.s : NULL,
                                      .schema_pointer = meta->where.s}};
    if (!meta->qe)
        return;
    out->index = index_of(meta->qe);
    out->public.index = &out->index;
}
