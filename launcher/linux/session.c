/*
 * A run, from the first process to the last.
 *
 * The loop watches the channel to the supervisor, a signalfd and an eventfd
 * (messages queued by other threads).  The run is over when bwrap's outer
 * process has ended: it carries the command's exit status, and its death ends
 * the sandbox's pid 1 and with it every process inside.
 */
#include "launcher/linux/session.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "launcher/linux/annotation.h"
#include "launcher/linux/bwrap.h"
#include "launcher/linux/masks.h"
#include "launcher/linux/prepare.h"
#include "launcher/linux/queue.h"
#include "launcher/linux/refusal.h"
#include "launcher/linux/report.h"
#include "launcher/linux/route.h"
#include "launcher/linux/signals.h"
#include "launcher/linux/start.h"
#include "launcher/linux/supervisor/supervisor.h"
#include "vendor/compat.h"

/* How long the supervisor may take to pass on why nothing ran. */
#define REASON_WAIT_MS 2000u
/* How long a killed process may take to die. */
#define DEATH_WAIT_MS 500

struct session_private {
    struct session *session; /* whose it is */
    struct prepare p;
    struct refusal *refusal;
    struct route *route;
    struct masks *masks;
    struct report *report;
    struct signals signals;
    struct proxy_watch channel, wake;
    struct proxy_watch child_watch;
    int wake_fd, child_fd;
    pid_t bwrap;
    bool bwrap_done, supervisor_done, ready, failed;
    int status;           /* of srt, when the run is over */
    struct srt_err err;   /* when failed */
    pthread_mutex_t lock; /* for the queue */
    struct queue queue;
    int queue_err;            /* of a message that could not be queued */
    struct proxy_timer again; /* flush the queue */
};

static void fail_run(struct session *s, int status, const char *text)
{
    struct session_private *p = s->priv;

    if (p->failed)
        return;
    p->failed = true;
    p->status = status;
    (void)srt_err_set(&p->err, SRT_E_UNSUP, "%s", text);
    if (!p->bwrap_done)
        (void)kill(p->bwrap, SIGKILL);
}

/* ---- to the supervisor ---- */

void session_send(struct session *s, const struct channel_msg *m)
{
    struct session_private *p = s->priv;
    uint64_t one = 1;
    bool rests;
    int err;

    /* At once where the socket has room: a program waits for most of them. */
    (void)pthread_mutex_lock(&p->lock);
    err = queue_send(&p->queue, p->p.channel[0], m, NULL, 0);
    if (err != 0)
        p->queue_err = err;
    rests = err != 0 || p->queue.n > 0;
    (void)pthread_mutex_unlock(&p->lock);
    if (rests)
        (void)!write(p->wake_fd, &one, sizeof(one));
}

/* Send what is queued as far as the socket takes it. */
static void flush_queue(struct session *s)
{
    struct session_private *p = s->priv;
    bool full;
    bool waits;
    int err;

    (void)pthread_mutex_lock(&p->lock);
    err = p->queue_err;
    if (err == 0)
        err = queue_flush(&p->queue, p->p.channel[0]);
    if (err != 0)
        queue_clear(&p->queue);
    full = p->queue.full;
    waits = p->queue.head != NULL && !full;
    (void)pthread_mutex_unlock(&p->lock);
    proxy_loop_set(&p->channel,
                   PROXY_LOOP_READ | (full ? PROXY_LOOP_WRITE : 0u));
    if (waits && !proxy_loop_after(s->loop, &p->again, QUEUE_AGAIN_MS))
        err = ENOMEM;
    /* Where the supervisor is gone, its end of file says so. */
    if (err != 0 && err != EPIPE && err != ECONNRESET) {
        struct srt_err why;

        (void)srt_err_sys(&why, err, "a message to the supervisor");
        fail_run(s, 125, why.msg);
    }
}

static void on_wake(struct proxy_watch *w, unsigned ready)
{
    uint64_t count;

    (void)ready;
    (void)!read(w->fd, &count, sizeof(count));
    flush_queue(SRT_CONTAINER_OF(w, struct session_private, wake)->session);
}

static void on_again(struct proxy_timer *t)
{
    flush_queue(SRT_CONTAINER_OF(t, struct session_private, again)->session);
}

/* ---- from the supervisor ---- */

