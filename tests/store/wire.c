#include "wire.h"

#include <string.h>
#include <sys/socket.h>

enum { OP_REPLY = 1, OP_QUERY = 2004, OP_MSG = 2013 };
enum { HEADER_BYTES = 16, MAX_MESSAGE_BYTES = 48000000 };
enum { FLAG_MORE_TO_COME = 2, FLAGS_OPTIONAL = 0xffff0000 /* an unknown one of them does not matter */ };

/* What is left to read of a message. Taking more than that makes it broken, and so it stays. */
typedef struct reader {
    const uint8_t *at, *end;
    bool broken;
} reader;

static const uint8_t *take(reader *r, size_t length) {
    if (r->broken || length > (size_t)(r->end - r->at)) {
        r->broken = true;
        return NULL;
    }
    r->at += length;
    return r->at - length;
}

static int32_t take_int32(reader *r) {
    uint32_t little = 0;
    const uint8_t *at = take(r, sizeof little);
    if (at) {
        memcpy(&little, at, sizeof little);
    }
    return (int32_t)BSON_UINT32_FROM_LE(little);
}

static const char *take_string(reader *r) {
    const uint8_t *end = r->broken ? NULL : memchr(r->at, 0, (size_t)(r->end - r->at));
    return (const char *)take(r, end ? (size_t)(end - r->at) + 1 : SIZE_MAX);
}

static void take_document(reader *r, bson_t *out) {
    reader peek = *r;
    int32_t length = take_int32(&peek);
    const uint8_t *at = take(r, length < 5 ? SIZE_MAX : (size_t)length);
    r->broken = !at || !bson_init_static(out, at, (size_t)length) || !bson_validate(out, BSON_VALIDATE_NONE, NULL);
}

/* Section kind 1: a name and documents, which become an array of the command. */
static void read_sequence(reader *r, bson_t *command) {
    reader whole = *r;
    int32_t length = take_int32(&whole);
    const uint8_t *start = take(r, length < 5 ? SIZE_MAX : (size_t)length);
    if (!start) {
        return;
    }
    reader section = {start + sizeof length, start + length, false};
    const char *name = take_string(&section);
    bson_t array = BSON_INITIALIZER, document;
    char buffer[16];
    const char *key;
    for (uint32_t i = 0; !section.broken && section.at < section.end; i++) {
        take_document(&section, &document);
        if (!section.broken) {
            bson_uint32_to_string(i, &key, buffer, sizeof buffer);
            BSON_APPEND_DOCUMENT(&array, key, &document);
        }
    }
    if (section.broken) {
        r->broken = true;
    } else {
        BSON_APPEND_ARRAY(command, name, &array);
    }
    bson_destroy(&array);
}

/* The body may stand after the sequences, but its first field, the command's name, must come first. */
static void read_sections(reader *r, bson_t *command) {
    bson_t sequences = BSON_INITIALIZER, body;
    int bodies = 0;
    while (!r->broken && r->at < r->end) {
        const uint8_t *kind = take(r, 1);
        if (*kind == 0) {
            take_document(r, &body);
            bodies++;
        } else if (*kind == 1) {
            read_sequence(r, &sequences);
        } else {
            r->broken = true;
        }
    }
    r->broken |= bodies != 1;
    if (!r->broken) {
        bson_concat(command, &body);
        bson_concat(command, &sequences);
    }
    bson_destroy(&sequences);
}

static void read_msg(reader *r, oc_message *out) {
    uint32_t flags = (uint32_t)take_int32(r);
    out->want_reply = !(flags & FLAG_MORE_TO_COME);
    if (flags & ~(uint32_t)FLAGS_OPTIONAL & ~(uint32_t)FLAG_MORE_TO_COME) {
        r->broken = true; /* a checksum, too: no driver sends one */
        return;
    }
    read_sections(r, out->command);
}

static void read_query(reader *r, oc_message *out) {
    bson_t query;
    take_int32(r);  /* flags */
    take_string(r); /* namespace */
    take_int32(r);  /* to skip */
    take_int32(r);  /* to return */
    take_document(r, &query);
    out->legacy = true;
    out->want_reply = true;
    if (!r->broken) {
        bson_concat(out->command, &query);
    }
}

static bool receive(int fd, void *to, size_t length) {
    return recv(fd, to, length, MSG_WAITALL) == (ssize_t)length;
}

static bool read_body(reader *r, int32_t opcode, oc_message *out) {
    out->command = bson_new();
    if (opcode == OP_MSG) {
        read_msg(r, out);
    } else if (opcode == OP_QUERY) {
        read_query(r, out);
    } else {
        r->broken = true;
    }
    if (r->broken) {
        bson_destroy(out->command);
    }
    return !r->broken;
}

bool oc_wire_read(int fd, oc_message *out) {
    uint8_t header[HEADER_BYTES];
    *out = (oc_message){0};
    if (!receive(fd, header, sizeof header)) {
        return false;
    }
    reader head = {header, header + sizeof header, false};
    int32_t length = take_int32(&head);
    out->id = take_int32(&head);
    take_int32(&head); /* in response to */
    int32_t opcode = take_int32(&head);
    if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES) {
        return false;
    }
    size_t rest = (size_t)length - HEADER_BYTES;
    uint8_t *bytes = bson_malloc(rest + 1);
    reader body = {bytes, bytes + rest, false};
    bool done = receive(fd, bytes, rest) && read_body(&body, opcode, out);
    bson_free(bytes);
    return done;
}

typedef struct writer {
    uint8_t bytes[64];
    size_t length;
} writer;

static void write_int32(writer *w, int32_t value) {
    uint32_t little = BSON_UINT32_TO_LE((uint32_t)value);
    memcpy(w->bytes + w->length, &little, sizeof little);
    w->length += sizeof little;
}

/* Header, then for OP_MSG: flags and a section of kind 0; for OP_REPLY: flags, cursor (8 bytes), first, count. */
static void write_head(writer *w, const oc_message *message, uint32_t reply_length) {
    size_t own = message->legacy ? 20 : 5;
    write_int32(w, (int32_t)(HEADER_BYTES + own + reply_length));
    write_int32(w, 0);
    write_int32(w, message->id);
    write_int32(w, message->legacy ? OP_REPLY : OP_MSG);
    memset(w->bytes + w->length, 0, own);
    w->length += own;
    if (message->legacy) {
        w->length -= sizeof(int32_t);
        write_int32(w, 1);
    }
}

static bool send_all(int fd, const uint8_t *at, size_t length, int flags) {
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL | flags);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool oc_wire_reply(int fd, const oc_message *message, const bson_t *reply) {
    writer w = {.length = 0};
    write_head(&w, message, reply->len);
    return send_all(fd, w.bytes, w.length, MSG_MORE) && send_all(fd, bson_get_data(reply), reply->len, 0);
}
