#include "launcher/linux/signals.h"

#include <errno.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"

static const int handled[] = {SIGINT,  SIGQUIT,  SIGTERM, SIGHUP, SIGUSR1,
                              SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT};

void signals_block(struct signals *s)
{
    sigset_t set;

    s->fd = -1;
    s->watch.fd = -1;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < SRT_ARRAY_LEN(handled); i++)
        (void)sigaddset(&set, handled[i]);
    (void)sigaddset(&set, SIGPIPE);
    (void)sigprocmask(SIG_BLOCK, &set, &s->before);
}

static void kill_tree(struct signals *s)
{
    if (s->bwrap > 0)
        (void)kill(s->bwrap, SIGKILL);
}

static void on_grace(struct proxy_timer *t)
{
    kill_tree(SRT_CONTAINER_OF(t, struct signals, grace));
}

static void forward(struct signals *s, int signo)
{
    if (s->command > 0)
        (void)kill(s->command, signo);
    else
        s->pending = signo;
}

/* Stop as the rest of the group did, until somebody continues us. */
static void stop_self(void)
{
    (void)kill(getpid(), SIGSTOP);
}

static void on_signal(struct signals *s, const struct signalfd_siginfo *info)
{
    int signo = (int)info->ssi_signo;
    bool from_terminal = info->ssi_code == SI_KERNEL;

    if (signo == SIGTERM || signo == SIGHUP) {
        if (++s->terms > 1 && !from_terminal) {
            kill_tree(s);
            return;
        }
        if (!proxy_loop_after(s->watch.loop, &s->grace, SIGNALS_GRACE_MS))
            kill_tree(s);
    }
    /* What the terminal sends reaches the whole foreground group, but a hangup
     * the session's leader alone, which may be us (tty_ioctl(4)). */
    if (!from_terminal || signo == SIGHUP)
        forward(s, signo);
    if (signo == SIGTSTP)
        stop_self();
}

static void on_readable(struct proxy_watch *w, unsigned ready)
{
    struct signals *s = SRT_CONTAINER_OF(w, struct signals, watch);
    struct signalfd_siginfo info;

    (void)ready;
    while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(s, &info);
}

enum srt_rc signals_watch(struct signals *s, struct proxy_loop *loop,
                          pid_t bwrap, struct srt_err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < SRT_ARRAY_LEN(handled); i++)
        (void)sigaddset(&set, handled[i]);
    s->bwrap = bwrap;
    s->grace.fn = on_grace;
    s->watch.fn = on_readable;
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0)
        return srt_err_sys(err, errno, "signalfd");
    return proxy_loop_add(loop, &s->watch, s->fd, PROXY_LOOP_READ, err);
}

void signals_command(struct signals *s, pid_t command)
{
    s->command = command;
    if (s->pending != 0)
        forward(s, s->pending);
    s->pending = 0;
}

void signals_release(struct signals *s)
{
    proxy_loop_cancel(&s->grace);
    proxy_loop_remove(&s->watch);
    srt_fd_close(&s->fd);
    (void)sigprocmask(SIG_SETMASK, &s->before, NULL);
}
