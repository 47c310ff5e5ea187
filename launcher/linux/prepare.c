#include "launcher/linux/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/macros.h"
#include "launcher/linux/bwrap.h"
#include "launcher/linux/config.h"
#include "launcher/linux/filter.h"
#include "launcher/linux/grants.h"
#include "launcher/linux/ports.h"
#include "shim/config.h"
#include "vendor/compat.h"

/* Out of the way of --pass-fd numbers, which are usually small. */
#define FIRST_FD 64
/* Those, the supervisor's above 100, and some connections. */
#define FILES_MIN 256

static enum srt_rc raise_fd(int *fd, struct srt_err *err)
{
    int high;

    if (*fd < 0)
        return srt_err_sys(err, errno, "descriptors");
    high = srt_fd_dup_above(*fd, FIRST_FD);
    if (high < 0)
        return srt_err_sys(err, errno, "descriptors");
    srt_fd_close(fd);
    *fd = high;
    return SRT_OK;
}

static enum srt_rc raise_pair(int pair[2], struct srt_err *err)
{
    enum srt_rc rc = raise_fd(&pair[0], err);

    return rc == SRT_OK ? raise_fd(&pair[1], err) : rc;
}

static enum srt_rc make_sockets(struct prepare *p, struct srt_err *err)
{
    const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;
    const int bytes = 1 << 20;
    const int on = 1;
    enum srt_rc rc;

    if (socketpair(AF_UNIX, type, 0, p->channel) != 0 ||
        socketpair(AF_UNIX, type, 0, p->init) != 0 ||
        pipe2(p->bwrap_error, O_CLOEXEC) != 0)
        return srt_err_sys(err, errno, "sockets of the run");
    for (int i = 0; i < 2; i++)
        (void)setsockopt(p->channel[i], SOL_SOCKET, SO_SNDBUF, &bytes,
                         sizeof(bytes));
    (void)setsockopt(p->init[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    rc = raise_pair(p->channel, err);
    if (rc == SRT_OK)
        rc = raise_pair(p->init, err);
    if (rc == SRT_OK)
        rc = raise_pair(p->bwrap_error, err);
    return rc;
}

static enum srt_rc memory_file(const void *bytes, size_t len, int *ret,
                               struct srt_err *err)
{
    SRT_AUTO_FD int fd = memfd_create("srt", MFD_CLOEXEC);
    enum srt_rc rc = raise_fd(&fd, err);
    int e;

    if (rc != SRT_OK)
        return rc;
    e = srt_fd_write_all(fd, bytes, len);
    if (e != 0 || lseek(fd, 0, SEEK_SET) != 0)
        return srt_err_sys(err, e != 0 ? e : errno, "memory file");
    *ret = srt_fd_take(&fd);
    return SRT_OK;
}

static enum srt_rc make_shim_files(const struct session_input *in, uint64_t run,
                                   struct prepare *p, struct srt_err *err)
{
    size_t size = policy_image_size(in->policy->image);
    struct shim_config c = {
        .magic = SHIM_CONFIG_MAGIC,
        .mode = in->level == POLICY_LEVEL_FULL ? SHIM_MODE_ANNOTATE
                                               : SHIM_MODE_ROUTE,
        .run = run,
        .socks_port = PORTS_SOCKS,
        .report_port = PORTS_REPORT,
        .image_size = (uint32_t)size,
    };
    enum srt_rc rc = memory_file(in->policy->image, size, &p->image_fd, err);

    if (rc == SRT_OK)
        rc = memory_file(&c, sizeof(c), &p->shim_fd, err);
    return rc;
}

/* A limit of file sizes (ulimit -f) counts for memory files, too: an error that
 * is told, not a death.  The command has the signal as srt was given it. */
static void read_signals(struct config_input *c, bool xfsz_ignored)
{
    sigset_t blocked;

    (void)sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int s = 1; s < INIT_CONFIG_SIGNALS && s < NSIG; s++) {
        struct sigaction a;

        if (s == SIGXFSZ
                ? xfsz_ignored
                : sigaction(s, NULL, &a) == 0 && a.sa_handler == SIG_IGN)
            c->signals_ignored |= UINT64_C(1) << (s - 1);
        if (sigismember(&blocked, s) == 1)
            c->signals_blocked |= UINT64_C(1) << (s - 1);
    }
}

static int compare_ints(const void *a, const void *b)
{
    int x = *(const int *)a;
    int y = *(const int *)b;

    return (x > y) - (x < y);
}

static enum srt_rc make_config(const struct session_input *in,
                               struct prepare *p, struct srt_err *err)
{
    const char *path = launcher_environment_get(in->environment, "PATH");
    const struct filter_options o = {
        .listener = in->level == POLICY_LEVEL_FULL,
        .notify_reads = p->plain_masks,
    };
    struct filter_program program = filter_program_for(&o);
    struct grants g = {0};
    struct config_input c = {
        .cwd = in->cwd,
        .argv = in->argv,
        .env = in->environment->at,
        .path = path != NULL ? path : "/usr/bin:/bin",
        .filter = program.at,
        .filter_len = program.n,
        .landlock_abi = p->landlock_abi,
        .listener = o.listener,
        .closed_fds = in->closed_fds,
        .stderr_fd = p->stderr_fd,
        .nofile = p->nofile,
    };
    int keep[LAUNCHER_OPTIONS_MAX_LIST];
    mode_t mask = umask(0);
    enum srt_rc rc = grants_make(in, &p->plan, &g, err);