/* A child of the process, but not `skip`; 0: there is none. */
static pid_t child_of(pid_t pid, pid_t skip)
{
    char path[64];
    char text[64] = "";
    SRT_AUTO_FD int fd = -1;
    char *at = text;
    pid_t found;
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    do
        found = (pid_t)strtol(at, &at, 10);
    while (found != 0 && found == skip);
    return found;
}

static void on_sockets(struct session *s, const struct channel_msg *m, int *fds,
                       size_t nfds)
{
    struct session_private *p = s->priv;
    struct srt_err err;

    if (nfds != CHANNEL_SOCKET_COUNT) {
        fail_run(s, 125, "the supervisor sent too few sockets");
        return;
    }
    s->diag_fd = srt_fd_take(&fds[CHANNEL_DIAG]);
    if (s->in->level != POLICY_LEVEL_FULL &&
        report_new(s, srt_fd_take(&fds[CHANNEL_REPORT]), &p->report, &err) !=
            SRT_OK)
        fail_run(s, 125, err.msg);
    if (route_sockets(p->route, m, fds, nfds, &err) != SRT_OK)
        fail_run(s, 125, err.msg);
}

static void on_mask(struct session *s, int *fds, size_t nfds)
{
    struct session_private *p = s->priv;
    static struct channel_msg m;
    struct srt_err err;

    if (nfds != 1 ||
        masks_new(s, srt_fd_take(&fds[0]), &p->masks, &err) != SRT_OK) {
        fail_run(s, 125, nfds == 1 ? err.msg : "the supervisor sent no mask");
        return;
    }
    channel_msg_init(&m, CHANNEL_MASK_SERVED, 0, 0);
    session_send(s, &m);
    flush_queue(s);
}

static void on_ready(struct session *s, const struct channel_msg *m)
{
    struct session_private *p = s->priv;

    s->init_pid = m->tid;
    p->ready = true;
    /* The sandbox's pid 1 has one child: srt-init, which became the command. */
    signals_command(&p->signals, child_of(s->init_pid, 0));
}

static void dispatch(struct session *s, const struct channel_msg *m, int *fds,
                     size_t nfds)
{
    struct session_private *p = s->priv;

    switch (m->type) {
    case CHANNEL_FAILED:
        fail_run(s, m->error != 0 ? m->error : 125,
                 channel_msg_text(m, CHANNEL_TEXT));
        break;
    case CHANNEL_SOCKETS:
        on_sockets(s, m, fds, nfds);
        break;
    case CHANNEL_MASK:
        on_mask(s, fds, nfds);
        break;
    case CHANNEL_READY:
        on_ready(s, m);
        break;
    case CHANNEL_REFUSED:
        refusal_handle(p->refusal, m);
        break;
    case CHANNEL_CONNECT:
    case CHANNEL_CANCEL:
    case CHANNEL_TUNNEL:
        route_handle(p->route, m, fds, nfds);
        break;
    case CHANNEL_WARNING:
        events_store_warning(s->events, "%s",
                             channel_msg_text(m, CHANNEL_TEXT));
        break;
    default:
        break;
    }
}

/* One message; false when there is none, or the supervisor is gone. */
static bool receive(struct session *s)
{
    struct session_private *p = s->priv;
    static struct channel_msg m;
    int fds[SRT_FD_PASS_MAX];
    size_t nfds;
    int n = channel_recv(p->p.channel[0], &m, fds, &nfds, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        proxy_loop_remove(&p->channel);
        p->supervisor_done = true;
        if (!p->bwrap_done && p->ready)
            fail_run(s, 125, "the supervisor died: the run is ended");
        return false;
    }
    if (n < 0)
        return false;
    dispatch(s, &m, fds, nfds);
    for (size_t i = 0; i < nfds; i++)
        srt_fd_close(&fds[i]);
    return true;
}

static void on_channel(struct proxy_watch *w, unsigned ready)
{
    struct session *s =
        SRT_CONTAINER_OF(w, struct session_private, channel)->session;

    if ((ready & PROXY_LOOP_WRITE) != 0)
        flush_queue(s);
    for (int i = 0; i < 64 && receive(s); i++)
        ;
}

/* ---- the end ---- */

static void on_child(struct proxy_watch *w, unsigned ready)
{
    struct session_private *p = SRT_CONTAINER_OF(w, struct session_private,
                                                 child_watch);
    struct session *s = p->session;
    int status;

    (void)ready;
    if (waitpid(p->bwrap, &status, WNOHANG) != p->bwrap)
        return;
    proxy_loop_remove(w);
    p->bwrap_done = true;
    if (!p->failed)
        p->status = WIFEXITED(status) ? WEXITSTATUS(status)
                                      : 128 + WTERMSIG(status);
    proxy_loop_stop(s->loop);
}

