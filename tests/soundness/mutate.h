#ifndef SOUNDNESS_MUTATE_H
#define SOUNDNESS_MUTATE_H

#include "gen.h"

/* A copy of the command in which a few members are renamed, repeated, wrapped, replaced or exchanged: shapes that no
 * generator thought of. The name and the collection of the command, its schema fields and $db stay. */
const value *mutate(gen *g, const value *command);

#endif
