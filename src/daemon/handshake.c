#include "handshake.h"

#include <string.h>
#include <time.h>

/* The counter of topologyVersion: the one state that there is. */
enum { TOPOLOGY_COUNTER = 0 };

/* A stream is not let spin. */
enum { LEAST_STREAM_WAIT_MS = 10 };

static bool has_current_version(const oc_server *server, const oc_element *version) {
    oc_element process, counter;
    int64_t number;
    return oc_document_find(version->value, version->value_len, "processId", &process) && process.type == OC_BSON_OID &&
           memcmp(process.value, server->process_id, 12) == 0 &&
           oc_document_find(version->value, version->value_len, "counter", &counter) &&
           oc_element_number(&counter, &number) && number == TOPOLOGY_COUNTER;
}

/* Reads what the client wants; *wait says how long, *now that the client's view is out of date. */
static bool read_wait(oc_call *call, oc_wait *wait, bool *now) {
    const oc_message *message = call->message;
    oc_element version, limit;
    bool has_version = oc_document_find(message->body, message->body_len, "topologyVersion", &version);
    bool has_limit = oc_document_find(message->body, message->body_len, "maxAwaitTimeMS", &limit);
    *now = true;
    if ((!has_version && !has_limit) || message->opcode == OC_OP_QUERY)
        return true;
    if (!has_version || !has_limit)
        return oc_wire_fail(call->error, OC_CODE_BAD_VALUE,
                            "A hello needs both 'topologyVersion' and 'maxAwaitTimeMS' or neither");
    if (version.type != OC_BSON_DOCUMENT)
        return oc_wire_fail(call->error, OC_CODE_TYPE_MISMATCH, "'topologyVersion' must be a document");
    if (!oc_element_number(&limit, &wait->milliseconds) || wait->milliseconds < 0)
        return oc_wire_fail(call->error, OC_CODE_BAD_VALUE, "'maxAwaitTimeMS' must be a number that is not negative");
    *now = !has_current_version(call->server, &version);
    wait->stream = message->exhaust_allowed;
    wait->active = wait->stream || !*now;
    if (wait->stream && wait->milliseconds < LEAST_STREAM_WAIT_MS)
        wait->milliseconds = LEAST_STREAM_WAIT_MS;
    return true;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void oc_hello_reply(oc_writer *reply, const oc_server *server, int32_t connection_id, bool hello_ok) {
    if (hello_ok)
        oc_writer_bool(reply, "helloOk", true);
    oc_writer_bool(reply, "ismaster", true);
    oc_writer_bool(reply, "isWritablePrimary", true);
    oc_writer_bool(reply, "iscryptd", true);
    size_t version = oc_writer_open(reply, OC_BSON_DOCUMENT, "topologyVersion");
    oc_writer_oid(reply, "processId", server->process_id);
    oc_writer_int64(reply, "counter", TOPOLOGY_COUNTER);
    oc_writer_close(reply, version);
    oc_writer_int32(reply, "maxBsonObjectSize", OC_WIRE_DOCUMENT_MAX);
    oc_writer_int32(reply, "maxMessageSizeBytes", OC_WIRE_MESSAGE_MAX);
    oc_writer_int32(reply, "maxWriteBatchSize", OC_WIRE_BATCH_MAX);
    oc_writer_date(reply, "localTime", now_ms());
    oc_writer_int32(reply, "connectionId", connection_id);
    oc_writer_int32(reply, "minWireVersion", 0);
    oc_writer_int32(reply, "maxWireVersion", opencrypt_max_wire_version());
    oc_writer_bool(reply, "readOnly", false);
}

bool oc_hello_run(oc_call *call) {
    oc_element asked;
    bool now;
    oc_wait *wait = call->wait;
    if (!read_wait(call, wait, &now))
        return false;
    wait->hello_ok =
        oc_document_find(call->message->body, call->message->body_len, "helloOk", &asked) && oc_element_is_true(&asked);
    wait->response_to = call->message->id;
    call->deferred = !now;
    if (now)
        oc_hello_reply(call->reply, call->server, call->connection_id, wait->hello_ok);
    return true;
}
