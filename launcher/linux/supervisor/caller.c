/* The caller of a notified call: its memory, descriptors and paths.  Each is
 * read once.  A caller that died meanwhile may have left its number to another
 * process, which can only be one of this sandbox, under the same policy: into
 * no other may we look, whoever runs it, since our capabilities are those of
 * the sandbox's user namespace (ptrace_may_access(), cap_ptrace_access_check()
 * of the kernel). */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"
#include "launcher/linux/supervisor/supervisor.h"
#include "vendor/compat.h"

enum { PAGE = 4096, MAX_LINKS = 40 };

static int vm_read(pid_t tid, uint64_t address, void *out, size_t len)
{
    struct iovec local = {.iov_base = out, .iov_len = len};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address,
                           .iov_len = len};
    ssize_t n = process_vm_readv(tid, &local, 1, &remote, 1, 0);

    if (n == (ssize_t)len)
        return 0;
    return n < 0 && errno == EPERM ? EPERM : EFAULT;
}

/* Memory may be mapped from a file that cannot be read now. */
int sup_caller_read(pid_t tid, uint64_t address, void *out, size_t len)
{
    int err;

    sup_leave();
    err = vm_read(tid, address, out, len);
    sup_return();
    return err;
}

int sup_caller_try(pid_t tid, const char **ret_what)
{
    SRT_AUTO_FD int pidfd = -1;
    struct iovec local = {.iov_base = &(char){0}, .iov_len = 1};
    struct iovec remote = {.iov_base = NULL, .iov_len = 1};

    *ret_what = "process_vm_readv";
    if (process_vm_readv(tid, &local, 1, &remote, 1, 0) < 0 && errno != EFAULT)
        return errno;
    *ret_what = "pidfd_open";
    pidfd = vnd_pidfd_open(tid);
    if (pidfd < 0)
        return errno;
    *ret_what = "pidfd_getfd";
    return vnd_pidfd_getfd(pidfd, -1) >= 0 || errno == EBADF ? 0 : errno;
}

static int read_string(pid_t tid, uint64_t address, char *out, size_t size)
{
    size_t got = 0;

    while (got < size) {
        /* Never across a page that may not be there. */
        size_t n = PAGE - (address + got) % PAGE;
        int err;

        if (n > size - got)
            n = size - got;
        err = vm_read(tid, address + got, out + got, n);
        if (err != 0)
            return err;
        if (memchr(out + got, '\0', n) != NULL)
            return 0;
        got += n;
    }
    return ENAMETOOLONG;
}

int sup_caller_string(pid_t tid, uint64_t address, char *out, size_t size)
{
    int err;

    sup_leave();
    err = read_string(tid, address, out, size);
    sup_return();
    return err;
}

int sup_caller_fd(pid_t tid, int fd)
{
    SRT_AUTO_FD int pidfd = vnd_pidfd_open(tid);

    return pidfd < 0 ? -1 : vnd_pidfd_getfd(pidfd, fd);
}

int sup_caller_open(const struct sup *s, pid_t tid, const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%d/%s", tid, name);
    return openat(s->proc, path, O_PATH | O_CLOEXEC);
}

int sup_real_path(const struct sup *s, int fd, char *out, size_t size)
{
    char link[64];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "self/fd/%d", fd);
    n = readlinkat(s->proc, link, out, size);
    if (n < 0)
        return errno;
    if ((size_t)n >= size)
        return ENAMETOOLONG;
    out[n] = '\0';
    return out[0] == '/' ? 0 : ENOENT;
}

struct sup_place sup_place_of(int dirfd, const char *path)
{
    struct statx x;

    if (statx(dirfd, path, 0, STATX_INO | STATX_MNT_ID, &x) != 0)
        return (struct sup_place){0};
    return (struct sup_place){x.stx_ino, x.stx_mnt_id};
}

/* A root of the caller's own (chroot(2) in a user namespace of its own is
 * refused, but a directory on the way may be one): -1 if it is ours. */
static int own_root(const struct sup *s, pid_t tid)
{
    char path[64];
    struct sup_place its;

    (void)snprintf(path, sizeof(path), "%d/root", tid);
    its = sup_place_of(s->proc, path);
    return its.ino == 0 ||
                   (its.ino == s->root.ino && its.mount == s->root.mount)
               ? -1
               : sup_caller_open(s, tid, "root");
}

/* A link of procfs that stands for an object, not for a name (proc(5)). */
static bool is_magic(int parent, const char *name)
{
    struct statfs fs;
    SRT_AUTO_FD int fd = -1;

    if (fstatfs(parent, &fs) != 0 || fs.f_type != PROC_SUPER_MAGIC)
        return false;
    fd = vnd_openat2(parent, name, O_PATH | O_CLOEXEC, 0,
                     VND_RESOLVE_NO_MAGICLINKS);
    return fd < 0 && errno == ELOOP;
}

/* "self" and "thread-self" in the root of a procfs mean the one who asks; for
 * us, of another pid namespace, they lead nowhere. */
