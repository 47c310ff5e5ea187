/*
 * The FUSE server for denied paths.  A crew answers the requests of one
 * superblock, which the supervisor mounts over each masked region (asking the
 * host may hang; one who does must not hold up the others):
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
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "launcher/linux/crew.h"
#include "launcher/linux/masks_parts.h"
#include "launcher/linux/process.h"
#include "launcher/linux/tell.h"

/* Not in Debian 12's header. */
#define OP_STATX 52u

/* What is never answered differently: mounts rest on these names. */
#define FOREVER_S (UINT64_C(1) << 30)

/* Until the superblock exists, reading its descriptor fails. */
#define NOT_MOUNTED_WAIT_MS 1

/* The kernel wants 8 KiB (FUSE_MIN_READ_BUFFER), and what do_init() lets it
 * write with its head. */
enum { REQUEST_BYTES = 12288, STACK_BYTES = 256 << 10, END_WAIT_MS = 500 };

struct masks {
    struct session *session;
    struct masks_nodes nodes;
    int fuse; /* owned */
    int stop; /* owned; an eventfd */
    struct crew crew;
    struct job *jobs; /* being served; changed with the turn */
};

/* One request, while it is served. */
struct job {
    struct masks *masks;
    struct job *next;
    uint64_t unique;
    atomic_bool over; /* answered already: whoever asked was interrupted */
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

static void record(struct job *j, pid_t tid, const struct masks_node *node,
                   bool uncertain)
{
    struct session *s = j->masks->session;
    const struct policy_image *image = s->policy->image;
    const struct masks_asked *a = &j->asked;
    struct policy_decision d = policy_decide_read(image, a->target);
    const struct policy_refused what = {.kind = POLICY_SUBJECT_READ,
                                        .target = a->target};
    const bool link = leads_to_allowed(image, a->target);
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
    if (link)
        v.hint = "the way leads through a symlink in a denied directory; use "
                 "the real path";
    tell_violation(s, &v, &d, link ? NULL : &what, tid);
}

/* Refuse `path`: the errno, after the event if there is one. */
static int refuse(struct job *j, const struct fuse_in_header *h,
                  const struct masks_node *node, const char *path)
{
    enum hostcheck_answer host;
    int err = EACCES;

    /* The supervisor and its workers look at the caller's paths. */
    if ((pid_t)h->pid == j->masks->session->supervisor ||
        !process_is_inside((pid_t)h->pid))
        return EACCES;
    masks_asked_read((pid_t)h->pid, path, h->opcode == FUSE_ACCESS, &j->asked);
    host = masks_asked_host(&j->asked, &err);
    if (host == HOSTCHECK_WOULD_FAIL || atomic_load(&j->over))
        return err;
    record(j, (pid_t)h->pid, node, host == HOSTCHECK_UNKNOWN);
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
    /* A look-up that hangs must not hold up the next in its directory. */
    b->init.flags = FUSE_PARALLEL_DIROPS;
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

static int do_lookup(struct job *j, const struct fuse_in_header *h,
                     const char *name, union body *b)
{
    const struct masks *m = j->masks;
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
    if (lstat(path, &st) != 0 && !srt_fd_is_lack(errno))
        return errno;
    return refuse(j, h, dir, path);
}

/* access(2) and chdir(2) at a mask or way: as its mode says. */
static int do_access(struct job *j, const struct fuse_in_header *h,
                     const struct fuse_access_in *in)
{
    const struct masks_node *node = masks_nodes_get(&j->masks->nodes,
                                                    h->nodeid);
    bool enterable = node == NULL ||
                     (S_ISDIR(node->mode) && (node->mode & S_IXOTH) != 0);

    if (in->mask == 0 || (in->mask == X_OK && enterable))
        return 0;
    return node != NULL ? refuse(j, h, node, node->path) : EACCES;
}

static int do_open(struct job *j, const struct fuse_in_header *h)
{
    const struct masks_node *node = masks_nodes_get(&j->masks->nodes,
                                                    h->nodeid);

    return node != NULL ? refuse(j, h, node, node->path) : EACCES;
}

static int do_statfs(union body *b)
{
    b->statfs.st.namelen = 255;
    b->statfs.st.bsize = 4096;
    return 0;
}

/* Returns the errno of the answer, -1 for a request that gets none; *ret_len
 * bytes of *b go with it. */
static int answer(struct job *j, const struct fuse_in_header *h, const void *in,
                  union body *b, size_t *ret_len)
{
    switch (h->opcode) {
    case FUSE_INIT:
        *ret_len = sizeof(b->init);
        return do_init(b);
    case FUSE_GETATTR:
        *ret_len = sizeof(b->attr);
        return do_getattr(j->masks, h->nodeid, b);
    case FUSE_LOOKUP:
        *ret_len = sizeof(b->entry);
        return do_lookup(j, h, in, b);
    case FUSE_STATFS:
        *ret_len = sizeof(b->statfs);
        return do_statfs(b);
    case FUSE_ACCESS:
        return do_access(j, h, in);
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        return do_open(j, h);
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
        return ENODATA;
    case OP_STATX:
        return ENOSYS;
    case FUSE_DESTROY:
        return 0;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
        return -1;
    default:
        return EACCES; /* nothing that writes gets past the read-only mount */
    }
}

/* A signal came for who waits.  One whose request hangs in a file system of
 * the host may go (or could not even be killed); all others have their answer
 * at once. */
static void interrupt(struct masks *m, const struct fuse_interrupt_in *in)
{
    for (struct job *j = m->jobs; j != NULL; j = j->next)
        if (j->unique == in->unique) {
            const struct fuse_out_header gone = {
                .len = sizeof(gone), .error = -EINTR, .unique = j->unique};

            atomic_store(&j->over, true);
            (void)!write(m->fuse, &gone, sizeof(gone));
        }
}

/* One request, len bytes of it.  The kernel ends names with NUL. */
static void serve(struct job *j, size_t len)
{
    const struct fuse_in_header *h = (const void *)j->request;
    struct reply r;
    size_t body_len = 0;
    int err;

    j->request[len] = '\0';
    memset(&r, 0, sizeof(r));
    err = answer(j, h, j->request + sizeof(*h), &r.body, &body_len);
    if (err < 0)
        return;
    r.head.unique = h->unique;
    r.head.error = -err;
    r.head.len = (uint32_t)(sizeof(r.head) + (err == 0 ? body_len : 0));
    /* ENOENT: whoever asked was killed meanwhile. */
    (void)!write(j->masks->fuse, &r, r.head.len);
}

/* ---- the crew ---- */

/* Wait for a request.  False: it is time to end. */
static bool wait_request(const struct masks *m, bool mounted)
{
    struct pollfd p[2] = {{.fd = m->stop, .events = POLLIN},
                          {.fd = m->fuse, .events = POLLIN}};

    /* Before the mount, the descriptor polls as an error at once. */
    (void)poll(p, mounted ? 2 : 1, mounted ? -1 : NOT_MOUNTED_WAIT_MS);
    return p[0].revents == 0;
}

static void take(struct job *j, size_t len)
{
    const struct fuse_in_header *h = (const void *)j->request;
    struct masks *m = j->masks;

    if (len < sizeof(*h) || h->len != len)
        return;
    if (h->opcode == FUSE_INTERRUPT) {
        interrupt(m, (const void *)(h + 1));
        return;
    }
    j->unique = h->unique;
    atomic_init(&j->over, false);
    j->next = m->jobs;
    m->jobs = j;
    crew_leave(&m->crew);
    serve(j, len);
    crew_return(&m->crew);
    for (struct job **at = &m->jobs; *at != NULL; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            break;
        }
}

/* One request, or a wait for it. */
static void serve_round(void *ctx)
{
    struct job j;
    struct masks *m = j.masks = ctx;
    ssize_t n = read(m->fuse, j.request, sizeof(j.request) - 1);
    bool goes_on = true;

    if (n > 0) {
        take(&j, (size_t)n);
    } else if (n == 0 || errno == ENODEV || errno == EBADF) {
        goes_on = false; /* unmounted */
    } else if (errno == EPERM || errno == EAGAIN) {
        const bool mounted = errno == EAGAIN;

        crew_rest(&m->crew);
        goes_on = wait_request(m, mounted);
        crew_resume(&m->crew);
    } /* ENOENT, EINTR: that request is gone */
    if (!goes_on)
        crew_stop(&m->crew);
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
    crew_init(&m->crew, serve_round, m, STACK_BYTES);
    rc = m->stop < 0 ? errno : 0;
    if (rc == 0 && fcntl(fuse_fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0)
        rc = errno;
    if (rc == 0)
        rc = crew_start(&m->crew);
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
    if (crew_end(&m->crew, END_WAIT_MS))
        release(m); /* else one hangs in a file system, and srt is to end */
}
