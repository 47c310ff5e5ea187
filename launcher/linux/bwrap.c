#include "launcher/linux/bwrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/macros.h"
#include "shim/config.h"

/* Numbers of descriptors become words of their own. */
struct words {
    struct srt_buf buf; /* each NUL-terminated, as bwrap's --args wants */
};

static void word(struct words *w, const char *text)
{
    srt_buf_add(&w->buf, text, strlen(text) + 1);
}

static void number(struct words *w, int n)
{
    srt_buf_addf(&w->buf, "%d", n);
    srt_buf_add_char(&w->buf, '\0');
}

static void add_words(struct words *w, const char *const *list)
{
    for (; *list != NULL; list++)
        word(w, *list);
}

/* The base, the same for every policy.  /dev/srt stays in bwrap's own tmpfs
 * for /dev and is made read-only at the end. */
static const char *const base_words[] = {
    "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc",
    "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL",
    /* Not before its child can go on: see become_bwrap(). */
    "--die-with-parent",
    /* A working directory from before the plan would see under every mask. */
    "--chdir", "/", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
    "--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "0755", "--tmpfs",
    "/dev/srt", "--dir", BWRAP_MASKS, NULL};

/* POSIX message queues are the IPC namespace's. */
static const char *const mqueue_words[] = {"--mqueue", BWRAP_MQUEUE, NULL};

static const char *const last_words[] = {
    "--perms",      "0700",     "--tmpfs", BWRAP_TMPDIR,
    "--remount-ro", "/dev/srt", NULL};

static void file_word(struct words *w, int fd, const char *where)
{
    if (fd < 0)
        return;
    word(w, "--perms");
    word(w, "0444");
    word(w, "--file");
    number(w, fd);
    word(w, where);
}

bool bwrap_has_mqueue(void)
{
    return access("/proc/sys/fs/mqueue", F_OK) == 0;
}

static int write_args(const struct bwrap_input *in, struct srt_err *err)
{
    SRT_AUTO_FD int fd = memfd_create("srt-bwrap", MFD_CLOEXEC);
    struct words w = {.buf = {0}};
    int rc;

    if (fd < 0) {
        (void)srt_err_sys(err, errno, "memfd_create");
        return -1;
    }
    add_words(&w, base_words);
    if (bwrap_has_mqueue())
        add_words(&w, mqueue_words);
    word(&w, "--ro-bind");
    word(&w, in->init_path);
    word(&w, BWRAP_INIT);
    if (in->shim_path != NULL) {
        word(&w, "--ro-bind");
        word(&w, in->shim_path);
        word(&w, BWRAP_SHIM);
    }
    file_word(&w, in->image_fd, SHIM_IMAGE_PATH);
    file_word(&w, in->shim_fd, SHIM_CONFIG_PATH);
    add_words(&w, last_words);
    rc = srt_fd_write_all(fd, w.buf.data, w.buf.len);
    srt_buf_release(&w.buf);
    if (rc != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        (void)srt_err_sys(err, rc != 0 ? rc : errno, "write bwrap's arguments");
        return -1;
    }
    return srt_fd_take(&fd);
}

static void keep(int fd)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, 0);
}

/* What the terminal or a caller of kill(2) sends to the group is for the
 * command: bwrap would die of it and take the tree along.  Blocked, not
 * ignored: a Ctrl-C before srt-init has become the command waits there, and is
 * the command's when it restores the mask. */
static void block_signals(void)
{
    static const int blocked[] = {SIGINT,  SIGQUIT, SIGTERM, SIGHUP, SIGUSR1,
                                  SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};
    sigset_t set;

    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            (void)signal(s, SIG_DFL);
    (void)sigemptyset(&set);
    for (size_t i = 0; i < SRT_ARRAY_LEN(blocked); i++)
        (void)sigaddset(&set, blocked[i]);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
}

/*
 * In the child: only async-signal-safe calls.
 *
 * No death signal from here.  bwrap's inner process waits for its outer one to
 * let it go (an eventfd that it holds itself), and would wait for ever if that
 * was killed before.  bwrap ties itself to us (--die-with-parent) one system
 * call before it does, its inner process afterwards.  When we die earlier, all
 * of bwrap goes on until srt-init finds nobody on its socket, and ends.
 */
