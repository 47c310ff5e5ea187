/* The filter, made by the launcher; loaded here, the last thing before go. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/linux/init/init.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
# define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

int init_filter(const struct init_config *c, int *ret_listener)
{
    struct sock_fprog program = {.len = (unsigned short)c->filter_len};
    unsigned long flags = 0;
    long rc;

    *ret_listener = -1;
    /* The kernel copies the program; it takes no const. */
    program.filter = (struct sock_filter *)((uintptr_t)c + c->filter);
    if (c->use_listener)
        flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
                SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (rc < 0)
        return errno;
    if (c->use_listener)
        *ret_listener = (int)rc;
    return 0;
}
