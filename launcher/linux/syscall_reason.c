#include "launcher/linux/syscall_reason.h"

#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/macros.h"
#include "launcher/linux/filter.h"

/* By the beginning of the target; the first that fits. */
static const struct {
    const char *target, *what;
} kinds[] = {
    {"socket(AF_UNIX, 2,", "Unix datagram sockets"},
    {"socketpair(AF_UNIX, 2,", "Unix datagram sockets"},
    {"socket(AF_UNIX,", "Unix sockets of this type"},
    {"socketpair(AF_UNIX,", "Unix sockets of this type"},
    {"socket(AF_INET, 3,", "raw sockets"},
    {"socket(AF_INET6, 3,", "raw sockets"},
    {"socket(AF_INET", "Internet sockets other than TCP and UDP"},
    {"socket(AF_NETLINK,", "netlink sockets of this protocol"},
    {"socket(AF_PACKET,", "packet sockets"},
    {"socket(AF_VSOCK,", "sockets to virtual machines (vsock)"},
    {"socket(AF_ALG,", "sockets to the kernel's cryptography (AF_ALG)"},
    {"socket", "sockets of this family"},
    {"sendto(MSG_FASTOPEN)", "TCP Fast Open connections"},
    {"sendmsg(MSG_FASTOPEN)", "TCP Fast Open connections"},
    {"sendmmsg(MSG_FASTOPEN)", "TCP Fast Open connections"},
    {"ioctl(0x5412)", "requests that type into the terminal (TIOCSTI)"},
    {"ioctl(0x541c)", "requests to the console (TIOCLINUX)"},
    {"ioctl(0x5423)", "requests for a line discipline (TIOCSETD)"},
    {"ioctl(", "requests of this kind to a file system"},
};

static const struct {
    unsigned long flag;
    const char *what;
} namespaces[] = {
    {CLONE_NEWUSER, "new user namespaces"},
    {CLONE_NEWNET, "new network namespaces"},
    {CLONE_NEWNS, "new mount namespaces"},
    {CLONE_NEWPID, "new PID namespaces"},
    {CLONE_NEWIPC, "new IPC namespaces"},
    {CLONE_NEWUTS, "new UTS namespaces"},
    {CLONE_NEWCGROUP, "new cgroup namespaces"},
    {0x80 /* CLONE_NEWTIME */, "new time namespaces"},
};

static const char *find_what(const char *target)
{
    const char *flags = strncmp(target, "clone(", 6) == 0 ||
                                strncmp(target, "unshare(", 8) == 0
                            ? strchr(target, '(') + 1
                            : NULL;
    unsigned long bits = flags != NULL ? strtoul(flags, NULL, 16) : 0;

    for (size_t i = 0; i < SRT_ARRAY_LEN(namespaces); i++)
        if ((bits & namespaces[i].flag) != 0)
            return namespaces[i].what;
    for (size_t i = 0; i < SRT_ARRAY_LEN(kinds); i++)
        if (strncmp(target, kinds[i].target, strlen(kinds[i].target)) == 0)
            return kinds[i].what;
    return NULL;
}

void syscall_reason(int nr, const char *target, char *out, size_t size)
{
    const char *what = find_what(target);
    const struct filter_row *row = filter_row_of(nr);

    if (what != NULL)
        (void)snprintf(out, size, "%s are not available inside", what);
    else if (row != NULL && row->why != NULL)
        (void)snprintf(out, size, "%s is not available inside (%s)", row->name,
                       row->why);
    else
        (void)snprintf(out, size, "this system call is not available inside");
}
