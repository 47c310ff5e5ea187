/*
 * Connects to Unix sockets.  A path is resolved here, in the sandbox's mounts,
 * to a descriptor; judged where it really is; and connected through that
 * descriptor ("self/fd/N", relative to the host's /proc, where we stand), so
 * that what was judged is what is connected to.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/path.h"
#include "launcher/events/event.h"
#include "launcher/linux/supervisor/connect.h"

/* Netlink's alignment, as an unsigned number. */
static size_t aligned(size_t n)
{
    return (n + 3u) & ~(size_t)3u;
}

/* A file as sock_diag(7) names it: half of the inode number, and the device as
 * the kernel writes it (MKDEV, 20 bits of minor). */
struct place {
    uint32_t ino, dev;
};

static struct place place_of(const struct stat *st)
{
    return (struct place){(uint32_t)st->st_ino,
                          major(st->st_dev) << 20 | minor(st->st_dev)};
}

/* Do the attributes of one dumped socket name this file? */
static bool names_file(const char *at, size_t left, struct place p)
{
    struct nlattr a;

    while (left >= sizeof(a)) {
        struct unix_diag_vfs v;

        memcpy(&a, at, sizeof(a));
        if (a.nla_len < sizeof(a) || a.nla_len > left)
            return false;
        if (a.nla_type == UNIX_DIAG_VFS && a.nla_len >= sizeof(a) + sizeof(v)) {
            memcpy(&v, at + sizeof(a), sizeof(v));
            return v.udiag_vfs_ino == p.ino && v.udiag_vfs_dev == p.dev;
        }
        if (aligned(a.nla_len) >= left)
            return false;
        at += aligned(a.nla_len);
        left -= aligned(a.nla_len);
    }
    return false;
}

/* One datagram of the dump: *ret_done at its end. */
static bool dump_names_file(const char *at, size_t left, struct place p,
                            bool *ret_done)
{
    struct nlmsghdr h;
    const size_t head = NLMSG_LENGTH(sizeof(struct unix_diag_msg));
    bool found = false;

    while (left >= sizeof(h)) {
        memcpy(&h, at, sizeof(h));
        if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR ||
            h.nlmsg_len < sizeof(h) || h.nlmsg_len > left) {
            *ret_done = true;
            return found;
        }
        if (h.nlmsg_len >= head)
            found |= names_file(at + head, h.nlmsg_len - head, p);
        if (aligned(h.nlmsg_len) >= left)
            break;
        at += aligned(h.nlmsg_len);
        left -= aligned(h.nlmsg_len);
    }
    return found;
}

/* Has a socket of the sandbox's network namespace the file `st`?  Then it was
 * bound inside.  A dump of all Unix sockets, asked of sock_diag(7). */
