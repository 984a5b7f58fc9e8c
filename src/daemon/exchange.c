#include "exchange.h"

#include "handshake.h"

#include <stdlib.h>
#include <string.h>

oc_exchange *oc_exchange_new(const oc_server *server) {
    oc_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return NULL;
    exchange->server = server;
    exchange->request = opencrypt_request_new(server->engine, OC_WIRE_MSG_HEAD);
    if (!exchange->request) {
        free(exchange);
        return NULL;
    }
    return exchange;
}

static void drop_input(oc_exchange *exchange) {
    if (exchange->owned) {
        explicit_bzero(exchange->owned, exchange->input_len);
        free(exchange->owned);
        exchange->owned = NULL;
    }
    exchange->input = NULL;
}

void oc_exchange_free(oc_exchange *exchange) {
    drop_input(exchange);
    opencrypt_request_free(exchange->request);
    oc_writer_done(&exchange->own);
    free(exchange);
}

void oc_exchange_clear(oc_exchange *exchange) {
    drop_input(exchange);
    if (exchange->analysed)
        opencrypt_request_clear(exchange->request);
    exchange->output = NULL;
    exchange->output_len = exchange->sent = 0;
    exchange->large = exchange->analysed = exchange->refused = exchange->failed = false;
    exchange->wait = (oc_wait){0};
}

static void begin(oc_exchange *x) {
    oc_writer_begin(&x->own, OC_WIRE_REPLY_HEAD);
}

/* Ends the document in `own` and makes it the output. With memory exhausted there is nothing that could be said. */
static void send_own(oc_exchange *x, double ok, int32_t response_to, int32_t opcode, uint32_t flags) {
    oc_writer_double(&x->own, "ok", ok);
    x->failed = !oc_writer_end(&x->own, OC_WIRE_REPLY_HEAD);
    if (x->failed)
        return;
    uint8_t *document = x->own.data + OC_WIRE_REPLY_HEAD;
    size_t len = x->own.len - OC_WIRE_REPLY_HEAD;
    if (opcode == OC_OP_QUERY)
        x->output = oc_wire_head_reply(document, len, x->reply_id, response_to, flags);
    else
        x->output = oc_wire_head_msg(document, len, x->reply_id, response_to, flags);
    x->output_len = (size_t)oc_get_int32(x->output);
}

static void send_error(oc_exchange *x) {
    bool is_query = x->message.opcode == OC_OP_QUERY;
    /* A client that queries a collection, not a command, reads the error from `$err` and a flag. */
    bool plain_query = is_query && x->message.ns && !strstr(x->message.ns, ".$cmd");
    x->refused = true;
    begin(x);
    if (plain_query)
        oc_writer_text(&x->own, "$err", x->error.message);
    oc_writer_text(&x->own, "errmsg", x->error.message);
    oc_writer_int32(&x->own, "code", (int32_t)x->error.code);
    oc_writer_text(&x->own, "codeName", oc_wire_code_name(x->error.code));
    send_own(x, 0, x->message.id, x->message.opcode, plain_query ? OC_REPLY_QUERY_FAILURE : 0);
}

static void answer_own(oc_exchange *x) {
    oc_call call = {.server = x->server,
                    .connection_id = x->connection_id,
                    .message = &x->message,
                    .reply = &x->own,
                    .wait = &x->wait,
                    .error = &x->error};
    if (!oc_document_valid(x->message.body, x->message.body_len)) {
        oc_wire_fail(&x->error, OC_CODE_INVALID_BSON, "The command is not well-formed BSON");
        send_error(x);
        return;
    }
    begin(x);
    if (!oc_commands_run(&call, &x->command))
        send_error(x);
    else if (!call.deferred)
        send_own(x, 1, x->message.id, x->message.opcode, x->wait.stream ? OC_MSG_MORE_TO_COME : 0);
}

static void analyse(oc_exchange *x, const uint8_t *command, size_t len) {
    opencrypt_analyze(x->request, command, len, NULL, 0, &x->reply);
    x->analysed = true;
    x->refused = !x->reply.ok;
    x->command = x->reply.command;
    x->large = x->large || x->reply.len > OC_EXCHANGE_LARGE;
    if (x->reply.len > OC_WIRE_MESSAGE_MAX - OC_WIRE_MSG_HEAD) {
        oc_wire_fail(&x->error, OC_CODE_TOO_LARGE, "The reply would be larger than %d bytes: send fewer documents",
                     OC_WIRE_MESSAGE_MAX);
        x->analysed = false;
        opencrypt_request_clear(x->request);
        send_error(x);
        return;
    }
    x->output = oc_wire_head_msg(x->reply.data, x->reply.len, x->reply_id, x->message.id, 0);
    x->output_len = OC_WIRE_MSG_HEAD + x->reply.len;
}

