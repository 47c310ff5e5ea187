/* The interposed functions.  Each leaves a note on its stack and calls the
 * next definition; at level preload it also routes and reports. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "shim/note.h"
#include "shim/shim.h"

#ifndef O_TMPFILE
# define O_TMPFILE (020000000 | O_DIRECTORY)
#endif

#define CALLER __builtin_return_address(0)

/* Volatile: the launcher reads it from outside, the compiler sees no reader. */
static inline void note_begin(volatile struct shim_note *n, const void *caller)
{
    n->run = shim_config()->run;
    n->caller = (uint64_t)(uintptr_t)caller;
    n->magic = SHIM_NOTE_MAGIC;
}

static inline void note_end(volatile struct shim_note *n)
{
    n->magic = 0;
}

static bool routing(void)
{
    return shim_config()->mode == SHIM_MODE_ROUTE;
}

/* After a failed open at level preload; errno stays what it was. */
static void report(int dirfd, const char *path, int flags, const void *caller)
{
    int saved = errno;

    if (routing() && (saved == EACCES || saved == EROFS || saved == EPERM))
        shim_report_open(dirfd, path, (flags & O_ACCMODE) != O_RDONLY,
                         (flags & O_CREAT) != 0, saved, caller);
    errno = saved;
}

static int missing(void)
{
    errno = ENOSYS;
    return -1;
}

typedef int open_fn(const char *path, int flags, ...);
typedef int openat_fn(int dirfd, const char *path, int flags, ...);

static int do_open(enum shim_next which, const char *path, int flags,
                   mode_t mode, const void *caller)
{
    volatile struct shim_note note;
    open_fn *next = (open_fn *)(uintptr_t)shim_next(which);
    int fd;

    if (next == NULL)
        return missing();
    note_begin(&note, caller);
    fd = next(path, flags, mode);
    note_end(&note);
    if (fd < 0)
        report(AT_FDCWD, path, flags, caller);
    return fd;
}

static int do_openat(enum shim_next which, int dirfd, const char *path,
                     int flags, mode_t mode, const void *caller)
{
    volatile struct shim_note note;
    openat_fn *next = (openat_fn *)(uintptr_t)shim_next(which);
    int fd;

    if (next == NULL)
        return missing();
    note_begin(&note, caller);
    fd = next(dirfd, path, flags, mode);
    note_end(&note);
    if (fd < 0)
        report(dirfd, path, flags, caller);
    return fd;
}

/* The mode argument is there only if the call may create (open(2)). */
#define TAKE_MODE(flags, mode)                                                 \
 do {                                                                          \
  va_list ap;                                                                  \
                                                                               \
  if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) {            \
   va_start(ap, flags);                                                        \
   (mode) = (mode_t)va_arg(ap, unsigned int);                                  \
   va_end(ap);                                                                 \
  }                                                                            \
 } while (0)

/* musl declares these as macros, glibc only for large files. */
SHIM_EXPORT int open64(const char *path, int flags, ...);
SHIM_EXPORT int openat64(int dirfd, const char *path, int flags, ...);

SHIM_EXPORT int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    TAKE_MODE(flags, mode);
    return do_open(SHIM_NEXT_OPEN, path, flags, mode, CALLER);
}

SHIM_EXPORT int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;

    TAKE_MODE(flags, mode);
    return do_open(SHIM_NEXT_OPEN64, path, flags, mode, CALLER);
}

SHIM_EXPORT int openat(int dirfd, const char *path, int flags, ...)
{
    mode_t mode = 0;

    TAKE_MODE(flags, mode);
    return do_openat(SHIM_NEXT_OPENAT, dirfd, path, flags, mode, CALLER);
}

SHIM_EXPORT int openat64(int dirfd, const char *path, int flags, ...)
{
    mode_t mode = 0;

    TAKE_MODE(flags, mode);
    return do_openat(SHIM_NEXT_OPENAT64, dirfd, path, flags, mode, CALLER);
}

/* glibc's checked forms: programs built with _FORTIFY_SOURCE call these. */
SHIM_EXPORT int __open_2(const char *path, int flags);
SHIM_EXPORT int __open64_2(const char *path, int flags);
SHIM_EXPORT int __openat_2(int dirfd, const char *path, int flags);
SHIM_EXPORT int __openat64_2(int dirfd, const char *path, int flags);

SHIM_EXPORT int __open_2(const char *path, int flags)
{
    return do_open(SHIM_NEXT_OPEN_2, path, flags, 0, CALLER);
}

SHIM_EXPORT int __open64_2(const char *path, int flags)
{
    return do_open(SHIM_NEXT_OPEN64_2, path, flags, 0, CALLER);
}

SHIM_EXPORT int __openat_2(int dirfd, const char *path, int flags)
{
    return do_openat(SHIM_NEXT_OPENAT_2, dirfd, path, flags, 0, CALLER);
}

