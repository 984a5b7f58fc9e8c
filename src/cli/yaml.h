#ifndef OC_YAML_H
#define OC_YAML_H

/* YAML to JSON text, as far as JSON goes: maps with string keys, sequences, strings, numbers, booleans, null. Extended
 * JSON's types are written as in JSON, {$binary: {…}}. Anchors and aliases work; merge keys, tags and several documents
 * in one file are errors. */

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* False: `error` (of `size`) says what is wrong, with line and column. */
bool oc_yaml_to_json(const char *text, size_t len, oc_buffer *json, char *error, size_t size);

#endif
