#ifndef OC_JSON_H
#define OC_JSON_H

/* Extended JSON v2 to BSON and back, by libbson.
 *
 * libbson also takes the operators $regex, $options and $type for the types that were once written with these names,
 * and fails on {$type: 2} or {$regex: "x", $ne: "y"}. Version 2 has $regularExpression and $binary, so such members are
 * protected from it: their `$` is another character of the same length while libbson reads. */

#include <bson/bson.h>
#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* Fills *doc, which the caller destroys. `text` is changed. False: *reason is a static string that holds nothing of the
 * text, and *detail (if not NULL, 512 bytes) what libbson says, which may hold some. */
bool oc_json_parse(char *text, size_t len, bson_t *doc, const char **reason, char *detail);

/* Appends it, indented by two spaces a level. False if it holds a string that is not UTF-8. */
bool oc_json_print(oc_buffer *out, const bson_t *doc, bool canonical);

#endif
