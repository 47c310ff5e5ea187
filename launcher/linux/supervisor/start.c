/*
 * The supervisor's start.  It is a fork of the launcher: an exec'd helper
 * lost its capabilities now and then, because joining a user namespace and
 * execve(2) race with the namespace's first mapping.
 *
 * Order: srt-init's hello, which says who it is (bwrap has made everything by
 * then: ids are right, lo is up), user and net namespace, the network, the
 * mount namespace, the plan, the listener, fewer capabilities, go.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"
#include "launcher/linux/init_config.h"
#include "launcher/linux/supervisor/supervisor.h"
#include "vendor/compat.h"

_Noreturn void sup_fail(const struct sup_config *c, const char *what,
                        const char *path, int err)
{
    static struct channel_msg m;
    char text[2048];

    (void)snprintf(text, sizeof(text), "%s%s%s%s%s%s", what,
                   path != NULL ? " '" : "", path != NULL ? path : "",
                   path != NULL ? "'" : "", err != 0 ? ": " : "",
                   err != 0 ? strerror(err) : ""); /* NOLINT: one thread */
    channel_msg_init(&m, CHANNEL_FAILED, 0, 0);
    (void)channel_msg_add(&m, text);
    (void)!channel_send(c->launcher, &m, NULL, 0, 0);
    _exit(125);
}

/* Keep our two descriptors, point 0-2 at /dev/null: holding the command's
 * output would delay its reader's end of file. */
static void keep_only(struct sup_config *c)
{
    int *const mine[] = {&c->launcher, &c->init};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned from = 3;
    bool closed = true;

    for (int fd = 0; fd <= 2; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            _exit(125);
    /* Copies in rising order, out of the way; all around them is closed. */
    for (size_t i = 0; i < SRT_ARRAY_LEN(mine); i++) {
        int copy = fcntl(*mine[i], F_DUPFD_CLOEXEC,
                         i == 0 ? 100 : *mine[i - 1] + 1);

        if (copy < 0)
            _exit(125);
        *mine[i] = copy;
    }
    for (size_t i = 0; i < SRT_ARRAY_LEN(mine); i++) {
        closed &= syscall(SYS_close_range, from, (unsigned)*mine[i] - 1, 0) ==
                      0 ||
                  from > (unsigned)*mine[i] - 1;
        from = (unsigned)*mine[i] + 1;
    }
    if (!closed || syscall(SYS_close_range, from, ~0u, 0) != 0)
        sup_fail(c, "close_range", NULL, errno);
}

static int open_namespace(const struct sup_config *c, int proc, pid_t pid,
                          const char *name)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "%d/ns/%s", pid, name);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        sup_fail(c, "open the sandbox's namespace", name, errno);
    return fd;
}

/* The user namespace that owns the others, then the network. */
static void join_network(const struct sup_config *c, int proc, pid_t pid,
                         int *ret_user)
{
    int net = open_namespace(c, proc, pid, "net");
    int user = ioctl(net, NS_GET_USERNS);

    if (user < 0)
        sup_fail(c, "the sandbox's user namespace", NULL, errno);
    if (setns(user, CLONE_NEWUSER) != 0)
        sup_fail(c, "join the sandbox's user namespace", NULL, errno);
    if (setns(net, CLONE_NEWNET) != 0)
        sup_fail(c, "join the sandbox's network namespace", NULL, errno);
    (void)close(net);
    *ret_user = user;
}

static void send_descriptors(const struct sup_config *c, enum channel_type type,
                             const int *fds, size_t n)
{
    static struct channel_msg m;

    channel_msg_init(&m, type, 0, 0);
    if (channel_send(c->launcher, &m, fds, n, 0) != 0)
        _exit(125);
}

/* A message of srt-init's: its length; who sent it and what came with it. */
static ssize_t receive(const struct sup_config *c, void *buf, size_t size,
                       pid_t *ret_sender, int *ret_fd)
{
    struct iovec io = {.iov_base = buf, .iov_len = size};

    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    struct ucred sender;
    ssize_t n;

    do
        n = recvmsg(c->init, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); n >= 0 && h != NULL;
         h = CMSG_NXTHDR(&m, h)) {
        if (h->cmsg_level != SOL_SOCKET)
            continue;
        if (h->cmsg_type == SCM_RIGHTS) {
            memcpy(ret_fd, CMSG_DATA(h), sizeof(*ret_fd));
        } else if (h->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&sender, CMSG_DATA(h), sizeof(sender));
            *ret_sender = sender.pid;
        }
    }
    return n;
}

/* srt-init's next byte; its failures are passed on.  Returns its host pid. */
static pid_t await_init(const struct sup_config *c, char want, int *ret_fd)
{
    struct init_failure f = {0};
    pid_t sender = 0;
    int fd = -1;
    ssize_t n = receive(c, &f, sizeof(f), &sender, &fd);

    if (n == (ssize_t)sizeof(f) && f.tag == 'e') {
        f.what[sizeof(f.what) - 1] = '\0';
        sup_fail(c, f.what, NULL, f.error);
    }
    if (n != 1 || f.tag != want)
        _exit(125); /* bwrap or srt-init died; bwrap's words say why */
    if (ret_fd != NULL && fd < 0)
        sup_fail(c, "srt-init sent no seccomp listener", NULL, 0);
    if (ret_fd != NULL)
        *ret_fd = fd;
    return sender;
}

