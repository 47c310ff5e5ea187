/*
 * The supervisor's loop: notifications, the launcher's answers, the end of
 * srt-init.  A crew runs it: what a notified call names may lie on a file
 * system that hangs, and only its caller may wait for that.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "launcher/linux/crew.h"
#include "launcher/linux/filter.h"
#include "launcher/linux/init_config.h"
#include "launcher/linux/queue.h"
#include "launcher/linux/supervisor/supervisor.h"

enum { TICK_MS = 20, STACK_BYTES = 512 << 10, LAST_FLUSHES = 50 };

/* The crew, and what its leader waits for. */
static struct {
    struct crew crew;
    int listener; /* -1 when nobody is left who has the filter; s->listener
                     stays for answers under way */
    int init;     /* -1 when srt-init became the command */
    int wake;     /* eventfd: who does not lead has touched slots or queue */
    uint64_t ticked_ms;
} serving;

void sup_leave(void)
{
    crew_leave(&serving.crew);
}

void sup_return(void)
{
    crew_return(&serving.crew);
}

/* ---- slots ---- */

static struct sup_slot slots[SUP_SLOTS_MAX];
static uint32_t slots_used; /* slots below were used at some time */
static uint64_t generations;
static uint32_t connects;     /* slots of kind SUP_SLOT_CONNECT */
static uint32_t connects_max; /* what descriptors and other calls leave */
static struct queue to_launcher;

/* A connect has the caller's socket, and a Unix path or a listener of ours;
 * crew, callers' paths and what is accepted need some, too. */
static void limit_connects(void)
{
    enum { EACH = 2, RESERVE = 128 };
    struct rlimit r = {0};

    (void)getrlimit(RLIMIT_NOFILE, &r);
    connects_max = SUP_SLOTS_MAX - SUP_SLOTS_REFUSED;
    if (r.rlim_cur < RESERVE + (rlim_t)EACH * connects_max)
        connects_max = r.rlim_cur > RESERVE + EACH
                           ? (uint32_t)((r.rlim_cur - RESERVE) / EACH)
                           : 1;
}

static void warn_once(struct sup *s, bool *warned, const char *text)
{
    static struct channel_msg m;

    if (*warned)
        return;
    *warned = true;
    channel_msg_init(&m, CHANNEL_WARNING, 0, 0);
    (void)channel_msg_add(&m, text);
    sup_send(s, &m, NULL, 0);
}

struct sup_slot *sup_slot_new(struct sup *s, enum sup_slot_kind kind,
                              uint64_t id, pid_t tid)
{
    static bool warned;
    uint32_t i = 0;

    if (kind == SUP_SLOT_CONNECT &&
        connects + to_launcher.nfds >= connects_max) {
        warn_once(s, &warned,
                  "too many connects wait at once: more are "
                  "answered EAGAIN");
        return NULL;
    }
    while (i < slots_used && slots[i].kind != SUP_SLOT_FREE)
        i++;
    if (i == SUP_SLOTS_MAX)
        return NULL;
    if (i == slots_used)
        slots_used++;
    slots[i] = (struct sup_slot){
        .kind = kind, .generation = ++generations, .id = id, .tid = tid};
    connects += kind == SUP_SLOT_CONNECT;
    return &slots[i];
}

void sup_slot_free(struct sup *s, struct sup_slot *slot)
{
    (void)s;
    assert(slot->kind != SUP_SLOT_FREE);
    connects -= slot->kind == SUP_SLOT_CONNECT;
    slot->kind = SUP_SLOT_FREE;
    while (slots_used > 0 && slots[slots_used - 1].kind == SUP_SLOT_FREE)
        slots_used--;
}

uint32_t sup_slot_number(const struct sup *s, const struct sup_slot *slot)
{
    (void)s;
    return (uint32_t)(slot - slots);
}

struct sup_slot *sup_slot_at(uint32_t number)
{
    return number < slots_used ? &slots[number] : NULL;
}

