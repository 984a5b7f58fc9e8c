#ifndef OC_STORE_PAYLOAD_H
#define OC_STORE_PAYLOAD_H

/* What stands in values of BinData 6: a byte with the kind, then the rest, which is a document with tokens where it is
 * a payload of Queryable Encryption. A real server derives from a find's tokens those of its own metadata; both
 * payloads also have the token `l` as it is, and by that the store finds documents. So it keeps payloads as they
 * arrived. */

#include "fault.h"

#include <bson/bson.h>

bool oc_payload_is(const bson_iter_t *value);

/* A placeholder: what only a query analysis and libmongocrypt may see. */
bool oc_payload_is_placeholder(const bson_iter_t *value);

/* What libmongocrypt puts into queries: of equality, of a range or of text. */
bool oc_payload_is_find(const bson_iter_t *value);

/* True if `stored`, a payload as an insert makes it, has one of the tokens of `find`. The second of the two payloads of
 * a range has none; it means what the first one means, and is true of any. */
bool oc_payload_match(const bson_iter_t *find, const bson_iter_t *stored);

/* False, with a fault, if there is a placeholder anywhere in `document`. */
bool oc_payload_check(const bson_t *document, oc_fault *fault);

#endif
