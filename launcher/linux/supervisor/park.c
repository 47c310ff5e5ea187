/*
 * Signals of a caller that waits in connect(2).
 *
 * With WAIT_KILLABLE_RECV the kernel interrupts a received notification only
 * for a fatal signal: for all others somebody must end the wait.  The answer
 * -ERESTARTSYS makes the kernel run the handler and, with SA_RESTART, the call
 * again.  It must only be given to a thread that will take the signal: one of
 * its own (SigPnd), or the only thread of its process (ShdPnd).  Of several
 * threads any may take a shared one; errno 512 would reach the program in the
 * others, so they get -EINTR, which connect(2) may give at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launcher/linux/supervisor/connect.h"

enum { RESTART = 512 /* ERESTARTSYS of linux/errno.h, not in user space */ };

static bool field(const char *status, const char *name, int base, uint64_t *ret)
{
    const char *at = strstr(status, name);

    if (at == NULL)
        return false;
    *ret = strtoull(at + strlen(name), NULL, base);
    return true;
}

bool sup_park_parse(const char *status, struct park_signals *ret)
{
    uint64_t threads = 0;

    if (!field(status, "\nSigPnd:", 16, &ret->own) ||
        !field(status, "\nShdPnd:", 16, &ret->shared) ||
        !field(status, "\nSigBlk:", 16, &ret->blocked) ||
        !field(status, "\nSigIgn:", 16, &ret->ignored) ||
        !field(status, "\nThreads:", 10, &threads))
        return false;
    ret->threads = (unsigned)threads;
    return true;
}

int sup_park_signal(struct sup *s, pid_t tid, bool has_timeout)
{
    struct park_signals p;
    char path[64];
    char text[4096];
    SRT_AUTO_FD int fd = -1;
    uint64_t wanted;
    ssize_t n;

    (void)snprintf(path, sizeof(path), "%d/status", tid);
    fd = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    if (!sup_park_parse(text, &p))
        return 0;
    wanted = ~p.blocked & ~p.ignored;
    if ((p.own & wanted) != 0)
        return has_timeout ? EINTR : RESTART;
    if ((p.shared & wanted) == 0)
        return 0;
    return has_timeout || p.threads > 1 ? EINTR : RESTART;
}
