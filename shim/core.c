/* What every part of the shim needs: the next functions, the configuration,
 * raw system calls, and the few string functions that compilers call. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/shim.h"

/* dlfcn.h has RTLD_NEXT only with _GNU_SOURCE, which this file must not set
 * (it changes the prototype of connect). */
extern void *dlsym(void *handle, const char *name);
#define NEXT_HANDLE ((void *)-1L)

static const char *const names[SHIM_NEXTS] = {
    [SHIM_NEXT_OPEN] = "open",
    [SHIM_NEXT_OPEN64] = "open64",
    [SHIM_NEXT_OPENAT] = "openat",
    [SHIM_NEXT_OPENAT64] = "openat64",
    [SHIM_NEXT_OPEN_2] = "__open_2",
    [SHIM_NEXT_OPEN64_2] = "__open64_2",
    [SHIM_NEXT_OPENAT_2] = "__openat_2",
    [SHIM_NEXT_OPENAT64_2] = "__openat64_2",
    [SHIM_NEXT_FOPEN] = "fopen",
    [SHIM_NEXT_FOPEN64] = "fopen64",
    [SHIM_NEXT_OPENDIR] = "opendir",
    [SHIM_NEXT_CONNECT] = "connect",
    [SHIM_NEXT_GETADDRINFO] = "getaddrinfo",
};

static _Atomic(void *) next_functions[SHIM_NEXTS];

void *shim_next(enum shim_next which)
{
    void *found = atomic_load_explicit(&next_functions[which],
                                       memory_order_relaxed);

    if (found == NULL) {
        found = dlsym(NEXT_HANDLE, names[which]);
        atomic_store_explicit(&next_functions[which], found,
                              memory_order_relaxed);
    }
    return found;
}

#if defined(__x86_64__)
long shim_call(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
                       "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}
#elif defined(__aarch64__)
long shim_call(long nr, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
# error "srt runs on x86_64 and aarch64"
#endif

/* Read once.  Two threads that race write the same bytes. */
static struct shim_config config;
static atomic_int config_state; /* 0 unread, 1 read */

static bool in_secure_mode(void)
{
    extern unsigned long getauxval(unsigned long type);

    return getauxval(23 /* AT_SECURE */) != 0;
}

static void read_config(void)
{
    struct shim_config fresh = {.magic = 0};
    long fd = shim_call(SYS_openat, AT_FDCWD, (long)SHIM_CONFIG_PATH,
                        O_RDONLY | O_CLOEXEC, 0, 0, 0);

    if (fd < 0)
        return;
    if (shim_call(SYS_read, fd, (long)&fresh, sizeof(fresh), 0, 0, 0) ==
            (long)sizeof(fresh) &&
        fresh.magic == SHIM_CONFIG_MAGIC && !in_secure_mode())
        config = fresh;
    (void)shim_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

const struct shim_config *shim_config(void)
{
    if (atomic_load_explicit(&config_state, memory_order_acquire) == 0) {
        read_config();
        atomic_store_explicit(&config_state, 1, memory_order_release);
    }
    return &config;
}

/* Compilers emit calls to these; hidden ones keep the shim free of libc's
 * versioned symbols. */
void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    unsigned char *d = to;
    const unsigned char *s = from;

    while (n-- > 0)
        *d++ = *s++;
    return to;
}

void *memset(void *to, int c, size_t n)
{
    unsigned char *d = to;

    while (n-- > 0)
        *d++ = (unsigned char)c;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a;
    const unsigned char *y = b;

    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0')
        n++;
    return n;
}
