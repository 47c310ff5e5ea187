/*
 * Callers that wait in connect(2): their death, time-outs and signals.
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

#include "base/clock.h"
#include "launcher/linux/supervisor/connect.h"

enum {
    PARKED_MS = 40, /* shorter waits are not worth a restart */
    LOOKS = 48,     /* a tick: each reads a file of /proc, and others wait */
    FORGET_MS = 300000, /* an interrupted call that does not come back */
};

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

/* Is the local connect done?  EAGAIN: not yet.  The caller's socket may go
 * while we try: so on one of our own. */
static int local_result(const struct connect_state *c)
{
    const union srt_sockaddr given = c->given;
    const socklen_t len = c->given_len;
    const bool inet = given.sa.sa_family == AF_INET ||
                      given.sa.sa_family == AF_INET6;
    SRT_AUTO_FD int socket = srt_fd_dup_above(c->socket, 3);
    SRT_AUTO_FD int retry = c->retry >= 0 ? srt_fd_dup_above(c->retry, 3) : -1;
    int err;

    if (socket < 0 || (c->retry >= 0 && retry < 0))
        return EAGAIN; /* no descriptor now */
    if (retry >= 0)
        return sup_unix_connect_to(socket, retry);
    if (!inet)
        return sup_sockets_connect_now(socket, &given, len);
    err = sup_sockets_progress(socket, &given, len);
    return err == EINPROGRESS ? EAGAIN : err;
}

static void give_up(struct sup *s, struct sup_slot *slot, int err)
{
    if (slot->id != 0 && err != 0)
        sup_answer(s, slot->id, err, 0);
    sup_sockets_drop(s, slot);
}

/* What costs next to nothing.  Returns false when nothing is left to wait
 * for. */
static bool look_at(struct sup *s, struct sup_slot *slot, uint64_t now)
{
    const struct connect_state *c = slot->state;

    if (c->oneshot != NULL && now >= c->meet_ms) {
        give_up(s, slot, ETIMEDOUT);
        return false;
    }
    if (slot->id == 0) {
        if (now - c->since_ms > FORGET_MS)
            give_up(s, slot, 0);
        return false;
    }
    if (c->until_ms != 0 && now >= c->until_ms) {
        give_up(s, slot, EINPROGRESS); /* as socket(7) says of SO_SNDTIMEO */
        return false;
    }
    return true;
}

/* Is the caller still there, and a local connect still full?  (The kernel looks
 * through all notifications for each that is asked for.) */
static bool look_again(struct sup *s, struct sup_slot *slot)
{
    struct connect_state *c = slot->state;
    const uint64_t generation = slot->generation;
    int err;

    if (!sup_valid(s, slot->id)) {
        give_up(s, slot, 0);
        return false;
    }
    if (!c->local)
        return true;
    if (c->trying)
        return false;
    c->trying = true;
    err = local_result(c);
    if (!sup_slot_is(slot, generation))
        return false; /* given up meanwhile */
    c->trying = false;
    if (err == EAGAIN)
        return true;
    sup_answer(s, slot->id, err, 0);
    sup_sockets_drop(s, slot);
    return false;
}

/* End the wait of a caller that has a signal to handle.  The connect goes on
 * without it: the socket is connected now, as a non-blocking one is, since the
 * program may wait for it in poll(2) after EINTR. */
static void look_for_signal(struct sup *s, struct sup_slot *slot)
{
    struct connect_state *c = slot->state;
    int err = sup_park_signal(s, slot->tid, c->until_ms != 0);
    uint64_t id = slot->id;

    if (err == 0)
        return;
    slot->id = 0;
    c->alone = err == EINTR; /* no restart will come */
    if (c->local || (c->met && c->alone))
        sup_sockets_drop(s, slot);
    else if (!c->met)
        sup_sockets_meet(s, slot);
    sup_answer(s, id, err, 0);
}

/* All slots cheaply, and as many as a tick has time for in turn: a program may
 * park as many connects as it likes, and makes only those wait longer. */
void sup_sockets_tick(struct sup *s)
{
    static uint32_t first; /* who has not been looked at for the longest */
    const uint32_t n = sup_slot_count();
    const uint64_t now = srt_clock_ms();
    unsigned looks = 0;

    for (uint32_t i = 0, from = first; i < n; i++) {
        struct sup_slot *slot = sup_slot_at((from + i) % n);
        const struct connect_state *c = slot != NULL ? slot->state : NULL;

        /* Slots go away while we look. */
        if (slot == NULL || slot->kind != SUP_SLOT_CONNECT ||
            !look_at(s, slot, now) || looks == LOOKS)
            continue;
        looks++;
        first = (from + i + 1) % n;
        if (look_again(s, slot) && c->oneshot == NULL &&
            now - c->since_ms >= PARKED_MS)
            look_for_signal(s, slot);
    }
}