    (void)umask(mask);
    c.umask = mask;
    memcpy(keep, in->pass_fds, in->npass_fds * sizeof(keep[0]));
    if (in->npass_fds > 1)
        qsort(keep, in->npass_fds, sizeof(keep[0]), compare_ints);
    c.keep_fds = keep;
    c.nkeep_fds = in->npass_fds;
    c.grant_paths = g.paths;
    c.ngrant_paths = g.npaths;
    c.grant_fds = g.fds;
    c.ngrant_fds = g.nfds;
    c.again_fds = g.again;
    c.nagain_fds = g.nagain;
    read_signals(&c, p->xfsz_ignored);
    if (rc == SRT_OK)
        rc = config_write(&c, &p->config_fd, err);
    grants_release(&g);
    return rc == SRT_OK ? raise_fd(&p->config_fd, err) : rc;
}

static enum srt_rc raise_limits(struct prepare *p, struct srt_err *err)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &p->nofile) != 0)
        return srt_err_sys(err, errno, "getrlimit");
    if (p->nofile.rlim_max < FILES_MIN)
        return srt_err_set(err, SRT_E_UNSUP,
                           "the limit of open files is %llu; srt needs %d "
                           "(ulimit -Hn)",
                           (unsigned long long)p->nofile.rlim_max, FILES_MIN);
    r = p->nofile;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
    return SRT_OK;
}

static enum srt_rc look_at_kernel(const struct session_input *in,
                                  struct prepare *p, struct srt_err *err)
{
    SRT_AUTO_FD int v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool masked = false;

    for (size_t i = 0; i < p->plan.nregions; i++)
        masked |= p->plan.regions[i].access == PLAN_MASKED;
    p->ipv6 = v6 >= 0 && access("/proc/net/if_inet6", F_OK) == 0;
    p->fuse = masked && !in->force_plain_masks &&
              in->level == POLICY_LEVEL_FULL &&
              access("/dev/fuse", R_OK | W_OK) == 0;
    p->plain_masks = masked && !p->fuse;
    /* Also without rules for files: no other wall keeps the command from
     * ptrace(2) on the sandbox's pid 1, which has no filter. */
    p->landlock_abi = vnd_landlock_abi();
    if (p->landlock_abi < 2)
        return srt_err_set(err, SRT_E_UNSUP,
                           "this kernel has no Landlock (ABI 2, Linux 5.19): "
                           "boot with lsm=landlock,... or a newer kernel");
    return SRT_OK;
}

enum srt_rc prepare_make(const struct session_input *in, uint64_t run,
                         struct prepare *ret, struct srt_err *err)
{
    struct prepare p = {.image_fd = -1,
                        .shim_fd = -1,
                        .config_fd = -1,
                        .channel = {-1, -1},
                        .init = {-1, -1},
                        .bwrap_error = {-1, -1},
                        .stderr_fd = -1,
                        .xfsz_ignored = signal(SIGXFSZ, SIG_IGN) == SIG_IGN};
    enum srt_rc rc = plan_make(in->policy, &p.plan, err);

    if (rc == SRT_OK)
        rc = look_at_kernel(in, &p, err);
    if (rc == SRT_OK && p.plain_masks &&
        plan_access_at(&p.plan, in->cwd) == PLAN_MASKED)
        rc = srt_err_set(err, SRT_E_UNSUP,
                         "the working directory %s is denied by %s, and "
                         "without FUSE nothing can start there; use --cwd",
                         in->cwd,
                         policy_decide_read(in->policy->image, in->cwd).rule);
    if (rc == SRT_OK)
        rc = raise_limits(&p, err);
    if (rc == SRT_OK)
        rc = make_sockets(&p, err);
    if (rc == SRT_OK) {
        p.stderr_fd = srt_fd_dup_above(STDERR_FILENO, FIRST_FD);
        rc = make_shim_files(in, run, &p, err);
    }
    if (rc == SRT_OK)
        rc = make_config(in, &p, err);
    if (rc == SRT_OK)
        *ret = p;
    else
        prepare_release(&p);
    return rc;
}

void prepare_release(struct prepare *p)
{
    int *const fds[] = {&p->image_fd,   &p->shim_fd,        &p->config_fd,
                        &p->channel[0], &p->channel[1],     &p->init[0],
                        &p->init[1],    &p->bwrap_error[0], &p->bwrap_error[1],
                        &p->stderr_fd};

    for (size_t i = 0; i < SRT_ARRAY_LEN(fds); i++)
        srt_fd_close(fds[i]);
    plan_release(&p->plan);
}
