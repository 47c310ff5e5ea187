/*
 * The FUSE server for denied paths.  One thread answers the requests of one
 * superblock, which the supervisor mounts over each masked region:
 *
 *   LOOKUP   a name on the way to something revealed: a directory that lasts;
 *            any other: what the host says (ENOENT ...), or EACCES
 *   ACCESS, OPEN, OPENDIR   EACCES
 *   GETATTR, STATFS, xattr reads   answered without event
 *
 * EACCES comes with an event if a process of the sandbox asked and the host
 * would have let it through; the event is recorded before the answer is
 * written.  Whatever goes wrong here, the answer is never a grant: with the
 * thread gone requests fail with ENOTCONN, and below lies an unreadable mount.
 *
 * The kernel names the asking thread in the pid namespace of whoever mounted,
 * which is the host's.
 */
#include "launcher/linux/masks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "launcher/linux/masks_parts.h"
#include "launcher/linux/process.h"
#include "policy/suggest.h"

/* Not in Debian 12's header. */
#define OP_STATX 52u

/* What is never answered differently: mounts rest on these names. */
#define FOREVER_S (UINT64_C(1) << 30)

/* Until the superblock exists, reading its descriptor fails. */
#define NOT_MOUNTED_WAIT_MS 1

#define REQUEST_BYTES ((size_t)64 << 10)
#define STACK_BYTES   ((size_t)256 << 10)

struct masks {
    struct session *session;
    struct masks_nodes nodes;
    int fuse; /* owned */
    int stop; /* owned; an eventfd */
    pthread_t thread;
    struct events_process process; /* scratch of the thread */
    struct masks_asked asked;
    _Alignas(8) char request[REQUEST_BYTES];
};

union body {
    struct fuse_init_out init;
    struct fuse_attr_out attr;
    struct fuse_entry_out entry;
    struct fuse_statfs_out statfs;
};

struct reply {
    struct fuse_out_header head;
    union body body;
};

/* ---- events ---- */

/* Is it the name alone that is denied, and not what it leads to? */
static bool leads_to_allowed(const struct policy_image *image, const char *path)
{
    char real[PATH_MAX];

    return realpath(path, real) != NULL && strcmp(real, path) != 0 &&
           policy_decide_read(image, real).verdict == POLICY_ALLOW;
}

static void record(struct masks *m, pid_t tid, const struct masks_node *node,
                   bool uncertain)
{
    const struct policy_image *image = m->session->policy->image;
    const struct masks_asked *a = &m->asked;
    struct policy_decision d = policy_decide_read(image, a->target);
    SRT_AUTO_BUF struct srt_buf hint = {0}, change = {0};
    struct events_violation v = {.op = a->op,
                                 .source = EVENTS_SOURCE_MASK,
                                 .target = a->target,
                                 .requested = a->requested,
                                 .call = a->call,
                                 .err = EACCES,
                                 .probe = a->probe,
                                 .uncertain = uncertain};

    if (d.verdict == POLICY_ALLOW) {
        /* What the program made of its path is not what it met. */
        d = policy_decide_read(image, node->path);
        d.verdict = POLICY_DENY;
    }
    if (leads_to_allowed(image, a->target))
        srt_buf_add_str(&hint, "the way leads through a symlink in a denied "
                               "directory; use the real path");
    else
        policy_suggest(image, POLICY_SUBJECT_READ, a->target, &d, &hint,
                       &change);
    v.rule = d.rule;
    v.reason = d.reason;
    v.hint = hint.len > 0 ? srt_buf_str(&hint) : NULL;
    v.change = change.len > 0 ? srt_buf_str(&change) : NULL;
    process_describe(tid, &m->process);
    events_store_violation(m->session->events, &v, &m->process);
}