static _Noreturn void become_bwrap(const struct bwrap_input *in, int args_fd,
                                   pid_t parent)
{
    static char *const no_environment[] = {NULL};
    char args[16];
    char config[16];
    char control[16];
    static char name[] = "bwrap";
    static char args_word[] = "--args";
    static char end_word[] = "--";
    static char init_word[] = BWRAP_INIT;
    char *argv[] = {name,      args_word, args,    end_word,
                    init_word, config,    control, NULL};

    if (getppid() != parent)
        _exit(125);
    block_signals();
    if (dup2(in->error_fd, STDERR_FILENO) < 0)
        _exit(125);
    keep(args_fd);
    keep(in->image_fd);
    keep(in->shim_fd);
    keep(in->config_fd);
    keep(in->init_socket);
    keep(in->stderr_fd);
    for (size_t i = 0; i < in->nkeep_fds; i++)
        keep(in->keep_fds[i]);
    (void)setrlimit(RLIMIT_NOFILE, &in->nofile);
    (void)snprintf(args, sizeof(args), "%d", args_fd);
    (void)snprintf(config, sizeof(config), "%d", in->config_fd);
    (void)snprintf(control, sizeof(control), "%d", in->init_socket);
    (void)execve(in->program, argv, no_environment);
    _exit(125);
}

enum srt_rc bwrap_start(const struct bwrap_input *in, pid_t *ret_pid,
                        struct srt_err *err)
{
    SRT_AUTO_FD int args_fd = write_args(in, err);
    const pid_t parent = getpid();
    pid_t pid;

    if (args_fd < 0)
        return SRT_E_SYS;
    /* No copy of our memory for a moment: the child has its own descriptors,
     * dispositions and limits, and writes nowhere but to its stack. */
    pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0)
        become_bwrap(in, args_fd, parent); /* NOLINT: until exec or _exit */
    if (pid < 0)
        return srt_err_sys(err, errno, "vfork");
    *ret_pid = pid;
    return SRT_OK;
}

const char *bwrap_locate(const char *wanted)
{
    static const char *const places[] = {"/usr/bin/bwrap", "/bin/bwrap",
                                         "/usr/local/bin/bwrap"};

    for (size_t i = 0; wanted == NULL && i < SRT_ARRAY_LEN(places); i++)
        if (access(places[i], X_OK) == 0)
            wanted = places[i];
    return wanted;
}

enum srt_rc bwrap_find(const char *wanted, const char **ret,
                       struct srt_err *err)
{
    const char *found = bwrap_locate(wanted);
    struct stat st;

    if (found == NULL)
        return srt_err_set(err, SRT_E_UNSUP,
                           "bubblewrap is not installed; install the package "
                           "bubblewrap (0.8 or newer) or set bwrapPath");
    if (stat(found, &st) != 0)
        return srt_err_sys(err, errno, "bwrap '%s'", found);
    if (!S_ISREG(st.st_mode) || access(found, X_OK) != 0)
        return srt_err_set(err, SRT_E_UNSUP, "bwrap '%s': not executable",
                           found);
    if ((st.st_mode & (S_ISUID | S_ISGID)) != 0)
        return srt_err_set(err, SRT_E_UNSUP,
                           "bwrap '%s' is set-uid; srt wants one without "
                           "(chmod u-s, with user namespaces enabled)",
                           found);
    *ret = found;
    return SRT_OK;
}

/* A sysctl's number, or -1 when this kernel has none. */
static long read_sysctl(const char *path)
{
    char text[32] = "";
    SRT_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return -1;
    return text[0] - '0';
}

static const struct {
    const char *path;
    long bad; /* the first digit that forbids user namespaces */
    const char *mend;
} sysctls[] = {
    {"/proc/sys/user/max_user_namespaces", 0,
     "user.max_user_namespaces is 0: sysctl user.max_user_namespaces=15000"},
    {"/proc/sys/kernel/unprivileged_userns_clone", 0,
     "kernel.unprivileged_userns_clone is 0: sysctl "
     "kernel.unprivileged_userns_clone=1"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
     "AppArmor restricts user namespaces: sysctl "
     "kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile "
     "for bwrap with 'userns,'"},
};

enum srt_rc bwrap_explain(const char *said, struct srt_err *err)
{
    int len = (int)strcspn(said, "\n");
    const bool namespaces = strstr(said, "namespace") != NULL ||
                            strstr(said, "uid map") != NULL;

    if (namespaces)
        for (size_t i = 0; i < SRT_ARRAY_LEN(sysctls); i++)
            if (read_sysctl(sysctls[i].path) == sysctls[i].bad)
                return srt_err_set(err, SRT_E_UNSUP, "%.*s (%s)", len, said,
                                   sysctls[i].mend);
    if (namespaces)
        return srt_err_set(err, SRT_E_UNSUP,
                           "%.*s (user namespaces are refused here: a "
                           "container's rules, or an AppArmor profile without "
                           "\"userns\" for bwrap)",
                           len, said);
    if (len == 0)
        return srt_err_set(err, SRT_E_UNSUP, "bwrap ended during start-up");
    return srt_err_set(err, SRT_E_UNSUP, "%.*s", len, said);
}