/* 125, 126, 127: srt-init's statuses, or the command's own. */
static bool may_be_ours(int status)
{
    return status >= 125 && status <= 127;
}

/* bwrap ended before the command ran: its own words say why. */
static enum srt_rc explain_failure(struct session *s, struct srt_err *err)
{
    struct session_private *p = s->priv;
    char said[1024] = "";
    struct pollfd poll_fd = {.fd = p->p.bwrap_error[0], .events = POLLIN};

    if (p->failed) {
        *err = p->err;
        return err->rc;
    }
    srt_fd_close(&p->p.bwrap_error[1]);
    if (poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) != 0)
        (void)!read(p->p.bwrap_error[0], said, sizeof(said) - 1);
    return bwrap_explain(said, err);
}

/* What the supervisor still said about refused calls belongs to the run.  And
 * where the command may never have run, the reason: srt-init told it before it
 * ended, but the supervisor may not have passed it on yet.  It does, and ends,
 * when nothing more comes from us. */
static void drain(struct session *s)
{
    struct session_private *p = s->priv;
    const bool wanted = !p->failed && (!p->ready || may_be_ours(p->status));
    struct pollfd poll_fd = {.fd = p->p.channel[0], .events = POLLIN};
    const uint64_t until = srt_clock_ms() + REASON_WAIT_MS;

    if (wanted)
        (void)shutdown(p->p.channel[0], SHUT_WR);
    while (!p->supervisor_done) {
        uint64_t now;

        if (receive(s))
            continue;
        now = srt_clock_ms();
        if (p->supervisor_done || p->failed || !wanted || now >= until ||
            poll(&poll_fd, 1, (int)(until - now)) <= 0)
            break;
    }
}

static int pidfd(pid_t pid)
{
    return vnd_pidfd_open_process(pid);
}

/* False: it does not die, as one that waits for a file system which hangs; it
 * can do nothing any more, and ends when that answers. */
static bool kill_and_reap(pid_t pid)
{
    SRT_AUTO_FD int fd = pidfd(pid);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    (void)kill(pid, SIGKILL);
    if (fd >= 0 && poll(&p, 1, DEATH_WAIT_MS) == 0)
        return false;
    return waitpid(pid, NULL, 0) == pid;
}

/* bwrap's inner process outlives its outer one where that died early (before
 * PR_SET_PDEATHSIG of the inner one): it is ours then, as the subreaper. */
static void kill_orphans(pid_t stuck)
{
    pid_t pid;

    while ((pid = child_of(getpid(), stuck)) > 0)
        if (!kill_and_reap(pid))
            return;
}

/* TIOCEXCL inside would keep the next to open the terminal out (ioctl_tty(2)). */
static void open_terminal_again(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (isatty(fd) == 1)
            (void)ioctl(fd, TIOCNXCL);
}

static void end(struct session *s)
{
    struct session_private *p = s->priv;

    open_terminal_again();
    kill_orphans(
        s->supervisor > 0 && !kill_and_reap(s->supervisor) ? s->supervisor : 0);
    refusal_free(p->refusal);
    masks_free(p->masks);
    report_free(p->report);
    route_free(p->route);
    signals_release(&p->signals);
    if (s->loop != NULL)
        proxy_loop_cancel(&p->again);
    proxy_loop_free(s->loop);
    queue_clear(&p->queue);
    srt_fd_close(&p->wake_fd);
    srt_fd_close(&p->child_fd);
    srt_fd_close(&s->diag_fd);
    prepare_release(&p->p);
    (void)pthread_mutex_destroy(&p->lock);
}

/* ---- the beginning ---- */

