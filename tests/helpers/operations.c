/*
 * operations [--raw] NAME TARGET [NAME TARGET]...: each operation on its target
 * by libc, or with --raw by syscall(2) alone, with the *at forms; the errno of
 * each (0: it succeeded) on a line.  A look-up that is told "no such name"
 * counts as ENOENT.  Hosts are "1.2.3.4:80" or "[::1]:80".
 *
 * static_operations.c and musl_operations.c are the same; go/operations.go is
 * the twin in Go.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HERE AT_FDCWD

static const struct timespec times[2] = {{.tv_sec = 9}, {.tv_sec = 9}};

/* "TARGET.new", the second name of link and rename. */
static const char *second(const char *target)
{
    static char name[4200];

    (void)snprintf(name, sizeof(name), "%s.new", target);
    return name;
}

static int closed(long fd)
{
    return fd < 0 ? -1 : close((int)fd);
}

/* ---- files, by libc ---- */

static int do_write(const char *t)
{
    int fd = open(t, O_WRONLY);

    return fd >= 0 && write(fd, "T", 1) != 1 ? -1 : closed(fd);
}

static int do_overwrite(const char *t)
{
    return closed(open(t, O_WRONLY | O_CREAT | O_TRUNC, 0644));
}

static int do_create(const char *t)
{
    return closed(open(t, O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static int do_mkdir(const char *t)
{
    return mkdir(t, 0755);
}

static int do_mkfifo(const char *t)
{
    return mkfifo(t, 0644);
}

static int do_symlink(const char *t)
{
    return symlink("x", t);
}

static int do_link(const char *t)
{
    return link(t, second(t));
}

static int do_rename(const char *t)
{
    return rename(t, second(t));
}

static int do_chmod(const char *t)
{
    return chmod(t, 0600);
}

static int do_chown(const char *t)
{
    return chown(t, getuid(), getgid());
}

static int do_utimens(const char *t)
{
    return utimensat(AT_FDCWD, t, times, 0);
}

static int do_truncate(const char *t)
{
    return truncate(t, 1);
}

static int do_setxattr(const char *t)
{
    return setxattr(t, "user.x", "y", 1, 0);
}

static int do_read(const char *t)
{
    return closed(open(t, O_RDONLY));
}

static int do_list(const char *t)
{
    DIR *d = opendir(t);

    return d == NULL ? -1 : closedir(d);
}

/* ---- files, raw ---- */

static int raw_write(const char *t)
{
    long fd = syscall(SYS_openat, HERE, t, O_WRONLY);

    return fd >= 0 && syscall(SYS_write, fd, "T", 1) != 1 ? -1 : closed(fd);
}

static int raw_overwrite(const char *t)
{
    return closed(
        syscall(SYS_openat, HERE, t, O_WRONLY | O_CREAT | O_TRUNC, 0644));
}

static int raw_create(const char *t)
{
    return closed(
        syscall(SYS_openat, HERE, t, O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static int raw_mkdir(const char *t)
{
    return (int)syscall(SYS_mkdirat, HERE, t, 0755);
}

static int raw_mkfifo(const char *t)
{
    return (int)syscall(SYS_mknodat, HERE, t, S_IFIFO | 0644, 0);
}

static int raw_symlink(const char *t)
{
    return (int)syscall(SYS_symlinkat, "x", HERE, t);
}

static int raw_link(const char *t)
{
    return (int)syscall(SYS_linkat, HERE, t, HERE, second(t), 0);
}

static int raw_unlink(const char *t)
{
    return (int)syscall(SYS_unlinkat, HERE, t, 0);
}

static int raw_rmdir(const char *t)
{
    return (int)syscall(SYS_unlinkat, HERE, t, AT_REMOVEDIR);
}

static int raw_rename(const char *t)
{
    return (int)syscall(SYS_renameat2, HERE, t, HERE, second(t), 0);
}

static int raw_chmod(const char *t)
{
    return (int)syscall(SYS_fchmodat, HERE, t, 0600);
}

static int raw_chown(const char *t)
{
    return (int)syscall(SYS_fchownat, HERE, t, getuid(), getgid(), 0);
}

static int raw_utimens(const char *t)
{
    return (int)syscall(SYS_utimensat, HERE, t, times, 0);
}

static int raw_truncate(const char *t)
{
    return (int)syscall(SYS_truncate, t, 1);
}

static int raw_setxattr(const char *t)
{
    return (int)syscall(SYS_lsetxattr, t, "user.x", "y", 1, 0);
}

static int raw_read(const char *t)
{
    return closed(syscall(SYS_openat, HERE, t, O_RDONLY));
}

static int raw_list(const char *t)
{
    return closed(syscall(SYS_openat, HERE, t, O_RDONLY | O_DIRECTORY));
}

/* ---- sockets ---- */

union address {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static socklen_t parse_host(const char *t, union address *ret)
{
    char host[64] = "";
    const char *colon = strrchr(t, ':');
    in_port_t port = htons((in_port_t)strtol(colon + 1, NULL, 10));

    memset(ret, 0, sizeof(*ret));
    if (t[0] == '[') {
        memcpy(host, t + 1, (size_t)(colon - t) - 2);
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = port;
        (void)inet_pton(AF_INET6, host, &ret->v6.sin6_addr);
        return sizeof(ret->v6);
    }
    memcpy(host, t, (size_t)(colon - t));
    ret->v4.sin_family = AF_INET;
    ret->v4.sin_port = port;
    (void)inet_pton(AF_INET, host, &ret->v4.sin_addr);
    return sizeof(ret->v4);
}

static socklen_t parse_path(const char *t, union address *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->un.sun_family = AF_UNIX;
    (void)snprintf(ret->un.sun_path, sizeof(ret->un.sun_path), "%s", t);
    return (socklen_t)sizeof(ret->un);
}

static int finish(int rc, int fd)
{
    int err = errno;

    (void)close(fd);
    errno = err;
    return rc;
}

static int libc_connect(const union address *a, socklen_t len, int flags)
{
    int s = socket(a->sa.sa_family, SOCK_STREAM | flags, 0);
    int rc = connect(s, &a->sa, len);

    return finish(rc != 0 && errno == EINPROGRESS ? 0 : rc, s);
}

static int raw_connect(const union address *a, socklen_t len)
{
    int s = (int)syscall(SYS_socket, a->sa.sa_family, SOCK_STREAM, 0);

    return finish((int)syscall(SYS_connect, s, a, len), s);
}

static int do_connect(const char *t)
{
    union address a;
    socklen_t len = parse_host(t, &a);

    return libc_connect(&a, len, 0);
}

static int do_connect_nonblock(const char *t)
{
    union address a;
    socklen_t len = parse_host(t, &a);

    return libc_connect(&a, len, SOCK_NONBLOCK);
}

static int raw_connect_host(const char *t)
{
    union address a;
    socklen_t len = parse_host(t, &a);

    return raw_connect(&a, len);
}

static int do_unix(const char *t)
{
    union address a;
    socklen_t len = parse_path(t, &a);

    return libc_connect(&a, len, 0);
}

static int raw_unix(const char *t)
{
    union address a;
    socklen_t len = parse_path(t, &a);

    return raw_connect(&a, len);
}

/* A question for A, written by hand, to an address that is nobody's: port 53
 * anywhere is srt's.  Returns the answer's RCODE, or -1. */
static int query(const char *name)
{
    static const uint8_t head[12] = {0x12, 0x34, 1, 0, 0, 1};
    static const uint8_t tail[5] = {0, 0, 1, 0, 1};
    const struct timeval wait = {.tv_sec = 10};
    uint8_t packet[512];
    size_t n = sizeof(head);
    union address a;
    socklen_t len = parse_host("198.51.100.53:53", &a);
    int s = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
    ssize_t got;

    memcpy(packet, head, sizeof(head));
    while (*name != '\0') {
        size_t label = strcspn(name, ".");

        packet[n++] = (uint8_t)label;
        memcpy(packet + n, name, label);
        n += label;
        name += label + (name[label] == '.');
    }
    memcpy(packet + n, tail, sizeof(tail));
    n += sizeof(tail);
    (void)setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    if (syscall(SYS_sendto, s, packet, n, 0, &a, len) != (long)n)
        return finish(-1, s);
    got = syscall(SYS_recvfrom, s, packet, sizeof(packet), 0, NULL, NULL);
    return finish(got < 12 ? -1 : packet[3] & 15, s);
}

static int raw_resolve(const char *t)
{
    int rcode = query(t);

    if (rcode > 0)
        errno = rcode == 3 ? ENOENT : EIO;
    return rcode == 0 ? 0 : -1;
}

#ifdef NO_RESOLVER
# define do_resolve raw_resolve
#else
static int do_resolve(const char *t)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int rc = getaddrinfo(t, "80", &hints, &list);

    if (rc == 0) {
        freeaddrinfo(list);
        return 0;
    }
    errno = rc == EAI_NONAME ? ENOENT : EIO;
    return -1;
}
#endif

/* ---- system calls; the target does not matter ---- */

static int call_bpf(const char *t)
{
    uint32_t attr[16] = {2, 4, 4, 1}; /* an array of one */

    (void)t;
    return closed(syscall(SYS_bpf, 0, attr, sizeof(attr)));
}

static int call_keyctl(const char *t)
{
    (void)t;
    return (int)syscall(SYS_keyctl, 1, NULL); /* a session keyring of its own */
}

static int call_add_key(const char *t)
{
    (void)t;
    return (int)syscall(SYS_add_key, "user", "srt", "x", 1, -2);
}

static int call_unshare(const char *t)
{
    (void)t;
    return (int)syscall(SYS_unshare, CLONE_NEWUSER);
}

static int call_packet(const char *t)
{
    (void)t;
    return closed(syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0));
}

static int call_raw_inet(const char *t)
{
    (void)t;
    return closed(syscall(SYS_socket, AF_INET, SOCK_RAW, 1));
}

static int call_userfaultfd(const char *t)
{
    (void)t;
    return closed(syscall(SYS_userfaultfd, 1)); /* UFFD_USER_MODE_ONLY */
}

/* What is permitted beside them. */
static int call_unshare_files(const char *t)
{
    (void)t;
    return (int)syscall(SYS_unshare, CLONE_FILES | CLONE_FS);
}

static int call_socket(const char *t)
{
    (void)t;
    return closed(syscall(SYS_socket, AF_INET6, SOCK_STREAM, 0));
}

static const struct {
    const char *name;
    int (*libc)(const char *target);
    int (*raw)(const char *target);
} operations[] = {
    {"write", do_write, raw_write},
    {"overwrite", do_overwrite, raw_overwrite},
    {"create", do_create, raw_create},
    {"mkdir", do_mkdir, raw_mkdir},
    {"mkfifo", do_mkfifo, raw_mkfifo},
    {"symlink", do_symlink, raw_symlink},
    {"link", do_link, raw_link},
    {"unlink", unlink, raw_unlink},
    {"rmdir", rmdir, raw_rmdir},
    {"rename", do_rename, raw_rename},
    {"chmod", do_chmod, raw_chmod},
    {"chown", do_chown, raw_chown},
    {"utimens", do_utimens, raw_utimens},
    {"truncate", do_truncate, raw_truncate},
    {"setxattr", do_setxattr, raw_setxattr},
    {"read", do_read, raw_read},
    {"list", do_list, raw_list},
    {"connect", do_connect, raw_connect_host},
    {"connect-nonblock", do_connect_nonblock, raw_connect_host},
    {"unix", do_unix, raw_unix},
    {"resolve", do_resolve, raw_resolve},
    {"bpf", call_bpf, call_bpf},
    {"keyctl", call_keyctl, call_keyctl},
    {"add_key", call_add_key, call_add_key},
    {"unshare", call_unshare, call_unshare},
    {"packet", call_packet, call_packet},
    {"raw-inet", call_raw_inet, call_raw_inet},
    {"userfaultfd", call_userfaultfd, call_userfaultfd},
    {"unshare-files", call_unshare_files, call_unshare_files},
    {"socket", call_socket, call_socket},
};

static int perform(const char *name, const char *target, int raw)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, name) == 0) {
            errno = 0;
            if ((raw ? operations[i].raw : operations[i].libc)(target) < 0)
                return errno;
            return 0;
        }
    return -1;
}

int main(int argc, char **argv)
{
    int raw = argc > 1 && strcmp(argv[1], "--raw") == 0;

    for (int i = 1 + raw; i + 1 < argc; i += 2)
        (void)printf("%d\n", perform(argv[i], argv[i + 1], raw));
    return 0;
}