static bool means_caller(int dir, const char *name)
{
    enum { PROC_ROOT_INO = 1 };
    struct statfs fs;
    struct stat st;

    return (strcmp(name, "self") == 0 || strcmp(name, "thread-self") == 0) &&
           fstatfs(dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
           fstat(dir, &st) == 0 && st.st_ino == PROC_ROOT_INO;
}

/* A walk, one component at a time. */
struct walk {
    int at; /* owned; where it is */
    unsigned links;
    char rest[2 * SRT_PATH_MAX]; /* still to go */
};

/* The last number of a line of /proc/TID/status: as the innermost pid
 * namespace has it, which is the sandbox's.  0: not known. */
static long innermost(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    long id = 0;
    char *end;

    if (at == NULL)
        return 0;
    for (at += strlen(key); *at == '\t'; at = end) {
        id = strtol(at, &end, 10);
        if (end == at)
            break;
    }
    return id;
}

/* What the link `name` in the root of a procfs says to the caller; -1 with
 * errno.  Never a descriptor of the host's procfs: a ".." would lead out of
 * the sandbox. */
static ssize_t read_own_link(const struct sup *s, pid_t tid, const char *name,
                             char *out, size_t size)
{
    char path[32];
    char status[4096];
    SRT_AUTO_FD int fd = -1;
    long process;
    long thread;
    ssize_t n;

    (void)snprintf(path, sizeof(path), "%d/status", tid);
    fd = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 ? read(fd, status, sizeof(status) - 1) : -1;
    if (n <= 0)
        return -1;
    status[n] = '\0';
    process = innermost(status, "\nNStgid:");
    thread = innermost(status, "\nNSpid:");
    if (process <= 0 || thread <= 0) {
        errno = ENOENT;
        return -1;
    }
    return strcmp(name, "self") == 0
               ? snprintf(out, size, "%ld", process)
               : snprintf(out, size, "%ld/task/%ld", process, thread);
}

/* Put a link's target in front of the rest. */
static int add_target(const struct sup *s, pid_t tid, struct walk *w,
                      const char *name, size_t behind)
{
    char target[2 * SRT_PATH_MAX];
    ssize_t n = means_caller(w->at, name)
                    ? read_own_link(s, tid, name, target, SRT_PATH_MAX)
                    : readlinkat(w->at, name, target, SRT_PATH_MAX);
    size_t left = strlen(w->rest + behind);

    if (n < 0)
        return errno;
    if (++w->links > MAX_LINKS)
        return ELOOP;
    if ((size_t)n + 1 + left >= sizeof(target))
        return ENAMETOOLONG;
    target[n] = '/';
    memcpy(target + n + 1, w->rest + behind, left + 1);
    memcpy(w->rest, target, (size_t)n + 1 + left + 1);
    if (target[0] != '/')
        return 0;
    srt_fd_close(&w->at);
    w->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return w->at >= 0 ? 0 : errno;
}

static int step(const struct sup *s, pid_t tid, struct walk *w,
                const char *name, size_t behind)
{
    struct stat st;
    int next;

    if (means_caller(w->at, name))
        return add_target(s, tid, w, name, behind);
    if (is_magic(w->at, name)) {
        next = openat(w->at, name, O_PATH | O_CLOEXEC);
    } else {
        next = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next >= 0 && fstat(next, &st) == 0 && S_ISLNK(st.st_mode)) {
            srt_fd_close(&next);
            return add_target(s, tid, w, name, behind);
        }
    }
    if (next < 0)
        return errno;
    srt_fd_close(&w->at);
    w->at = next;
    memmove(w->rest, w->rest + behind, strlen(w->rest + behind) + 1);
    return 0;
}

/* The directory `path`, as the caller would reach it; -1 with errno. */
static int walk_dir(const struct sup *s, pid_t tid, int at, const char *path)
{
    struct walk w = {.at = path[0] == '/'
                               ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)
                               : openat(at, ".", O_PATH | O_CLOEXEC)};
    int err = w.at >= 0 ? 0 : errno;
    int result;

    (void)snprintf(w.rest, sizeof(w.rest), "%s", path);
    while (err == 0) {
        char name[256];
        size_t from = strspn(w.rest, "/");
        size_t n = strcspn(w.rest + from, "/");

        if (n == 0)
            break;
        if (n >= sizeof(name)) {
            err = ENAMETOOLONG;
            break;
        }
        memcpy(name, w.rest + from, n);
        name[n] = '\0';
        err = step(s, tid, &w, name, from + n);
    }
    result = err == 0 ? openat(w.at, ".", O_PATH | O_DIRECTORY | O_CLOEXEC)
                      : -1;
    if (err == 0 && result < 0)
        err = errno;
    srt_fd_close(&w.at);
    errno = err;
    return result;
}

/* Open a directory of the caller's world: relative to `at`, absolute below its
 * own root if it has one. */