/* Who made srt-init: the sandbox's pid 1. */
static pid_t parent_of(const struct sup_config *c, int proc, pid_t pid)
{
    char path[64];
    char text[1024] = "";
    SRT_AUTO_FD int fd = -1;
    const char *at;

    (void)snprintf(path, sizeof(path), "%d/status", pid);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        sup_fail(c, "the sandbox's pid 1", NULL, errno);
    at = strstr(text, "\nPPid:\t");
    if (at == NULL)
        sup_fail(c, "srt-init's parent is not told", NULL, 0);
    return (pid_t)strtol(at + strlen("\nPPid:\t"), NULL, 10);
}

static void tell_init(const struct sup_config *c, char byte)
{
    if (srt_fd_send(c->init, &byte, 1, NULL, 0, 0) != 0)
        _exit(125);
}

/* Tell the launcher where the masks come from and wait until it answers their
 * requests: moving a tree in looks names up in the mask. */
static void await_masks(const struct sup_config *c, int fuse)
{
    static struct channel_msg m;
    int fds[SRT_FD_PASS_MAX];
    size_t nfds;

    send_descriptors(c, CHANNEL_MASK, &fuse, 1);
    if (channel_recv(c->launcher, &m, fds, &nfds, 0) != 1 ||
        m.type != CHANNEL_MASK_SERVED)
        _exit(125);
}

static void make_mounts(const struct sup_config *c, int proc, pid_t child,
                        int user)
{
    SRT_AUTO_FD int fuse = -1;
    int ns[2] = {user, open_namespace(c, proc, child, "mnt")};

    if (c->fuse) {
        fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        if (fuse < 0)
            sup_fail(c, "open /dev/fuse", NULL, errno);
    }
    if (setns(ns[1], CLONE_NEWNS) != 0)
        sup_fail(c, "join the sandbox's mount namespace", NULL, errno);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        sup_fail(c, "make the sandbox's mounts private", NULL, errno);
    if (fuse >= 0)
        await_masks(c, fuse);
    sup_mounts_make(c, proc, fuse);
    srt_fd_close(&ns[0]);
    srt_fd_close(&ns[1]);
}

/* What serving needs: other processes' memory, low ports, SO_ATTACH_FILTER.
 * All only over the sandbox's own namespaces. */
static void drop_capabilities(const struct sup_config *c)
{
    struct __user_cap_header_struct h = {
        .version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {0};

    d[0].effective = 1u << CAP_SYS_PTRACE | 1u << CAP_NET_BIND_SERVICE |
                     1u << CAP_NET_ADMIN;
    d[0].permitted = d[0].effective;
    if (syscall(SYS_capset, &h, d) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        sup_fail(c, "drop capabilities", NULL, errno);
}

/* Without it paths would be decided by mounts and Landlock alone, and nothing
 * be connected: that is no level of its own. */
static void try_callers(const struct sup *s)
{
    const char *what;
    int err = sup_caller_try(s->command, &what);

    if (err != 0)
        sup_fail(s->config,
                 "processes of the sandbox cannot be looked into (a "
                 "container's seccomp profile, or yama.ptrace_scope 3); allow "
                 "it, or run with --level preload",
                 what, err);
}

static void reset_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            (void)signal(s, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void tie_to_launcher(const struct sup_config *c)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != c->launcher_pid)
        _exit(125);
}

static void tell_ready(const struct sup *s)
{
    static struct channel_msg m;

    channel_msg_init(&m, CHANNEL_READY, 0, 0);
    m.tid = s->init;
    if (channel_send(s->channel, &m, NULL, 0, 0) != 0)
        _exit(125);
}

_Noreturn void sup_main(const struct sup_config *config)
{
    static struct sup s;
    static struct sup_config c;
    uint64_t sync = VND_SECCOMP_FD_SYNC_WAKE_UP;
    int user;

    c = *config;
    tie_to_launcher(&c);
    reset_signals();
    (void)setsid(); /* Ctrl-Z must not stop it, Ctrl-C not kill it */
    keep_only(&c);
    s = (struct sup){.config = &c,
                     .image = c.image,
                     .listener = -1,
                     .channel = c.launcher,
                     .diag = -1};
    s.uid = getuid();
    s.gid = getgid();
    s.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s.proc < 0)
        sup_fail(&c, "open /proc", NULL, errno);
    s.command = await_init(&c, 'h', NULL);
    s.init = parent_of(&c, s.proc, s.command);
    join_network(&c, s.proc, s.command, &user);
    tie_to_launcher(&c); /* setns(2) cleared the death signal */
    sup_network_make(&s);
    make_mounts(&c, s.proc, s.command, user);
    s.root = sup_place_of(AT_FDCWD, "/");
    if (fchdir(s.proc) != 0) /* unix connects go through self/fd/N */
        sup_fail(&c, "chdir /proc", NULL, errno);
    tell_init(&c, 'm');
    (void)await_init(&c, c.listener ? 'l' : 'n',
                     c.listener ? &s.listener : NULL);
    drop_capabilities(&c);
    if (c.listener)
        try_callers(&s);
    if (s.listener >= 0)
        (void)ioctl(s.listener, VND_SECCOMP_NOTIF_SET_FLAGS, sync);
    tell_ready(&s);
    tell_init(&c, 'g');
    sup_serve(&s);
}
