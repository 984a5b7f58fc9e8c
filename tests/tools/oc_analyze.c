/* Reads commands as BSON documents, one after the other, from standard input and writes the replies to standard output.
 * For tests in other languages. */

#include <stdio.h>
#include <stdlib.h>

#include "opencrypt.h"

static size_t document_length(const uint8_t *p) {
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/* The next document, NULL at the end of input. */
static uint8_t *read_document(size_t *len) {
    uint8_t head[4];
    if (fread(head, 1, 4, stdin) != 4)
        return NULL;
    *len = document_length(head);
    uint8_t *doc = *len >= 5 ? malloc(*len) : NULL;
    if (!doc)
        return NULL;
    for (size_t i = 0; i < 4; i++)
        doc[i] = head[i];
    if (fread(doc + 4, 1, *len - 4, stdin) == *len - 4)
        return doc;
    free(doc);
    return NULL;
}

int main(void) {
    opencrypt_engine *engine = opencrypt_engine_new();
    opencrypt_request *request = engine ? opencrypt_request_new(engine, 0) : NULL;
    opencrypt_reply reply;
    size_t len;
    if (!request)
        return 1;
    for (uint8_t *doc; (doc = read_document(&len)); free(doc)) {
        opencrypt_analyze(request, doc, len, NULL, 0, &reply);
        fwrite(reply.data, 1, reply.len, stdout);
        fflush(stdout);
    }
    opencrypt_request_free(request);
    opencrypt_engine_free(engine);
    return 0;
}