/* Refuse `path`: the errno, after the event if there is one. */
static int refuse(struct masks *m, const struct fuse_in_header *h,
                  const struct masks_node *node, const char *path)
{
    enum hostcheck_answer host;
    int err = EACCES;

    /* The supervisor and its workers look at the caller's paths. */
    if ((pid_t)h->pid == m->session->supervisor ||
        !process_is_inside((pid_t)h->pid))
        return EACCES;
    masks_asked_read((pid_t)h->pid, path, h->opcode == FUSE_ACCESS, &m->asked);
    host = masks_asked_host(&m->asked, &err);
    if (host == HOSTCHECK_WOULD_FAIL)
        return err;
    record(m, (pid_t)h->pid, node, host == HOSTCHECK_UNKNOWN);
    return EACCES;
}

/* ---- the requests ---- */

static void fill_attr(struct fuse_attr *a, uint64_t id, mode_t mode)
{
    memset(a, 0, sizeof(*a));
    a->ino = id;
    a->mode = mode;
    a->nlink = 1;
    a->uid = getuid();
    a->gid = getgid();
    a->blksize = 4096;
}

static int do_init(union body *b)
{
    b->init.major = FUSE_KERNEL_VERSION;
    b->init.minor = 31;
    b->init.max_write = 4096;
    b->init.max_background = 16;
    b->init.congestion_threshold = 12;
    b->init.time_gran = 1;
    return 0;
}

static int do_getattr(const struct masks *m, uint64_t id, union body *b)
{
    const struct masks_node *node = masks_nodes_get(&m->nodes, id);

    if (node == NULL && id != MASKS_ROOT_NODE)
        return EACCES;
    fill_attr(&b->attr.attr, id, node != NULL ? node->mode : S_IFDIR | 0111);
    b->attr.attr_valid = FOREVER_S;
    return 0;
}

static int do_lookup(struct masks *m, const struct fuse_in_header *h,
                     const char *name, union body *b)
{
    const struct masks_node *dir = masks_nodes_get(&m->nodes, h->nodeid);
    uint64_t id = masks_nodes_lookup(&m->nodes, h->nodeid, name);
    char path[SRT_PATH_MAX];
    struct stat st;

    if (id != 0) {
        fill_attr(&b->entry.attr, id, masks_nodes_get(&m->nodes, id)->mode);
        b->entry.nodeid = id;
        b->entry.entry_valid = b->entry.attr_valid = FOREVER_S;
        return 0;
    }
    if (dir == NULL)
        return ENOENT;
    if (!srt_path_join(dir->path, name, path, sizeof(path)))
        return ENAMETOOLONG;
    if (lstat(path, &st) != 0)
        return errno;
    return refuse(m, h, dir, path);
}

/* access(2) and chdir(2) at a mask or way: as its mode says. */
static int do_access(struct masks *m, const struct fuse_in_header *h,
                     const struct fuse_access_in *in)
{
    const struct masks_node *node = masks_nodes_get(&m->nodes, h->nodeid);
    bool enterable = node == NULL ||
                     (S_ISDIR(node->mode) && (node->mode & S_IXOTH) != 0);

    if (in->mask == 0 || (in->mask == X_OK && enterable))
        return 0;
    return node != NULL ? refuse(m, h, node, node->path) : EACCES;
}

static int do_open(struct masks *m, const struct fuse_in_header *h)
{
    const struct masks_node *node = masks_nodes_get(&m->nodes, h->nodeid);

    return node != NULL ? refuse(m, h, node, node->path) : EACCES;
}

static int do_statfs(union body *b)
{
    b->statfs.st.namelen = 255;
    b->statfs.st.bsize = 4096;
    return 0;
}

/* Returns the errno of the answer, -1 for a request that gets none; *ret_len
 * bytes of *b go with it. */
