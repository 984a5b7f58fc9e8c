#include "children.h"

#include <arpa/inet.h>
#include <bson/bson.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts a program with its standard output going to `output`. */
static pid_t start(char *const argv[], int output) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(output, STDOUT_FILENO);
        close(output);
        execv(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    return pid;
}

bool oc_child_start_store(const char *path, oc_child *out) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    out->pid = start((char *[]){(char *)path, "--port", "0", NULL}, ends[1]);
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    bool announced = output && fscanf(output, "port %hu", &out->port) == 1;
    if (output) {
        fclose(output);
    }
    if (!announced) {
        fprintf(stderr, "%s did not start\n", path);
    }
    return announced;
}

static bool read_once(const char *pidfile, oc_child *out) {
    bson_t content;
    bson_json_reader_t *reader = bson_json_reader_new_from_file(pidfile, NULL);
    bson_iter_t pid, port;
    if (!reader) {
        return false;
    }
    bson_init(&content);
    bool read = bson_json_reader_read(reader, &content, NULL) == 1 && bson_iter_init_find(&pid, &content, "pid") &&
                bson_iter_init_find(&port, &content, "port");
    if (read) {
        out->pid = (pid_t)bson_iter_as_int64(&pid);
        out->port = (uint16_t)bson_iter_as_int64(&port);
    }
    bson_destroy(&content);
    bson_json_reader_destroy(reader);
    return read && out->pid > 1 && out->port != 0;
}

bool oc_child_read_pidfile(const char *pidfile, oc_child *out) {
    for (int tries = 0; tries < 1000; tries++) {
        if (read_once(pidfile, out)) {
            return true;
        }
        usleep(10000);
    }
    fprintf(stderr, "no pid file %s\n", pidfile);
    return false;
}

bool oc_child_start_daemon(const char *path, const char *pidfile, oc_child *out) {
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    char *const argv[] = {(char *)path, "--port", "0", "--pidfilepath", (char *)pidfile, NULL};
    unlink(pidfile);
    pid_t pid = start(argv, nowhere);
    close(nowhere);
    bool ready = oc_child_read_pidfile(pidfile, out);
    out->pid = pid;
    return ready;
}

int oc_child_stop(const oc_child *child) {
    int status;
    if (child->pid <= 1 || kill(child->pid, SIGTERM) != 0 || waitpid(child->pid, &status, 0) != child->pid) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

uint16_t oc_child_free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool found = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &length) == 0;
    close(fd);
    return found ? ntohs(address.sin_port) : 0;
}
