/*
 * static_forger THREADS ROUNDS DIR SECRET SOCKET: each thread is refused ROUNDS
 * times: a file DIR/THREAD-ROUND made, SECRET read, SOCKET connected to, a host
 * connected to, and keyctl(2); "done N" is printed, N refusals; then again for
 * each line on standard input.
 *
 * With FORGE set each call has hundreds of forged annotations (shim/note.h) on
 * its stack, whose pointers are one of the rows below; with FORGE=stack (x86_64)
 * the stack pointer itself is odd.  The second pointer of a note stands where
 * once the name of what was asked for was.
 *
 * forger.c is the same, linked dynamically: with the shim.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../shim/config.h"
#include "../../shim/note.h"

enum { THREADS_MAX = 64, NOTES = 400, KINDS = 8 };

struct forged {
    uint64_t magic, run, caller, requested;
};

static uint64_t run;
static const char *forge; /* NULL: not at all */
static uint64_t pointers[KINDS];
static const char *dir, *secret, *host_socket;
static long rounds;
static atomic_long refused;

/* Code, as it were, in a file whose name is an attack on who reads it. */
static void *map_odd_file(void)
{
    char path[4096];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/\033[31m\"\n\377odd",
                   getenv("TMPDIR"));
    fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        exit(5);
    return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
}

static void make_pointers(void)
{
    static const char other[] = "/forged/by/the/program";
    const size_t big = (size_t)1 << 20;
    char *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *endless = mmap(NULL, big, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(hole, 'A', 4096);
    memset(endless, 'B', big);
    (void)munmap(hole + 4096, 4096);
    pointers[0] = (uint64_t)(uintptr_t)other;
    pointers[1] = UINT64_C(0xdeadbeefdeadbeef);
    pointers[2] = UINT64_MAX - 3;                   /* wraps around */
    pointers[3] = (uint64_t)(uintptr_t)hole + 4096; /* unmapped */
    pointers[4] = (uint64_t)(uintptr_t)hole + 4000; /* ends at a hole */
    pointers[5] = (uint64_t)(uintptr_t)endless;     /* no NUL */
    pointers[6] = UINT64_C(0xffffffff81000000);     /* the kernel's */
    pointers[7] = (uint64_t)(uintptr_t)map_odd_file();
}

#if defined(__x86_64__)
/* With the stack pointer at sp. */
static long odd_call(long nr, long a, long b, long c, long d, uint64_t sp)
{
    register long r10 __asm__("r10") = d;
    register uint64_t r12 __asm__("r12") = sp;
    long ret;

    __asm__ volatile("xchg %%rsp, %[sp]\n\tsyscall\n\txchg %%rsp, %[sp]"
                     : "=a"(ret), [sp] "+r"(r12)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return ret;
}
#endif

static long plain_call(long nr, long a, long b, long c, long d)
{
    long r = syscall(nr, a, b, c, d);

    return r < 0 ? -errno : r;
}

/* One call with forged notes below its caller's frame. */
static long call(unsigned kind, long nr, long a, long b, long c, long d)
{
    volatile struct forged notes[NOTES];

    if (forge == NULL)
        return plain_call(nr, a, b, c, d);
    for (size_t i = 0; i < NOTES; i++) {
        notes[i].magic = SHIM_NOTE_MAGIC;
        notes[i].run = run;
        notes[i].caller = pointers[(kind + i) % KINDS];
        notes[i].requested = pointers[kind % KINDS];
    }
#if defined(__x86_64__)
    if (strcmp(forge, "stack") == 0)
        return odd_call(nr, a, b, c, d, pointers[kind % KINDS] & ~7ull);
#endif
    return plain_call(nr, a, b, c, d);
}

static void count(long result)
{
    if (result < 0)
        atomic_fetch_add(&refused, 1);
}

static void try_connect(unsigned kind, const void *address, size_t len)
{
    int s = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM,
                   0);

    count(call(kind, SYS_connect, s, (long)address, (long)len, 0));
    (void)close(s);
}

static void one_round(long thread, long round)
{
    unsigned kind = (unsigned)(thread + round);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%ld-%ld", dir, thread, round);
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", host_socket);
    (void)inet_pton(AF_INET, "203.0.113.20", &in.sin_addr);
    count(
        call(kind, SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_CREAT, 0644));
    count(call(kind, SYS_openat, AT_FDCWD, (long)secret, O_RDONLY, 0));
    try_connect(kind, &un, sizeof(un));
    try_connect(kind, &in, sizeof(in));
    count(call(kind, SYS_keyctl, 0, -3, 0, 0));
}

static void *work(void *number)
{
    for (long i = 0; i < rounds; i++)
        one_round((long)(intptr_t)number, i);
    return NULL;
}

static void read_config(void)
{
    struct shim_config c = {0};
    int fd = open(SHIM_CONFIG_PATH, O_RDONLY);

    if (fd < 0 || read(fd, &c, sizeof(c)) != (ssize_t)sizeof(c) || c.run == 0)
        exit(3);
    run = c.run;
    (void)close(fd);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    long n = argc == 6 ? strtol(argv[1], NULL, 10) : 0;
    char line[16];

    if (n < 1 || n > THREADS_MAX)
        return 2;
    rounds = strtol(argv[2], NULL, 10);
    dir = argv[3];
    secret = argv[4];
    host_socket = argv[5];
    forge = getenv("FORGE");
    read_config();
    make_pointers();
    do {
        for (long i = 0; i < n; i++)
            if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i))
                return 4;
        for (long i = 0; i < n; i++)
            (void)pthread_join(threads[i], NULL);
        (void)printf("done %ld\n", atomic_load(&refused));
        (void)fflush(stdout);
    } while (fgets(line, sizeof(line), stdin) != NULL);
    return 0;
}