static enum srt_rc start_processes(struct session *s, struct srt_err *err)
{
    struct session_private *p = s->priv;
    const struct bwrap_input b = {
        .program = s->in->bwrap,
        .init_path = s->in->init_path,
        .shim_path = s->in->shim_path,
        .image_fd = p->p.image_fd,
        .shim_fd = p->p.shim_fd,
        .config_fd = p->p.config_fd,
        .init_socket = p->p.init[1],
        .error_fd = p->p.bwrap_error[1],
        .stderr_fd = p->p.stderr_fd,
        .keep_fds = s->in->pass_fds,
        .nkeep_fds = s->in->npass_fds,
        .closed_fds = s->in->closed_fds,
        .nofile = p->p.nofile,
    };
    const struct sup_config c = {
        .image = s->policy->image,
        .policy = s->policy,
        .plan = s->plan,
        .launcher = p->p.channel[1],
        .init = p->p.init[0],
        .launcher_pid = getpid(),
        .root = geteuid() == 0,
        .listener = s->in->level == POLICY_LEVEL_FULL,
        .fuse = p->p.fuse,
        .plain_masks = p->p.plain_masks,
        .ipv6 = p->p.ipv6,
    };
    enum srt_rc rc;

    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    rc = bwrap_start(&b, &p->bwrap, err);
    if (rc != SRT_OK)
        return rc;
    srt_fd_close(&p->p.init[1]);
    srt_fd_close(&p->p.bwrap_error[1]);
    s->supervisor = fork();
    if (s->supervisor == 0)
        sup_main(&c);
    if (s->supervisor < 0) {
        (void)kill(p->bwrap, SIGKILL);
        return srt_err_sys(err, errno, "fork");
    }
    srt_fd_close(&p->p.channel[1]);
    srt_fd_close(&p->p.init[0]);
    return SRT_OK;
}

static enum srt_rc start_watching(struct session *s, struct srt_err *err)
{
    struct session_private *p = s->priv;
    enum srt_rc rc;

    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->child_fd = pidfd(p->bwrap);
    if (p->wake_fd < 0 || p->child_fd < 0)
        return srt_err_sys(err, errno, "watch the run");
    rc = proxy_loop_add(s->loop, &p->channel, p->p.channel[0], PROXY_LOOP_READ,
                        err);
    if (rc == SRT_OK)
        rc = proxy_loop_add(s->loop, &p->wake, p->wake_fd, PROXY_LOOP_READ,
                            err);
    if (rc == SRT_OK)
        rc = proxy_loop_add(s->loop, &p->child_watch, p->child_fd,
                            PROXY_LOOP_READ, err);
    if (rc == SRT_OK)
        rc = signals_watch(&p->signals, s->loop, p->bwrap, err);
    return rc;
}

static enum srt_rc start(struct session *s, struct srt_err *err)
{
    struct session_private *p = s->priv;
    enum srt_rc rc = start_processes(s, err);

    if (rc == SRT_OK)
        rc = proxy_loop_new(&s->loop, err);
    if (rc == SRT_OK)
        rc = route_new(s, &p->route, err);
    if (rc == SRT_OK)
        rc = start_watching(s, err);
    if (rc == SRT_OK)
        rc = refusal_new(s, &p->refusal, err);
    if (rc == SRT_OK)
        start_tell(s, &p->p);
    return rc;
}

enum srt_rc session_run(const struct session_input *in, int *ret_status,
                        struct srt_err *err)
{
    struct session_private p = {.channel = {.fn = on_channel, .fd = -1},
                                .wake = {.fn = on_wake, .fd = -1},
                                .child_watch = {.fn = on_child, .fd = -1},
                                .again = {.fn = on_again},
                                .wake_fd = -1,
                                .child_fd = -1,
                                .status = 125};
    struct session s = {.in = in,
                        .policy = in->policy,
                        .plan = &p.p.plan,
                        .events = in->events,
                        .diag_fd = -1,
                        .priv = &p};
    enum srt_rc rc;

    *ret_status = 125; /* never 0 when nothing ran */
    p.session = &s;
    (void)pthread_mutex_init(&p.lock, NULL);
    if (getrandom(&s.run, sizeof(s.run), 0) != (ssize_t)sizeof(s.run))
        return srt_err_sys(err, errno, "getrandom");
    annotation_set_run(s.run);
    rc = prepare_make(in, s.run, &p.p, err);
    if (rc != SRT_OK)
        return rc;
    signals_block(&p.signals);
    rc = start(&s, err);
    if (rc == SRT_OK)
        rc = proxy_loop_run(s.loop, err);
    if (rc == SRT_OK) {
        drain(&s);
        if (p.failed || !p.ready)
            rc = explain_failure(&s, err);
    } else if (p.bwrap > 0) {
        (void)kill(p.bwrap, SIGKILL);
        (void)waitpid(p.bwrap, NULL, 0);
    }
    end(&s);
    *ret_status = p.status;
    if (rc != SRT_OK && !(p.failed && (p.status == 126 || p.status == 127)))
        *ret_status = 125;
    return rc;
}
