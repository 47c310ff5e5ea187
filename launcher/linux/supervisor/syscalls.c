/* System calls that are refused whatever they ask for, and those whose
 * arguments no rule of the filter allows. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "launcher/events/event.h"
#include "launcher/linux/filter.h"
#include "launcher/linux/supervisor/supervisor.h"

#ifndef CLONE_NEWTIME
# define CLONE_NEWTIME 0x80
#endif

static const struct {
    int number;
    const char *name;
} families[] = {
    {AF_UNIX, "AF_UNIX"},     {AF_INET, "AF_INET"},
    {AF_INET6, "AF_INET6"},   {AF_NETLINK, "AF_NETLINK"},
    {AF_PACKET, "AF_PACKET"}, {AF_VSOCK, "AF_VSOCK"},
    {AF_ALG, "AF_ALG"},       {AF_BLUETOOTH, "AF_BLUETOOTH"},
    {AF_TIPC, "AF_TIPC"},
};

/* socket(AF_X, type, protocol), and the errno that the kernel has for it. */
static int describe_socket(const struct seccomp_notif *n, char *out,
                           size_t size)
{
    int family = (int)n->data.args[0];
    int type = (int)n->data.args[1] & 0xf;
    const char *name = NULL;

    for (size_t i = 0; i < SRT_ARRAY_LEN(families); i++)
        if (families[i].number == family)
            name = families[i].name;
    if (name != NULL)
        (void)snprintf(out, size, "%s(%s, %d, %d)",
                       filter_call_name(n->data.nr), name, type,
                       (int)n->data.args[2]);
    else
        (void)snprintf(out, size, "%s(%d, %d, %d)",
                       filter_call_name(n->data.nr), family, type,
                       (int)n->data.args[2]);
    return family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
                   family == AF_NETLINK
               ? EPROTONOSUPPORT
               : EAFNOSUPPORT;
}

static int describe(const struct seccomp_notif *n, char *out, size_t size)
{
    const char *name = filter_call_name(n->data.nr);

    switch (n->data.nr) {
    case SYS_socket:
    case SYS_socketpair:
        return describe_socket(n, out, size);
    case SYS_clone:
    case SYS_unshare:
        (void)snprintf(out, size, "%s(%#x)", name, (unsigned)n->data.args[0]);
        return EPERM;
    case SYS_ioctl:
        (void)snprintf(out, size, "%s(%#x)", name, (unsigned)n->data.args[1]);
        return EPERM;
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
        (void)snprintf(out, size, "%s(MSG_FASTOPEN)", name);
        return EOPNOTSUPP;
    default:
        (void)snprintf(out, size, "%s", name);
        return EPERM;
    }
}

/* Calls that some hosts leave to root: the setting, from which value on ('0': at
 * that alone), and the errno for others. */
static const struct {
    int nr;
    const char *setting; /* below /proc/sys */
    char from;
    int err;
} by_setting[] = {
    {SYS_bpf, "kernel/unprivileged_bpf_disabled", '1', EPERM},
    {SYS_syslog, "kernel/dmesg_restrict", '1', EPERM},
    {SYS_perf_event_open, "kernel/perf_event_paranoid", '3', EACCES},
    {SYS_userfaultfd, "vm/unprivileged_userfaultfd", '0', EPERM},
};

/* 0: anybody may; so too where the setting does not exist. */
static int host_errno(const struct sup *s, int nr)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(by_setting); i++) {
        char path[64];
        char value = '0';
        SRT_AUTO_FD int fd = -1;

        if (by_setting[i].nr != nr)
            continue;
        (void)snprintf(path, sizeof(path), "sys/%s", by_setting[i].setting);
        fd = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, &value, 1) == 1 &&
            (by_setting[i].from == '0' ? value == '0'
                                       : value >= by_setting[i].from))
            return by_setting[i].err;
    }
    return 0;
}

/* Namespaces other than of users are root's to make. */
static bool makes_roots_namespaces(uint64_t flags)
{
    const uint64_t roots = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID |
                           CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                           CLONE_NEWTIME;

    return (flags & roots) != 0 && (flags & CLONE_NEWUSER) == 0;
}

/* What the host would say to anybody but root; 0: it would do it. */
static int errno_of_user(const struct sup *s, const struct seccomp_notif *n)
{
    const __u64 *a = n->data.args;
    const int family = (int)a[0];

    switch (n->data.nr) {
    case SYS_socket:
        return family == AF_PACKET ||
                       ((family == AF_INET || family == AF_INET6) &&
                        (a[1] & 0xf) == SOCK_RAW && a[2] != 0)
                   ? EPERM
                   : 0;
    case SYS_bpf:
        return a[0] == BPF_MAP_CREATE || a[0] == BPF_PROG_LOAD
                   ? host_errno(s, SYS_bpf)
                   : 0;
    case SYS_userfaultfd: /* 1: UFFD_USER_MODE_ONLY */
        return (a[0] & 1) == 0 ? host_errno(s, SYS_userfaultfd) : 0;
    case SYS_open_tree: /* 1: OPEN_TREE_CLONE */
        return (a[2] & 1) != 0 ? EPERM : 0;
    case SYS_clone:
    case SYS_unshare:
        return makes_roots_namespaces(a[0]) ? EPERM : 0;
    default:
        return filter_is_privileged(n->data.nr) ? EPERM
                                                : host_errno(s, n->data.nr);
    }
}

/* Has the host's kernel this kind of socket?  To ask it would load what it has. */
static bool may_be_unknown(const struct seccomp_notif *n)
{
    const int family = (int)n->data.args[0];

    return (n->data.nr == SYS_socket || n->data.nr == SYS_socketpair) &&
           family != AF_UNIX && family != AF_PACKET &&
           !((family == AF_INET || family == AF_INET6) &&
             (n->data.args[1] & 0xf) == SOCK_RAW);
}

void sup_syscalls_refuse(struct sup *s, const struct seccomp_notif *n)
{
    static const struct policy_decision d = {
        POLICY_DENY, "builtin:syscalls",
        "this system call is not available inside", POLICY_BY_OTHER};
    static struct channel_msg m;
    char what[128];

    const int host = s->config->root ? 0 : errno_of_user(s, n);

    if (host != 0) {
        sup_answer(s, n->id, host, 0);
        return;
    }
    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    m.error = describe(n, what, sizeof(what));
    m.op = EVENTS_OP_SYSCALL;
    m.check = CHANNEL_CHECK_NONE;
    m.uncertain = may_be_unknown(n);
    (void)channel_msg_add(&m, "");
    (void)channel_msg_add(&m, what);
    sup_refuse(s, n, &m, &d);
}