static bool bound_inside(const struct sup *s, const struct stat *st)
{
    struct {
        struct nlmsghdr h;
        struct unix_diag_req r;
    } ask = {
        .h = {.nlmsg_len = sizeof(ask),
              .nlmsg_type = SOCK_DIAG_BY_FAMILY,
              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .r = {.sdiag_family = AF_UNIX,
              .udiag_states = ~0u,
              .udiag_show = UDIAG_SHOW_VFS},
    };

    char buf[32768];
    bool found = false;
    bool done = s->diag < 0 || send(s->diag, &ask, sizeof(ask), 0) < 0;

    while (!done) {
        ssize_t len = recv(s->diag, buf, sizeof(buf), 0);

        if (len <= 0)
            break;
        found |= dump_names_file(buf, (size_t)len, place_of(st), &done);
    }
    return found;
}

int sup_unix_connect_to(int socket, int target)
{
    struct sockaddr_un u = {.sun_family = AF_UNIX};

    (void)snprintf(u.sun_path, sizeof(u.sun_path), "self/fd/%d", target);
    return sup_sockets_connect_now(socket, &u, sizeof(u));
}

/* An abstract or unnamed address: the sandbox's own namespace has no others
 * than its own. */
static void connect_abstract(struct sup *s, const struct seccomp_notif *n,
                             int socket, const void *address, socklen_t len)
{
    int flags = fcntl(socket, F_GETFL);
    int err = sup_sockets_connect_now(socket, address, len);

    if (err == EAGAIN && (flags & O_NONBLOCK) == 0)
        sup_sockets_wait_local(s, n, socket, -1, address, len);
    else
        sup_answer(s, n->id, err, 0);
}

static void refuse(struct sup *s, const struct seccomp_notif *n,
                   const char *real, const char *requested,
                   const struct policy_decision *d)
{
    static struct channel_msg m;
    char parent[SRT_PATH_MAX];
    const char *name = srt_path_split(real, parent, sizeof(parent));

    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    m.op = EVENTS_OP_UNIX_CONNECT;
    m.check = CHANNEL_CHECK_CONNECT;
    m.error = EACCES;
    (void)channel_msg_add(&m, parent);
    (void)channel_msg_add(&m, name != NULL ? name : "");
    channel_msg_skip_to(&m, CHANNEL_REQUESTED);
    (void)channel_msg_add(&m, requested);
    sup_refuse(s, n, &m, d);
}

/* What the path leads to: 0, or an errno. */
static int open_target(const struct sup *s, pid_t tid, const char *path,
                       int *ret_fd, struct stat *ret_st,
                       char real[SRT_PATH_MAX])
{
    struct sup_entry at = {.parent = -1};
    SRT_AUTO_FD int parent = -1;
    SRT_AUTO_FD int fd = -1;
    int err = sup_caller_resolve(s, tid, AT_FDCWD, path, SUP_FOLLOW, &at);

    if (err != 0)
        return err;
    parent = at.parent;
    fd = openat(parent, at.name[0] != '\0' ? at.name : ".",
                O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, ret_st) != 0)
        return errno;
    err = sup_real_path(s, fd, real, SRT_PATH_MAX);
    if (err == 0)
        *ret_fd = srt_fd_take(&fd);
    return err;
}

void sup_unix_connect(struct sup *s, const struct seccomp_notif *n, int socket,
                      const void *address, socklen_t len)
{
    struct sockaddr_un u = {0};
    char path[sizeof(u.sun_path) + 1];
    char real[SRT_PATH_MAX];
    SRT_AUTO_FD int target = -1;
    struct policy_decision d;
    struct stat st = {0};
    int err;

    memcpy(&u, address, len < sizeof(u) ? len : sizeof(u));
    if (len > sizeof(u)) { /* unix_validate_addr() of the kernel */
        sup_answer(s, n->id, EINVAL, 0);
        return;
    }
    if (u.sun_family != AF_UNIX ||
        len <= offsetof(struct sockaddr_un, sun_path) ||
        u.sun_path[0] == '\0') {
        connect_abstract(s, n, socket, address, len);
        return;
    }
    memcpy(path, u.sun_path, sizeof(u.sun_path));
    path[sizeof(u.sun_path)] = '\0';
    sup_leave();
    err = open_target(s, (pid_t)n->pid, path, &target, &st, real);
    sup_return();
    if (err != 0) {
        sup_answer(s, n->id, err, 0);
        return;
    }
    d = policy_decide_unix(s->image, real);
    if (S_ISSOCK(st.st_mode) && d.verdict == POLICY_DENY &&
        !(policy_decide_write(s->image, real).verdict == POLICY_ALLOW &&
          bound_inside(s, &st))) {
        refuse(s, n, real, path, &d);
        return;
    }
    err = sup_unix_connect_to(socket, target);
    if (err == EAGAIN && (fcntl(socket, F_GETFL) & O_NONBLOCK) == 0)
        sup_sockets_wait_local(s, n, socket, srt_fd_take(&target), address,
                               len);
    else
        sup_answer(s, n->id, err, 0);
}
