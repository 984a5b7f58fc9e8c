#include "server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>

enum { LOOPS_MAX = 64 };

/* Before the thread of a loop can start; loops themselves are made by service.c. */
bool oc_server_init(oc_server *server, const oc_config *config) {
    *server = (oc_server){.config = config, .started = uv_hrtime()};
    unsigned cores = uv_available_parallelism();
    server->loop_count = cores > LOOPS_MAX ? LOOPS_MAX : cores;
    server->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (getrandom(server->process_id, sizeof server->process_id, GRND_NONBLOCK) != sizeof server->process_id)
        for (size_t i = 0; i < sizeof server->process_id; i++)
            server->process_id[i] = (uint8_t)(server->started >> (8 * (i % 8)));
    server->stats = calloc(server->loop_count, sizeof *server->stats);
    server->engine = opencrypt_engine_new();
    return server->stats && server->engine;
}

void oc_server_done(oc_server *server) {
    if (server->engine)
        opencrypt_engine_free(server->engine);
    free(server->stats);
    if (server->statm_fd >= 0)
        close(server->statm_fd);
}
