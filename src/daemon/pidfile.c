/* Two daemons may start at once, and a file that is replaced by renaming takes its lock with it. So: lock what is at
 * the path (made if need be), make sure that it still is at the path, write and lock a new file beside it, and rename
 * that over the path while the old lock is held. Whoever waited for the old file finds that it is no longer at the path
 * and meets the new lock. */

#include "pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_at(int fd, const char *path) {
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static int close_keeping_errno(int fd) {
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* An open descriptor with the lock on what is at `path`, or -1. */
static int lock_path(const char *path) {
    while (true) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0)
            return close_keeping_errno(fd);
        if (is_at(fd, path))
            return fd;
        close(fd);
    }
}

static int discard(int fd, const char *path) {
    int why = errno;
    unlink(path);
    close(fd);
    errno = why;
    return -1;
}

static int write_locked(const char *path, int port) {
    char text[64];
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    int len = snprintf(text, sizeof text, "{\"port\":%d,\"pid\":%ld}\n", port, (long)getpid());
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && write(fd, text, (size_t)len) == len)
        return fd;
    return discard(fd, path);
}

bool oc_pidfile_create(oc_pidfile *pidfile, const char *path, int port) {
    *pidfile = (oc_pidfile){NULL, -1};
    char *beside;
    if (asprintf(&beside, "%s.%ld", path, (long)getpid()) < 0)
        return false;
    int lock = lock_path(path);
    if (lock >= 0) {
        unlink(beside); /* of a process with our number that was killed */
        pidfile->fd = write_locked(beside, port);
        if (pidfile->fd >= 0 && rename(beside, path) == 0)
            pidfile->path = path;
        else if (pidfile->fd >= 0)
            discard(pidfile->fd, beside);
        close_keeping_errno(lock);
    }
    free(beside);
    return pidfile->path != NULL;
}

void oc_pidfile_remove(oc_pidfile *pidfile) {
    if (!pidfile->path)
        return;
    unlink(pidfile->path);
    close(pidfile->fd);
    pidfile->path = NULL;
}