uint32_t sup_slot_count(void)
{
    return slots_used;
}

/* ---- to the launcher ---- */

/* A message that can neither be sent nor wait ends the run, which would wait
 * for it. */
static _Noreturn void lose_launcher(const struct sup *s, int err)
{
    if (err == EPIPE || err == ECONNRESET)
        _exit(0); /* it is gone */
    sup_fail(s->config, "a message of the supervisor", NULL, err);
}

static void flush_queue(struct sup *s)
{
    int err = queue_flush(&to_launcher, s->channel);

    if (err != 0)
        lose_launcher(s, err);
}

void sup_send(struct sup *s, const struct channel_msg *m, const int *fds,
              size_t nfds)
{
    int err = queue_send(&to_launcher, s->channel, m, fds, nfds);

    if (err != 0)
        lose_launcher(s, err);
}

/* ---- to the caller ---- */

void sup_answer(struct sup *s, uint64_t id, int error, int64_t value)
{
    struct seccomp_notif_resp r = {.id = id, .error = -error, .val = value};

    /* ENOENT: the caller died meanwhile. */
    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) != 0 &&
        errno != ENOENT && errno != EINPROGRESS)
        _exit(125);
}

void sup_continue(struct sup *s, uint64_t id)
{
    struct seccomp_notif_resp r = {.id = id,
                                   .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &r) != 0 &&
        errno != ENOENT && errno != EINPROGRESS)
        _exit(125);
}

bool sup_valid(struct sup *s, uint64_t id)
{
    return ioctl(s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

void sup_refuse(struct sup *s, const struct seccomp_notif *n,
                struct channel_msg *m, const struct policy_decision *d)
{
    static bool warned;
    struct sup_slot *slot = sup_slot_new(s, SUP_SLOT_REFUSED, n->id,
                                         (pid_t)n->pid);

    if (slot == NULL) {
        warn_once(s, &warned,
                  "too many refused calls wait at once: some are "
                  "refused without an event");
        sup_answer(s, n->id, m->error, 0);
        return;
    }
    channel_msg_skip_to(m, CHANNEL_RULE);
    (void)channel_msg_add(m, d->rule);
    (void)channel_msg_add(m, d->reason);
    m->type = CHANNEL_REFUSED;
    m->slot = sup_slot_number(s, slot);
    m->generation = slot->generation;
    m->tid = (int32_t)n->pid;
    m->nr = n->data.nr;
    m->allowed = d->verdict == POLICY_ALLOW;
    sup_send(s, m, NULL, 0);
}

/* ---- the loop ---- */

static void on_notification(struct sup *s)
{
    /* The kernel wants the struct zeroed (seccomp_unotify(2)). */
    struct seccomp_notif n = {0};
    const struct filter_row *row;

    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &n) != 0) {
        if (errno == ENOENT || errno == EINTR || errno == EAGAIN)
            return; /* the caller died between poll and receive */
        _exit(125);
    }
    row = filter_row_of(n.data.nr);
    if (row == NULL)
        sup_answer(s, n.id, ENOSYS, 0);
    else if (row->action == FILTER_SOCKET)
        sup_sockets_call(s, &n);
    else if (row->action == FILTER_REFUSE)
        sup_syscalls_refuse(s, &n);
    else
        sup_files_call(s, &n);
}

static void on_answer(struct sup *s, const struct channel_msg *m)
{
    struct sup_slot *slot = sup_slot_at(m->slot);

    if (slot == NULL || slot->generation != m->generation)
        return;
    if (slot->kind == SUP_SLOT_CONNECT) {
        sup_sockets_answer(s, slot, m);
    } else if (slot->kind == SUP_SLOT_REFUSED) {
        sup_answer(s, slot->id, m->error, 0);
        sup_slot_free(s, slot);
    }
}

/* srt-init says why it could not run the command; its end of file means that
 * it could. */
