#include "launcher/linux/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"

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
    else if (signo != SIGCONT)
        s->pending = signo;
}

/* Stop as the rest of the group did, until somebody continues us. */
static void stop_self(void)
{
    (void)kill(getpid(), SIGSTOP);
}

static bool is_stopped(pid_t pid)
{
    char path[64];
    char text[256] = "";
    const char *at;
    SRT_AUTO_FD int fd = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return false;
    at = strrchr(text, ')'); /* behind the name, proc_pid_stat(5) */
    return at != NULL && at[1] == ' ' && at[2] == 'T';
}

/* A command that stopped itself ("suspend" of a shell): its parent is the
 * sandbox's pid 1, so nobody tells us; and the shell outside waits for us. */
static void on_look(struct proxy_timer *t)
{
    struct signals *s = SRT_CONTAINER_OF(t, struct signals, look);

    if (is_stopped(s->command))
        stop_self();
    if (!proxy_loop_after(s->watch.loop, &s->look, SIGNALS_LOOK_MS))
        kill_tree(s);
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
     * the session's leader alone, which may be us (tty_ioctl(4)); and nothing
     * reaches a command that is not there yet. */
    if (!from_terminal || signo == SIGHUP || s->command == 0) {
        forward(s, signo);
        if (signo == SIGHUP || signo == SIGTERM)
            forward(s, SIGCONT); /* or a stopped one could not clean up */
    }
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
    s->look.fn = on_look;
    s->watch.fn = on_readable;
    s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0)
        return srt_err_sys(err, errno, "signalfd");
    return proxy_loop_add(loop, &s->watch, s->fd, PROXY_LOOP_READ, err);
}

void signals_command(struct signals *s, pid_t command)
{
    s->command = command;
    if (command > 0 && isatty(STDIN_FILENO) &&
        !proxy_loop_after(s->watch.loop, &s->look, SIGNALS_LOOK_MS))
        kill_tree(s);
    if (s->pending != 0)
        forward(s, s->pending);
    s->pending = 0;
}

void signals_release(struct signals *s)
{
    proxy_loop_cancel(&s->grace);
    proxy_loop_cancel(&s->look);
    proxy_loop_remove(&s->watch);
    srt_fd_close(&s->fd);
    (void)sigprocmask(SIG_SETMASK, &s->before, NULL);
}
