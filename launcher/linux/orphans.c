/*
 * bwrap's inner process waits for its outer one before it has a death signal.
 * When the launcher is killed in that moment, the outer one dies and the inner
 * one waits for ever, with the command's output open.  Nobody is its parent any
 * more; what tells it apart is srt-init's end of the control socket.
 */
#include "launcher/linux/orphans.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

#ifndef SYS_pidfd_send_signal
# define SYS_pidfd_send_signal 424 /* the same everywhere */
#endif

/* The outer process may still be making the inner one: look again until there
 * was none for a while. */
enum { ROUND_MS = 10, QUIET_ROUNDS = 3, ROUNDS_MAX = 100 };

static bool holds(int process, const char *link)
{
    SRT_AUTO_FD int fd = openat(process, "fd",
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    bool found = false;

    if (d == NULL)
        return false;
    while (!found && (e = readdir(d)) != NULL) { /* NOLINT: own stream */
        char text[64] = "";

        found = readlinkat(fd, e->d_name, text, sizeof(text) - 1) > 0 &&
                strcmp(text, link) == 0;
    }
    (void)srt_fd_take(&fd);
    (void)closedir(d);
    return found;
}

/* A descriptor of /proc/PID stands for the process, whose number may be
 * another's a moment later. */
static bool kill_holders(const char *link)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    bool found = false;

    while (d != NULL && (e = readdir(d)) != NULL) { /* NOLINT: own stream */
        SRT_AUTO_FD int process = -1;

        if (e->d_name[0] < '1' || e->d_name[0] > '9')
            continue;
        process = openat(dirfd(d), e->d_name,
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (process >= 0 && holds(process, link) &&
            syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0)
            found = true;
    }
    if (d != NULL)
        (void)closedir(d);
    return found;
}

static _Noreturn void watch(int alive, const char *link)
{
    const struct timespec round = {.tv_nsec = ROUND_MS * 1000000L};
    char byte;
    ssize_t n;

    (void)setsid();
    if (dup2(alive, STDIN_FILENO) < 0)
        _exit(125);
    (void)syscall(SYS_close_range, 1u, ~0u, 0);
    do
        n = read(STDIN_FILENO, &byte, 1);
    while (n < 0 && errno == EINTR);
    for (int i = 0, quiet = 0; n == 0 && i < ROUNDS_MAX && quiet < QUIET_ROUNDS;
         i++) {
        quiet = kill_holders(link) ? 0 : quiet + 1;
        (void)nanosleep(&round, NULL);
    }
    _exit(0);
}

enum srt_rc orphans_watch(struct orphans *ret, int held, struct srt_err *err)
{
    struct stat st;
    char link[64];
    int ends[2];
    pid_t pid;

    if (fstat(held, &st) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return srt_err_sys(err, errno, "watch the start");
    (void)snprintf(link, sizeof(link), "socket:[%llu]",
                   (unsigned long long)st.st_ino);
    pid = fork();
    if (pid == 0)
        watch(ends[0], link);
    (void)close(ends[0]);
    if (pid < 0) {
        (void)close(ends[1]);
        return srt_err_sys(err, errno, "fork");
    }
    *ret = (struct orphans){.pid = pid, .alive = ends[1]};
    return SRT_OK;
}

void orphans_release(struct orphans *o)
{
    if (o->pid <= 0)
        return;
    (void)send(o->alive, "", 1, MSG_NOSIGNAL);
    srt_fd_close(&o->alive);
    (void)waitpid(o->pid, NULL, 0);
    o->pid = 0;
}
