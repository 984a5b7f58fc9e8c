#ifndef OC_STORE_JSON_H
#define OC_STORE_JSON_H

/* JSON in C sources, with single quotes so that it can be read. */

#include <bson/bson.h>

/* A document from a printf format that gives Extended JSON in which ' stands for ". Ends the program, with the text on
 * stderr, if it is not valid. The caller destroys the result. */
bson_t *oc_json(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
