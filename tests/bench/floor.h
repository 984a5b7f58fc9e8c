#ifndef OC_FLOOR_H
#define OC_FLOOR_H

/* The floor under every reader of BSON: a bare walk over lengths. It finds each element of each document, by the end of
 * its name and the size of its value, and looks at nothing else. The bytes must be well-formed. */

#include <stddef.h>
#include <stdint.h>

/* How many elements there are, in all levels. */
size_t floor_walk(const uint8_t *doc);

#endif