static int open_dir(const struct sup *s, pid_t tid, int at, const char *path)
{
    int root;
    int fd;

    if (path[0] == '/' && (root = own_root(s, tid)) >= 0) {
        fd = vnd_openat2(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
                         VND_RESOLVE_IN_ROOT);
        srt_fd_close(&root);
        return fd;
    }
    fd = openat(path[0] == '/' ? AT_FDCWD : at, path,
                O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* What fails for us may lead through /proc/self. */
    return fd >= 0 ? fd : walk_dir(s, tid, at, path);
}

/* Split into directory and last component; trailing slashes go. */
static int split(const char *path, char *dir, char *name, size_t size)
{
    size_t end = strlen(path);
    size_t cut;

    if (end == 0)
        return ENOENT;
    while (end > 1 && path[end - 1] == '/')
        end--;
    cut = end;
    while (cut > 0 && path[cut - 1] != '/')
        cut--;
    if (end - cut >= size || cut >= SRT_PATH_MAX)
        return ENAMETOOLONG;
    memcpy(name, path + cut, end - cut);
    name[end - cut] = '\0';
    if (cut == 0) {
        memcpy(dir, ".", 2);
    } else {
        memcpy(dir, path, cut);
        dir[cut] = '\0';
    }
    return 0;
}

/* "." and ".." as a last component: the directory itself, then its own name. */
static int settle_dots(const struct sup *s, int *parent, char *name,
                       size_t size)
{
    char real[SRT_PATH_MAX];
    char up[SRT_PATH_MAX];
    const char *last;
    SRT_AUTO_FD int fd = -1;
    int err;

    if (name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
        return 0;
    fd = openat(*parent, name[0] != '\0' ? name : ".",
                O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    err = sup_real_path(s, fd, real, sizeof(real));
    if (err != 0)
        return err;
    last = srt_path_split(real, up, sizeof(up));
    if (last == NULL || strlen(last) >= size)
        return ENAMETOOLONG;
    memcpy(name, last, strlen(last) + 1);
    srt_fd_close(&fd);
    fd = openat(AT_FDCWD, up, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    srt_fd_close(parent);
    *parent = srt_fd_take(&fd);
    return 0;
}

/* What a relative path begins at. */
static int open_base(const struct sup *s, pid_t tid, int dirfd, int *ret)
{
    char name[32] = "cwd";

    if (dirfd != AT_FDCWD)
        (void)snprintf(name, sizeof(name), "fd/%d", dirfd);
    *ret = sup_caller_open(s, tid, name);
    if (*ret >= 0)
        return 0;
    return errno == EACCES || errno == EPERM ? EPERM : EBADF;
}

/* The target of a link that is to be followed, or -1. */
static ssize_t read_link(int parent, struct sup_entry *at,
                         enum sup_follow follow, char *out, size_t size)
{
    ssize_t n = follow != SUP_NOFOLLOW
                    ? readlinkat(parent, at->name[0] != '\0' ? at->name : ".",
                                 out, size - 1)
                    : -1;

    at->magic = n >= 0 && follow == SUP_FOLLOW_TO_MAGIC &&
                is_magic(parent, at->name);
    return at->magic ? -1 : n;
}

static int resolve(const struct sup *s, pid_t tid, int dirfd, const char *path,
                   enum sup_follow follow, struct sup_entry *ret)
{
    SRT_AUTO_FD int base = -1;
    SRT_AUTO_FD int parent = -1;
    const size_t len = strlen(path);
    char text[SRT_PATH_MAX];
    char dir[SRT_PATH_MAX];
    int err = 0;

    if (len >= sizeof(text))
        return ENAMETOOLONG;
    memcpy(text, path, len + 1);
    ret->slash = len > 0 && path[len - 1] == '/';
    if (path[0] != '/')
        err = open_base(s, tid, dirfd, &base);
    if (err != 0)
        return err;
    for (int links = 0;; links++) {
        char target[SRT_PATH_MAX];
        ssize_t n;
        int next;

        err = split(text, dir, ret->name, sizeof(ret->name));
        if (err != 0)
            return err;
        next = open_dir(s, tid, parent >= 0 ? parent : base, dir);
        if (next < 0)
            return errno;
        srt_fd_close(&parent);
        parent = next;
        n = read_link(parent, ret, follow, target, sizeof(target));
        if (n < 0)
            break;
        if (links == MAX_LINKS)
            return ELOOP;
        target[n] = '\0';
        ret->slash |= n > 0 && target[n - 1] == '/';
        memcpy(text, target, (size_t)n + 1);
    }
    err = settle_dots(s, &parent, ret->name, sizeof(ret->name));
    if (err == 0)
        ret->parent = srt_fd_take(&parent);
    return err;
}

int sup_caller_resolve(const struct sup *s, pid_t tid, int dirfd,
                       const char *path, enum sup_follow follow,
                       struct sup_entry *ret)
{
    int err;

    sup_leave();
    err = resolve(s, tid, dirfd, path, follow, ret);
    sup_return();
    return err;
}
