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

/* May users load BPF programs on this host? */
static bool has_user_bpf(const struct sup *s)
{
    SRT_AUTO_FD int fd = openat(s->proc, "sys/kernel/unprivileged_bpf_disabled",
                                O_RDONLY | O_CLOEXEC);
    char value = '0';

    return fd < 0 || read(fd, &value, 1) != 1 || value == '0';
}

/* Would the host say EPERM to anybody but root? */
static bool is_roots(const struct sup *s, const struct seccomp_notif *n)
{
    int family = (int)n->data.args[0];

    switch (n->data.nr) {
    case SYS_socket:
        return family == AF_PACKET ||
               ((family == AF_INET || family == AF_INET6) &&
                (n->data.args[1] & 0xf) == SOCK_RAW && n->data.args[2] != 0);
    case SYS_bpf:
        return (n->data.args[0] == BPF_MAP_CREATE ||
                n->data.args[0] == BPF_PROG_LOAD) &&
               !has_user_bpf(s);
    default:
        return filter_is_privileged(n->data.nr);
    }
}

void sup_syscalls_refuse(struct sup *s, const struct seccomp_notif *n)
{
    static const struct policy_decision d = {
        POLICY_DENY, "builtin:syscalls",
        "this system call is not available inside", POLICY_BY_OTHER};
    static struct channel_msg m;
    char what[128];

    if (!s->config->root && is_roots(s, n)) {
        sup_answer(s, n->id, EPERM, 0);
        return;
    }
    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    m.error = describe(n, what, sizeof(what));
    m.op = EVENTS_OP_SYSCALL;
    m.check = CHANNEL_CHECK_NONE;
    (void)channel_msg_add(&m, "");
    (void)channel_msg_add(&m, what);
    sup_refuse(s, n, &m, &d);
}