SHIM_EXPORT int __openat64_2(int dirfd, const char *path, int flags)
{
    return do_openat(SHIM_NEXT_OPENAT64_2, dirfd, path, flags, 0, CALLER);
}

/* "r", "w", "a", with "+": as fopen(3) maps them to open(2). */
static int mode_flags(const char *mode)
{
    int flags = O_RDONLY;

    if (mode[0] == 'w' || mode[0] == 'a')
        flags = O_WRONLY | O_CREAT;
    for (const char *m = mode; *m != '\0' && *m != ','; m++)
        if (*m == '+')
            flags = (flags & O_CREAT) | O_RDWR;
    return flags;
}

typedef FILE *fopen_fn(const char *path, const char *mode);

static FILE *do_fopen(enum shim_next which, const char *path, const char *mode,
                      const void *caller)
{
    volatile struct shim_note note;
    fopen_fn *next = (fopen_fn *)(uintptr_t)shim_next(which);
    FILE *f;

    if (next == NULL) {
        (void)missing();
        return NULL;
    }
    note_begin(&note, caller);
    f = next(path, mode);
    note_end(&note);
    if (f == NULL)
        report(AT_FDCWD, path, mode_flags(mode), caller);
    return f;
}

SHIM_EXPORT FILE *fopen(const char *path, const char *mode)
{
    return do_fopen(SHIM_NEXT_FOPEN, path, mode, CALLER);
}

SHIM_EXPORT FILE *fopen64(const char *path, const char *mode);

SHIM_EXPORT FILE *fopen64(const char *path, const char *mode)
{
    return do_fopen(SHIM_NEXT_FOPEN64, path, mode, CALLER);
}

typedef DIR *opendir_fn(const char *path);

SHIM_EXPORT DIR *opendir(const char *path)
{
    volatile struct shim_note note;
    opendir_fn *next = (opendir_fn *)(uintptr_t)shim_next(SHIM_NEXT_OPENDIR);
    const void *caller = CALLER;
    DIR *d;

    if (next == NULL) {
        (void)missing();
        return NULL;
    }
    note_begin(&note, caller);
    d = next(path);
    note_end(&note);
    if (d == NULL)
        report(AT_FDCWD, path, O_RDONLY, caller);
    return d;
}

typedef int connect_fn(int fd, const struct sockaddr *addr, socklen_t len);

SHIM_EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    volatile struct shim_note note;
    connect_fn *next = (connect_fn *)(uintptr_t)shim_next(SHIM_NEXT_CONNECT);
    int result;

    if (next == NULL)
        return missing();
    if (routing() && shim_route_connect(fd, addr, len, &result))
        return result;
    note_begin(&note, CALLER);
    result = next(fd, addr, len);
    note_end(&note);
    return result;
}

typedef int getaddrinfo_fn(const char *node, const char *service,
                           const struct addrinfo *hints,
                           struct addrinfo **result);

/* At level preload: the address by RESOLVE, then libc's own getaddrinfo on
 * that literal, so that the list is libc's and freeaddrinfo(3) fits. */
static int resolve_routed(getaddrinfo_fn *next, const char *node,
                          const char *service, const struct addrinfo *hints,
                          struct addrinfo **result)
{
    char literal[64];
    struct addrinfo h = {.ai_family = AF_UNSPEC};
    int rc;

    if (hints != NULL)
        h = *hints;
    rc = shim_route_resolve(node, h.ai_family, literal, sizeof(literal));
    if (rc != 0)
        return rc;
    h.ai_flags = (h.ai_flags & ~AI_ADDRCONFIG) | AI_NUMERICHOST;
    return next(literal, service, &h, result);
}

static bool is_name(const char *node, const struct addrinfo *hints)
{
    if (node == NULL || (hints != NULL && (hints->ai_flags & AI_NUMERICHOST)))
        return false;
    for (const char *c = node; *c != '\0'; c++)
        if (*c == ':' || *c == '%')
            return false; /* IPv6, with or without a zone */
    for (const char *c = node; *c != '\0'; c++)
        if ((*c < '0' || *c > '9') && *c != '.')
            return true;
    return false;
}

SHIM_EXPORT int getaddrinfo(const char *node, const char *service,
                            const struct addrinfo *hints,
                            struct addrinfo **result)
{
    volatile struct shim_note note;
    getaddrinfo_fn *next = (getaddrinfo_fn *)(uintptr_t)shim_next(
        SHIM_NEXT_GETADDRINFO);
    int rc;

    if (next == NULL) {
        (void)missing();
        return EAI_SYSTEM;
    }
    if (routing() && is_name(node, hints))
        return resolve_routed(next, node, service, hints, result);
    note_begin(&note, CALLER);
    rc = next(node, service, hints, result);
    note_end(&note);
    return rc;
}
