#include "launcher/linux/grants.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/path.h"
#include "launcher/linux/bwrap.h"
#include "launcher/streams.h"

/* The sandbox's own, whatever the host has there: no grant of theirs covers a
 * file of the host.  (/dev/shm and /dev/srt/tmp lie below.) */
static const char *const own[] = {"/dev", "/proc"};

static void add_path(struct grants *g, const char *path)
{
    g->paths = srt_xreallocarray(g->paths, g->npaths + 1, sizeof(g->paths[0]));
    g->paths[g->npaths++] = path;
}

static void add_fd(int **list, size_t *n, int fd)
{
    *list = srt_xreallocarray(*list, *n + 1, sizeof(**list));
    (*list)[(*n)++] = fd;
}

static void add_paths(const struct plan *plan, struct grants *g)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(own); i++)
        add_path(g, own[i]);
    /* mq_open(2) does not come by its path: only the superblock's root counts. */
    if (bwrap_has_mqueue())
        add_path(g, BWRAP_MQUEUE);
    for (size_t i = 0; i < plan->nregions; i++)
        if (plan->regions[i].access == PLAN_WRITABLE &&
            plan_access_above(plan, i) != PLAN_WRITABLE)
            add_path(g, plan->regions[i].path);
}

/* ---- one stream ---- */

/* Where the kernel says that the file is; false: nowhere. */
static bool place_of(int fd, char *out, size_t size)
{
    char link[64];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    return out[0] == '/';
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Does a grant cover the path, by any of the names that its directories have
 * (a bind mount is another)? */
static bool is_granted(const struct grants *g, const char *path)
{
    char at[SRT_PATH_MAX];
    char up[SRT_PATH_MAX];

    (void)snprintf(at, sizeof(at), "%s", path);
    for (;;) {
        struct stat here;
        struct stat there;
        const bool known = stat(at, &here) == 0;

        for (size_t i = SRT_ARRAY_LEN(own); i < g->npaths; i++)
            if (strcmp(g->paths[i], at) == 0 ||
                (known && stat(g->paths[i], &there) == 0 &&
                 is_same(&here, &there)))
                return true;
        if (strcmp(at, "/") == 0 || srt_path_split(at, up, sizeof(up)) == NULL)
            return false;
        memcpy(at, up, sizeof(at));
    }
}

/* An input file that Landlock would let be written, and the policy not. */
static bool must_open_again(const struct session_input *in,
                            const struct plan *plan, const struct grants *g,
                            int fd, const struct stat *st)
{
    char path[SRT_PATH_MAX];
    struct stat there;

    /* What has no name any more is nobody's but the program's. */
    if (!S_ISREG(st->st_mode) || st->st_nlink == 0)
        return false;
    /* Nobody judges fchmod(0) and its like there. */
    if (in->level != POLICY_LEVEL_FULL || !place_of(fd, path, sizeof(path)))
        return true;
    if (stat(path, &there) == 0 ? !is_same(st, &there) : errno != EACCES)
        return true; /* it cannot be known where it is */
    return plan_access_at(plan, path) != PLAN_WRITABLE && is_granted(g, path);
}

static enum srt_rc check_output(const struct session_input *in, int fd,
                                const struct stat *st, struct srt_err *err)
{
    static const char *const names[] = {"standard input", "standard output",
                                        "standard error"};
    char path[SRT_PATH_MAX];
    char number[32];
    struct policy_decision d;

    if (!(S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode)) ||
        !place_of(fd, path, sizeof(path)))
        return SRT_OK;
    d = policy_decide_read(in->policy->image, path);
    if (d.verdict == POLICY_ALLOW)
        return SRT_OK;
    (void)snprintf(number, sizeof(number), "--pass-fd %d", fd);
    return srt_err_set(err, SRT_E_CONFIG,
                       "%s is '%s', which may not be read (%s) and could be "
                       "read back: write to it through a pipe (| cat >> FILE)",
                       fd <= 2 ? names[fd] : number, path, d.rule);
}

static enum srt_rc add_stream(const struct session_input *in,
                              const struct plan *plan, struct grants *g, int fd,
                              struct srt_err *err)
{
    const int flags = fcntl(fd, F_GETFL);
    enum srt_rc rc = SRT_OK;
    struct stat st;

    if (flags < 0 || fstat(fd, &st) != 0)
        return srt_err_sys(err, errno, "descriptor %d", fd);
    if (!launcher_streams_writable(fd)) {
        if (must_open_again(in, plan, g, fd, &st))
            add_fd(&g->again, &g->nagain, fd);
        return SRT_OK;
    }
    if ((flags & O_ACCMODE) == O_WRONLY)
        rc = check_output(in, fd, &st, err);
    /* Only what has a path can be reopened: files, FIFOs, terminals and other
     * character devices of the host. */
    if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        add_fd(&g->fds, &g->nfds, fd);
    return rc;
}

enum srt_rc grants_make(const struct session_input *in, const struct plan *plan,
                        struct grants *ret, struct srt_err *err)
{
    enum srt_rc rc = SRT_OK;

    add_paths(plan, ret);
    for (int fd = 0; fd <= 2 && rc == SRT_OK; fd++)
        if ((in->closed_fds & (1u << fd)) == 0)
            rc = add_stream(in, plan, ret, fd, err);
    for (size_t i = 0; i < in->npass_fds && rc == SRT_OK; i++)
        rc = add_stream(in, plan, ret, in->pass_fds[i], err);
    return rc;
}

void grants_release(struct grants *g)
{
    srt_free_ptr(&g->paths);
    srt_free_ptr(&g->fds);
    srt_free_ptr(&g->again);
}
