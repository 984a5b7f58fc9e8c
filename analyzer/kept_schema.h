#ifndef OC_KEPT_SCHEMA_H
#define OC_KEPT_SCHEMA_H

/* The $jsonSchema of a validator beside encryptedFields: the server checks documents by it, and sees ciphertext where
 * they are encrypted. So no keyword of it may reach an encrypted path:
 *
 *     {properties: {name: {bsonType: "string"}, user: {required: ["nick"]}}}    passes
 *     {properties: {ssn: {bsonType: "string"}}}, {required: ["ssn"]}            do not */

#include "analysis.h"

/* `e` is the $jsonSchema of a filter on a->root, which `clause` names for messages. */
bool oc_kept_schema(oc_analysis *a, const oc_elem *e, const char *clause);

#endif
