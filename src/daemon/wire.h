#ifndef OC_DAEMON_WIRE_H
#define OC_DAEMON_WIRE_H

/* MongoDB's wire protocol: bytes in, messages out, no sockets. A message is found in a byte stream by oc_wire_frame,
 * taken apart by oc_wire_parse, and, if it brought document sequences, put together to one command by oc_wire_join.
 *
 *     |length|request id|response to|opcode|  16 bytes, int32 each
 *     OP_MSG:   |flags|{kind 0, document} and any number of {kind 1, size, name, documents...}|CRC-32C if flagged|
 *     OP_QUERY: |flags|namespace|skip|limit|document|fields if any|
 *     OP_REPLY: |flags|cursor id, int64|starting from|number returned|document|
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OC_OP_REPLY = 1,
    OC_OP_QUERY = 2004,
    OC_OP_COMPRESSED = 2012,
    OC_OP_MSG = 2013,
};

enum {
    OC_WIRE_HEADER = 16,
    OC_WIRE_MESSAGE_MAX = 48000000,
    OC_WIRE_DOCUMENT_MAX = 16777216,
    OC_WIRE_BATCH_MAX = 100000,
    OC_WIRE_SEQUENCES_MAX = 16, /* in one message; no command has more than two */
    OC_WIRE_MSG_HEAD = 21,      /* what stands before the document of an OP_MSG reply */
    OC_WIRE_REPLY_HEAD = 36,    /* the same for OP_REPLY */
};

enum {
    OC_MSG_CHECKSUM = 1u << 0,
    OC_MSG_MORE_TO_COME = 1u << 1,
    OC_MSG_EXHAUST_ALLOWED = 1u << 16,
    OC_REPLY_QUERY_FAILURE = 1u << 1,
};

/* MongoDB's error codes that the daemon itself answers with: name here, number, name there. */
#define OC_WIRE_CODES(X)                                                                                               \
    X(INTERNAL, 1, "InternalError")                                                                                    \
    X(BAD_VALUE, 2, "BadValue")                                                                                        \
    X(FAILED_TO_PARSE, 9, "FailedToParse")                                                                             \
    X(TYPE_MISMATCH, 14, "TypeMismatch")                                                                               \
    X(PROTOCOL, 17, "ProtocolError")                                                                                   \
    X(INVALID_BSON, 22, "InvalidBSON")                                                                                 \
    X(COMMAND_NOT_FOUND, 59, "CommandNotFound")                                                                        \
    X(OUT_OF_MEMORY, 146, "ExceededMemoryLimit")                                                                       \
    X(ILLEGAL_FLAG, 242, "IllegalOpMsgFlag")                                                                           \
    X(UNSUPPORTED_OP_QUERY, 352, "UnsupportedOpQueryCommand")                                                          \
    X(TOO_LARGE, 10334, "BSONObjectTooLarge")                                                                          \
    X(DUPLICATE_FIELD, 40413, "Location40413")

typedef enum oc_wire_code {
    OC_CODE_NONE,
#define X(name, number, text) OC_CODE_##name = (number),
    OC_WIRE_CODES(X)
#undef X
} oc_wire_code;

/* "CommandNotFound" */
const char *oc_wire_code_name(oc_wire_code code);

/* Why a message cannot be answered as asked. The message names fields and commands, never a value. */
typedef struct oc_wire_error {
    oc_wire_code code;
    char message[448];
} oc_wire_error;

/* Always false, so that a failure is one line. */
bool oc_wire_fail(oc_wire_error *error, oc_wire_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct oc_sequence {
    const char *name;
    size_t name_len;
    const uint8_t *documents;
    size_t documents_len;
} oc_sequence;

/* Everything points into the bytes of the message. */
typedef struct oc_message {
    int32_t id;
    int32_t opcode;
    bool more_to_come;    /* the client wants no reply */
    bool exhaust_allowed; /* the client takes several replies */
    const char *ns;       /* OP_QUERY only, NUL-terminated */
    const uint8_t *body;
    size_t body_len;
    size_t sequence_count;
    oc_sequence sequences[OC_WIRE_SEQUENCES_MAX];
} oc_message;

typedef enum oc_frame {
    OC_FRAME_MORE,  /* not all of it is there; *len is how much is known to be needed */
    OC_FRAME_WHOLE, /* the first *len bytes are a message */
    OC_FRAME_LOST,  /* no message can have this length: where the next one starts is unknown */
} oc_frame;

oc_frame oc_wire_frame(const uint8_t *data, size_t available, size_t *len);

/* `len` is what oc_wire_frame found. What is known so far stands in *message on failure too (id, opcode, flags), so
 * that the error reply can be addressed. Documents are checked for their length only. */
bool oc_wire_parse(const uint8_t *data, size_t len, oc_message *message, oc_wire_error *error);

/* The command of a message with sequences as one document, each sequence an array field after the body's fields.
 * malloc'ed, *len bytes; NULL on error. The caller wipes and frees it. */
uint8_t *oc_wire_join(const oc_message *message, size_t *len, oc_wire_error *error);

/* Writes the head of an OP_MSG reply into the OC_WIRE_MSG_HEAD bytes before `document`; returns the message's first
 * byte. The message is OC_WIRE_MSG_HEAD + len bytes long. */
uint8_t *oc_wire_head_msg(uint8_t *document, size_t len, int32_t id, int32_t response_to, uint32_t flags);
/* The same for OP_REPLY and OC_WIRE_REPLY_HEAD. */
uint8_t *oc_wire_head_reply(uint8_t *document, size_t len, int32_t id, int32_t response_to, uint32_t flags);

#endif