static void join_and_analyse(oc_exchange *x) {
    size_t len;
    uint8_t *joined = oc_wire_join(&x->message, &len, &x->error);
    if (!joined) {
        send_error(x);
        return;
    }
    drop_input(x); /* A copy is enough. */
    analyse(x, joined, len);
    explicit_bzero(joined, len);
    free(joined);
}

/* The first field of the body names the command. */
static bool read_name(oc_exchange *x, oc_element *first) {
    oc_reader reader;
    oc_reader_open(&reader, x->message.body, x->message.body_len);
    if (oc_reader_next(&reader, first))
        return true;
    if (reader.bad)
        return oc_wire_fail(&x->error, OC_CODE_INVALID_BSON, "The command is not well-formed BSON");
    return oc_wire_fail(&x->error, OC_CODE_FAILED_TO_PARSE, "The command is empty: its first field must name it");
}

static void answer_msg(oc_exchange *x, const oc_element *first) {
    if (!opencrypt_knows_command(first->key, first->key_len))
        answer_own(x);
    else if (x->message.sequence_count > 0)
        join_and_analyse(x);
    else
        analyse(x, x->message.body, x->message.body_len);
}

/* Old clients wrap the command: {$query: {isMaster: 1}, $readPreference: …} */
static void unwrap(oc_message *message, oc_element *first) {
    oc_element inner;
    bool wrapped = strcmp(first->key, "$query") == 0 || strcmp(first->key, "query") == 0;
    if (!wrapped || first->type != OC_BSON_DOCUMENT)
        return;
    oc_reader reader;
    oc_reader_open(&reader, first->value, first->value_len);
    if (!oc_reader_next(&reader, &inner))
        return;
    message->body = first->value;
    message->body_len = first->value_len;
    *first = inner;
}

static void answer_query(oc_exchange *x, oc_element *first) {
    unwrap(&x->message, first);
    if (strcmp(x->message.ns, "admin.$cmd") == 0 && oc_commands_is_hello(first->key)) {
        answer_own(x);
        return;
    }
    char clean[100];
    oc_text_clean(clean, sizeof clean, first->key, first->key_len);
    oc_wire_fail(&x->error, OC_CODE_UNSUPPORTED_OP_QUERY,
                 "Unsupported OP_QUERY command: %s. Only hello on admin.$cmd may be sent this way, use OP_MSG", clean);
    send_error(x);
}

static void answer(oc_exchange *x) {
    oc_element first;
    if (!oc_wire_parse(x->input, x->input_len, &x->message, &x->error) || !read_name(x, &first))
        send_error(x);
    else if (x->message.opcode == OC_OP_QUERY)
        answer_query(x, &first);
    else
        answer_msg(x, &first);
}

void oc_exchange_run(oc_exchange *x) {
    x->command = "(malformed)";
    x->large = x->input_len > OC_EXCHANGE_LARGE;
    answer(x);
    drop_input(x);
    if (x->message.more_to_come) {
        x->output = NULL;
        x->output_len = 0;
        x->wait.active = false;
    }
    x->nanoseconds = uv_hrtime() - x->started;
}

void oc_exchange_run_lost(oc_exchange *x) {
    x->command = "(malformed)";
    memset(&x->message, 0, offsetof(oc_message, sequences));
    x->message.id = oc_get_int32(x->input + 4);
    x->message.opcode = oc_get_int32(x->input + 12);
    oc_wire_fail(&x->error, OC_CODE_PROTOCOL, "Message length must be from %d to %d", OC_WIRE_HEADER,
                 OC_WIRE_MESSAGE_MAX);
    send_error(x);
    x->nanoseconds = 0;
}

void oc_exchange_run_hello(oc_exchange *x, const oc_wait *wait, bool more) {
    begin(x);
    oc_hello_reply(&x->own, x->server, x->connection_id, wait->hello_ok);
    send_own(x, 1, wait->response_to, OC_OP_MSG, more ? OC_MSG_MORE_TO_COME : 0);
}
