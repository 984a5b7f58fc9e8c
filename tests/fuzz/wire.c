/* A byte stream as a client might send it: frames, messages, and commands joined from document sequences. */

#include <stdlib.h>

#include "bson.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void handle(const uint8_t *data, size_t len) {
    oc_message message;
    oc_wire_error error = {.code = OC_CODE_NONE};
    size_t joined_len;
    if (!oc_wire_parse(data, len, &message, &error) || message.sequence_count == 0)
        return;
    uint8_t *joined = oc_wire_join(&message, &joined_len, &error);
    if (joined && joined_len != oc_u32(joined))
        abort();
    free(joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t len;
    while (oc_wire_frame(data, size, &len) == OC_FRAME_WHOLE) {
        if (len > size || len == 0)
            abort();
        handle(data, len);
        data += len;
        size -= len;
    }
    return 0;
}