static int answer(struct masks *m, const struct fuse_in_header *h,
                  const void *in, union body *b, size_t *ret_len)
{
    switch (h->opcode) {
    case FUSE_INIT:
        *ret_len = sizeof(b->init);
        return do_init(b);
    case FUSE_GETATTR:
        *ret_len = sizeof(b->attr);
        return do_getattr(m, h->nodeid, b);
    case FUSE_LOOKUP:
        *ret_len = sizeof(b->entry);
        return do_lookup(m, h, in, b);
    case FUSE_STATFS:
        *ret_len = sizeof(b->statfs);
        return do_statfs(b);
    case FUSE_ACCESS:
        return do_access(m, h, in);
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        return do_open(m, h);
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
        return ENODATA;
    case OP_STATX:
        return ENOSYS;
    case FUSE_DESTROY:
        return 0;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return -1;
    default:
        return EACCES; /* nothing that writes gets past the read-only mount */
    }
}

/* One request, len bytes of it.  The kernel ends names with NUL. */
static void serve(struct masks *m, size_t len)
{
    const struct fuse_in_header *h = (const void *)m->request;
    struct reply r;
    size_t body_len = 0;
    int err;

    if (len < sizeof(*h) || h->len != len)
        return;
    m->request[len] = '\0';
    memset(&r, 0, sizeof(r));
    err = answer(m, h, m->request + sizeof(*h), &r.body, &body_len);
    if (err < 0)
        return;
    r.head.unique = h->unique;
    r.head.error = -err;
    r.head.len = (uint32_t)(sizeof(r.head) + (err == 0 ? body_len : 0));
    /* ENOENT: whoever asked was killed meanwhile. */
    (void)!write(m->fuse, &r, r.head.len);
}

/* ---- the thread ---- */

/* Wait for a request.  False: it is time to end. */
static bool wait_request(const struct masks *m, bool mounted)
{
    struct pollfd p[2] = {{.fd = m->stop, .events = POLLIN},
                          {.fd = m->fuse, .events = POLLIN}};

    /* Before the mount, the descriptor polls as an error at once. */
    (void)poll(p, mounted ? 2 : 1, mounted ? -1 : NOT_MOUNTED_WAIT_MS);
    return p[0].revents == 0;
}

static void *run(void *arg)
{
    struct masks *m = arg;

    for (;;) {
        ssize_t n = read(m->fuse, m->request, REQUEST_BYTES - 1);

        if (n > 0) {
            serve(m, (size_t)n);
            continue;
        }
        if (n == 0 || errno == ENODEV || errno == EBADF)
            return NULL; /* unmounted */
        if (errno != EPERM && errno != EAGAIN)
            continue; /* ENOENT, EINTR: that request is gone */
        if (!wait_request(m, errno == EAGAIN))
            return NULL;
    }
}

static int start_thread(struct masks *m)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int rc = pthread_attr_init(&attr);

    if (rc != 0)
        return rc;
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&m->thread, &attr, run, m);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return rc;
}

static void release(struct masks *m)
{
    srt_fd_close(&m->fuse);
    srt_fd_close(&m->stop);
    masks_nodes_release(&m->nodes);
    free(m);
}

enum srt_rc masks_new(struct session *s, int fuse_fd, struct masks **ret,
                      struct srt_err *err)
{
    struct masks *m = srt_xcalloc(1, sizeof(*m));
    int rc;

    m->session = s;
    m->fuse = fuse_fd;
    m->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    masks_nodes_init(&m->nodes, s->plan, s->in->cwd);
    rc = m->stop < 0 ? errno : 0;
    if (rc == 0 && fcntl(fuse_fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0)
        rc = errno;
    if (rc == 0)
        rc = start_thread(m);
    if (rc != 0) {
        release(m);
        return srt_err_sys(err, rc, "serve the masks of denied paths");
    }
    *ret = m;
    return SRT_OK;
}

void masks_free(struct masks *m)
{
    const uint64_t one = 1;

    if (m == NULL)
        return;
    (void)!write(m->stop, &one, sizeof(one));
    (void)pthread_join(m->thread, NULL);
    release(m);
}
