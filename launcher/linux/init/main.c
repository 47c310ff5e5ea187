/*
 * srt-init CONFIG_FD SOCKET_FD: the order of steps is that of init_config.h.
 * Everything it is told came from the launcher; everything it does after the
 * filter is loaded is mediated like any other program's doing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/linux/init/init.h"

#define STREAM_WORDS                                                           \
 "an input file may not be written and must be opened again inside, which "    \
 "fails; hand it in through a pipe (cat FILE |):"

static int control = -1; /* socket to the supervisor */

const char *init_text(const struct init_config *c, uint32_t offset)
{
    return (const char *)c + offset;
}

/* Tell the supervisor what failed, and end. */
static _Noreturn void fail(int status, const char *what, const char *path,
                           int err)
{
    struct init_failure f = {
        .tag = 'e', .exit_status = (uint8_t)status, .error = err};

    if (path != NULL)
        (void)snprintf(f.what, sizeof(f.what), "%s '%s'", what, path);
    else
        (void)snprintf(f.what, sizeof(f.what), "%s", what);
    (void)send(control, &f, sizeof(f), MSG_NOSIGNAL);
    _exit(status);
}

/* Send one byte, with a descriptor or with our credentials. */
static void say(char byte, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control_data;
    struct iovec io = {.iov_base = &byte, .iov_len = 1};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control_data.bytes};
    struct ucred me = {.pid = getpid(), .uid = getuid(), .gid = getgid()};
    const void *data = fd >= 0 ? (const void *)&fd : (const void *)&me;
    size_t n = fd >= 0 ? sizeof(fd) : sizeof(me);
    struct cmsghdr *h;

    memset(&control_data, 0, sizeof(control_data));
    m.msg_controllen = CMSG_SPACE(n);
    h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = fd >= 0 ? SCM_RIGHTS : SCM_CREDENTIALS;
    h->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(h), data, n);
    if (sendmsg(control, &m, MSG_NOSIGNAL) != 1)
        _exit(125); /* the supervisor is gone, and so is the run */
}

static void await(char want)
{
    char byte;
    ssize_t n;

    do
        n = recv(control, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1 || byte != want)
        _exit(125);
}

static const struct init_config *map_config(int fd)
{
    struct stat st;
    const struct init_config *c;

    if (fstat(fd, &st) != 0 || (size_t)st.st_size < sizeof(*c))
        return NULL;
    c = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (c == MAP_FAILED || c->magic != INIT_CONFIG_MAGIC ||
        c->size != (uint64_t)st.st_size)
        return NULL;
    (void)close(fd);
    return c;
}

/* argv or env: pointers to consecutive strings, NULL-terminated. */
static char **string_list(const struct init_config *c, uint32_t offset,
                          uint32_t count)
{
    char **list = calloc((size_t)count + 1, sizeof(*list));
    uintptr_t at = (uintptr_t)c + offset;

    if (list == NULL)
        fail(125, "srt-init: out of memory", NULL, ENOMEM);
    for (uint32_t i = 0; i < count; i++) {
        list[i] = (char *)at;
        at += strlen(list[i]) + 1;
    }
    return list;
}

/* Dispositions and mask as srt was started with (signal(7): ignored ones stay
 * ignored across execve). */
