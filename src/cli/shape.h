#ifndef OC_SHAPE_H
#define OC_SHAPE_H

/* The shape of a command: names of fields, operators and collections as they are, values by their types. Commands that
 * differ in values only have the same shape, and no value is in it:
 *
 *     {find: "people", filter: {name: {$in: ["Ann", "Bob"]}, age: 40}, sort: {age: -1}, limit: 10}
 *     {find: "people", filter: {name: {$in: [<string>]}, age: <int>}, sort: {age: -1}, limit: <number>}
 *
 * Of an array of values each type is there once. Members that cannot matter (cursor, batchSize, ordered) are left out.
 */

#include <bson/bson.h>

#include "buffer.h"

/* Appends the shape of a command that oc_command_stripped has made. It is UTF-8 without control characters. */
void oc_shape_append(oc_buffer *out, const bson_t *command);

#endif
