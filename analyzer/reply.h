#ifndef OC_REPLY_H
#define OC_REPLY_H

/* The two reply documents that a driver understands. */

#include "analysis.h"

/* How long a reply may be, MongoDB's maxMessageSizeBytes, and how much of that stands around the command at most. */
enum { OC_MAX_REPLY = 48000000, OC_AROUND_RESULT = 128 };

/* {hasEncryptionPlaceholders, schemaRequiresEncryption, result: <the edited command>, ok: 1.0}, appended to `out`.
 * False when memory is exhausted,
 * and with an error when it would be too long. */
bool oc_reply_result(oc_analysis *a, oc_out *out);
/* {ok: 0.0, errmsg, code, codeName}, appended to `out`. False when memory is exhausted. `ns` may be empty. */
bool oc_reply_error(const oc_error *error, const char *ns, oc_out *out);

#endif