static void restore_signals(const struct init_config *c)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    for (int s = 1; s < INIT_CONFIG_SIGNALS; s++) {
        uint64_t bit = UINT64_C(1) << (s - 1);

        if (s != SIGKILL && s != SIGSTOP)
            (void)signal(s,
                         (c->signals_ignored & bit) != 0 ? SIG_IGN : SIG_DFL);
        if ((c->signals_blocked & bit) != 0)
            (void)sigaddset(&mask, s);
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

/*
 * A file on a stream stands on a mount of the host's.  Here, before the plan,
 * the same path leads to the same file on the sandbox's own mount, which is
 * read-only: what stands there cannot be written by any way that /proc knows.
 */
static void open_again(int fd)
{
    char link[32];
    char target[4096];
    struct stat a;
    struct stat b;
    struct statvfs mount;
    int flags = fcntl(fd, F_GETFL);
    int again;
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    again = open(target, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (flags < 0 || again < 0 || fstat(fd, &a) != 0 || fstat(again, &b) != 0)
        fail(125, STREAM_WORDS, target, errno);
    if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        fail(125, STREAM_WORDS, target, ESTALE);
    if (fstatvfs(again, &mount) != 0 || (mount.f_flag & ST_RDONLY) == 0)
        fail(125, STREAM_WORDS, target, ENOTSUP);
    if (lseek(again, lseek(fd, 0, SEEK_CUR), SEEK_SET) < 0 ||
        fcntl(again, F_SETFL, flags) != 0 || dup2(again, fd) < 0)
        fail(125, STREAM_WORDS, target, errno);
    (void)close(again);
}

static void open_streams_again(const struct init_config *c)
{
    const int32_t *fds = (const void *)((const char *)c + c->again_fds);

    for (uint32_t i = 0; i < c->nagain_fds; i++)
        open_again(fds[i]);
}

/* What stays open would be the command's. */
static void close_range_of(unsigned from, unsigned to)
{
    if (from <= to && syscall(SYS_close_range, from, to, 0) != 0)
        fail(125, "close_range", NULL, errno);
}

/* Close everything above 2 but the --pass-fd numbers; the control socket goes
 * with execve. */
static void close_others(const struct init_config *c)
{
    const int32_t *keep = (const void *)((const char *)c + c->keep_fds);
    int top = 2;

    /* keep_fds is sorted; one of them may be our socket's number, which the
     * launcher avoided. */
    for (uint32_t i = 0; i <= c->nkeep_fds; i++) {
        unsigned from = (unsigned)top + 1;
        unsigned to = i < c->nkeep_fds ? (unsigned)keep[i] - 1 : ~0U;

        if (control >= (int)from && (unsigned)control <= to) {
            close_range_of(from, (unsigned)control - 1);
            from = (unsigned)control + 1;
        }
        close_range_of(from, to);
        if (i < c->nkeep_fds)
            top = keep[i];
    }
    (void)fcntl(control, F_SETFD, FD_CLOEXEC);
}

static void close_closed(const struct init_config *c)
{
    for (int fd = 0; fd <= 2; fd++)
        if ((c->closed_fds & (1u << fd)) != 0)
            (void)close(fd);
}

/* execvp(3) with the PATH of the new environment, and the shells' statuses:
 * 127 not found, 126 found and not executable. */
static _Noreturn void run(const struct init_config *c, char **argv, char **env)
{
    const char *path = init_text(c, c->path);
    int err = ENOENT;
    char full[4096];

    if (argv[0] != NULL && strchr(argv[0], '/') != NULL) {
        (void)execve(argv[0], argv, env);
        err = errno;
        path = "";
    } else if (argv[0] == NULL || argv[0][0] == '\0') {
        path = "";
    }
    while (*path != '\0') {
        size_t n = strcspn(path, ":");
        int len = snprintf(full, sizeof(full), "%.*s%s%s", (int)n, path,
                           n > 0 ? "/" : "", argv[0]);

        if (len > 0 && (size_t)len < sizeof(full)) {
            (void)execve(full, argv, env);
            if (errno != ENOENT && errno != ENOTDIR)
                err = errno;
        }
        path += n + (path[n] == ':');
    }
    fail(err == ENOENT || err == ENOTDIR ? 127 : 126, "cannot run", argv[0],
         err);
}

int main(int argc, char **argv)
{
    const struct init_config *c;
    const char *what;
    struct rlimit files;
    int listener;
    int err;

    if (argc != 3)
        return 125;
    control = (int)strtol(argv[2], NULL, 10);
    c = map_config((int)strtol(argv[1], NULL, 10));
    if (c == NULL)
        fail(125, "srt-init: no configuration", NULL, EINVAL);
    /* bwrap's own messages went to the launcher; the command's go out. */
    if (c->stderr_fd >= 0 && dup2(c->stderr_fd, STDERR_FILENO) < 0)
        fail(125, "srt-init: standard error", NULL, errno);
    open_streams_again(c);
    say('h', -1);
    await('m');
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        fail(125, "no_new_privs", NULL, errno);
    err = init_landlock(c, &what);
    if (err != 0)
        fail(125, "Landlock", what, err);
    /* Allocate now: afterwards every call is mediated. */
    char **command = string_list(c, c->argv, c->argc);
    char **env = string_list(c, c->env, c->envc);

    err = init_filter(c, &listener);
    if (err == EBUSY) /* one listener a process tree, seccomp(2) */
        fail(125,
             "seccomp: a listener is there already (a container or debugger "
             "has it); run srt outside, or with --level preload",
             NULL, err);
    if (err != 0)
        fail(125, "seccomp", NULL, err);
    say(listener >= 0 ? 'l' : 'n', listener);
    if (listener >= 0)
        (void)close(listener);
    await('g');
    if (chdir(init_text(c, c->cwd)) != 0)
        fail(125, "working directory", init_text(c, c->cwd), errno);
    files.rlim_cur = c->nofile_cur;
    files.rlim_max = c->nofile_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    (void)umask((mode_t)c->umask);
    restore_signals(c);
    close_others(c);
    close_closed(c);
    run(c, command, env);
}
