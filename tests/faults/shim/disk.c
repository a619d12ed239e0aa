/* A disk that fails: with LD_PRELOAD, reads or writes of files whose path holds a text end in an error.

   DISK_FAULT is <read|write|open>:<errno>:<calls that still succeed>:<text>. Logs are spared, so that they can tell. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long left = -1;

/* Snakemake's own reads and writes are spared: what it says of them is not ours. */
static int is_job(void) {
    static int known = -1;
    if (known < 0) {
        char line[4096];
        FILE *stream = fopen("/proc/self/cmdline", "r");
        size_t length = stream ? fread(line, 1, sizeof line - 1, stream) : 0;
        if (stream) fclose(stream);
        known = memmem(line, length, "/.snakemake/scripts/", 20) != NULL;
    }
    return known;
}

static int fails(const char *operation, const char *path) {
    char wanted[16], text[512];
    int number;
    long spared;
    const char *told = getenv("DISK_FAULT");
    if (!told || sscanf(told, "%15[^:]:%d:%ld:%511[^\n]", wanted, &number, &spared, text) != 4) return 0;
    if (strcmp(wanted, operation) || !strstr(path, text) || strstr(path, "/logs/") || strstr(path, "/.snakemake/")) return 0;
    if (!is_job()) return 0;
    if (left < 0) left = spared;
    if (__sync_fetch_and_sub(&left, 1) > 0) return 0;
    left = 0;
    errno = number;
    return 1;
}

static int fails_on(const char *operation, int descriptor) {
    char link[64], path[4096];
    if (!getenv("DISK_FAULT")) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return fails(operation, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t read(int descriptor, void *data, size_t size) {
    return fails_on("read", descriptor) ? -1 : REAL(read)(descriptor, data, size);
}

ssize_t pread64(int descriptor, void *data, size_t size, off64_t at) {
    return fails_on("read", descriptor) ? -1 : REAL(pread64)(descriptor, data, size, at);
}

ssize_t write(int descriptor, const void *data, size_t size) {
    return fails_on("write", descriptor) ? -1 : REAL(write)(descriptor, data, size);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    return fails_on("write", descriptor) ? -1 : REAL(writev)(descriptor, parts, count);
}

static int forbidden(const char *path, int flags) {
    return (flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails("open", path);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return forbidden(path, flags) ? -1 : REAL(open64)(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    return forbidden(path, flags) ? -1 : REAL(open)(path, flags, mode);
}