static void on_init(struct sup *s)
{
    static struct channel_msg m;
    struct init_failure f = {0};
    ssize_t n;

    if (serving.init < 0)
        return;
    n = recv(serving.init, &f, sizeof(f), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == (ssize_t)sizeof(f) && f.tag == 'e') {
        char text[1200];

        f.what[sizeof(f.what) - 1] = '\0';
        (void)snprintf(text, sizeof(text), "%s: %s", f.what,
                       strerror(f.error)); /* NOLINT: with the turn */
        channel_msg_init(&m, CHANNEL_FAILED, 0, 0);
        m.error = f.exit_status;
        (void)channel_msg_add(&m, text);
        sup_send(s, &m, NULL, 0);
    }
    srt_fd_close(&serving.init);
}

static void on_channel(struct sup *s)
{
    static struct channel_msg m;
    int fds[SRT_FD_PASS_MAX];
    size_t nfds;
    int n;

    while ((n = channel_recv(s->channel, &m, fds, &nfds, MSG_DONTWAIT)) == 1) {
        for (size_t i = 0; i < nfds; i++)
            srt_fd_close(&fds[i]);
        on_answer(s, &m);
    }
    if (n != 0 && errno == EAGAIN)
        return;
    /* The run is over, or the launcher gone (PDEATHSIG is on its way).  Why
     * nothing ran may be on the way, too. */
    on_init(s);
    for (int i = 0; i < LAST_FLUSHES && to_launcher.head != NULL; i++) {
        struct pollfd p = {.fd = s->channel, .events = POLLOUT};

        (void)poll(&p, 1, QUEUE_AGAIN_MS);
        flush_queue(s);
    }
    _exit(0);
}

static void serve_round(void *ctx)
{
    struct sup *s = ctx;
    struct pollfd p[] = {
        {.fd = serving.listener, .events = POLLIN},
        {.fd = s->channel,
         .events = (short)(POLLIN | (to_launcher.full ? POLLOUT : 0))},
        {.fd = serving.init, .events = POLLIN},
        {.fd = serving.wake, .events = POLLIN},
        {.fd = s->oneshots, .events = POLLIN},
    };
    const bool again = to_launcher.head != NULL && !to_launcher.full;
    const int wait_ms = connects > 0 || again ? TICK_MS : -1;
    uint64_t count;
    int n;

    crew_rest(&serving.crew);
    n = poll(p, SRT_ARRAY_LEN(p), wait_ms);
    crew_resume(&serving.crew);
    if (n < 0 && errno != EINTR)
        _exit(125);
    if (p[3].revents != 0)
        (void)!read(serving.wake, &count, sizeof(count));
    if (p[1].revents != 0 || again)
        flush_queue(s);
    if (p[1].revents != 0)
        on_channel(s);
    if (p[2].revents != 0)
        on_init(s);
    if (p[4].revents != 0)
        sup_oneshots_ready(s);
    if (connects > 0 && srt_clock_ms() - serving.ticked_ms >= TICK_MS) {
        serving.ticked_ms = srt_clock_ms();
        sup_sockets_tick(s);
    }
    if ((p[0].revents & POLLIN) != 0)
        on_notification(s);
    else if (p[0].revents != 0)
        serving.listener = -1;
    if (!crew_leads(&serving.crew)) {
        count = 1;
        (void)!write(serving.wake, &count, sizeof(count));
    }
}

_Noreturn void sup_serve(struct sup *s)
{
    serving.listener = s->listener;
    serving.init = s->config->init;
    serving.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->oneshots = epoll_create1(EPOLL_CLOEXEC);
    if (serving.wake < 0 || s->oneshots < 0)
        sup_fail(s->config, "what the supervisor waits on", NULL, errno);
    limit_connects();
    crew_init(&serving.crew, serve_round, s, STACK_BYTES);
    crew_run(&serving.crew);
    _exit(125);
}
