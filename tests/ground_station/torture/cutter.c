/* Records, for a preloaded process, what it asks of the disk below one folder, and every byte it
 * writes to one serial port, in order: enough to make the disk that a power cut would have left.
 *
 * CAPRA_CUT_FOLDER   files below it are recorded
 * CAPRA_CUT_PORT     a terminal; what is written to it is recorded as an answer
 * CAPRA_CUT_LOG      where to: op u8 | path length u16 | offset u64 | length u32 | path | data
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC, TRUNCATE, UNLINK, ANSWER };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

static void record(uint8_t op, const char *path, uint64_t offset, uint32_t length, const void *data) {
    uint16_t path_length = (uint16_t)strlen(path);
    struct iovec parts[] = {{&op, 1}, {&path_length, 2}, {&offset, 8}, {&length, 4},
                            {(void *)path, path_length}, {(void *)data, data ? length : 0}};
    if (log_fd < 0)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, getenv("CAPRA_CUT_LOG"),
                              O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (syscall(SYS_writev, log_fd, parts, 6) < 0)
        abort();
}

/* The path of a descriptor if it is to be recorded. */
static const char *ours(int fd, char *path, size_t size, const char *variable) {
    char link[64];
    const char *wanted = getenv(variable);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (!wanted || length < 0)
        return NULL;
    path[length] = 0;
    return strncmp(path, wanted, strlen(wanted)) == 0 ? path : NULL;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define RECORDED(fd, call, op, offset, length, data)                       \
    char path[4096];                                                       \
    const char *name = ours(fd, path, sizeof path, "CAPRA_CUT_FOLDER");    \
    if (!name)                                                             \
        return call;                                                       \
    pthread_mutex_lock(&lock);                                             \
    __typeof__(call) done = call;                                          \
    if (done >= 0)                                                         \
        record(op, name, (uint64_t)(offset), (uint32_t)(length), data);    \
    pthread_mutex_unlock(&lock);                                           \
    return done;

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    RECORDED(fd, REAL(pwrite64)(fd, data, length, offset), WRITE, offset, done, data)
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    RECORDED(fd, REAL(pwrite)(fd, data, length, offset), WRITE, offset, done, data)
}
int fsync(int fd) { RECORDED(fd, REAL(fsync)(fd), SYNC, 0, 0, NULL) }
int fdatasync(int fd) { RECORDED(fd, REAL(fdatasync)(fd), SYNC, 0, 0, NULL) }
int ftruncate64(int fd, off64_t length) {
    RECORDED(fd, REAL(ftruncate64)(fd, length), TRUNCATE, length, 0, NULL)
}
int ftruncate(int fd, off_t length) {
    RECORDED(fd, REAL(ftruncate)(fd, length), TRUNCATE, length, 0, NULL)
}
int unlink(const char *path) {
    const char *folder = getenv("CAPRA_CUT_FOLDER");
    if (!folder || strncmp(path, folder, strlen(folder)))
        return REAL(unlink)(path);
    pthread_mutex_lock(&lock);
    int done = REAL(unlink)(path);
    if (done == 0)
        record(UNLINK, path, 0, 0, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t write(int fd, const void *data, size_t length) {
    char path[4096];
    const char *name = ours(fd, path, sizeof path, "CAPRA_CUT_PORT");
    if (!name) {
        RECORDED(fd, REAL(write)(fd, data, length), WRITE, lseek(fd, 0, SEEK_CUR) - done, done, data)
    }
    pthread_mutex_lock(&lock); /* before it leaves: nothing on the disk may come between */
    record(ANSWER, name, 0, (uint32_t)length, data);
    ssize_t done = REAL(write)(fd, data, length);
    pthread_mutex_unlock(&lock);
    return done;
}
