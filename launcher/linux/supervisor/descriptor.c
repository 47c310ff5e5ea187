/*
 * Calls that change what a file is (mode, owner, times, attributes), by
 * descriptor or by path.  Never continued: Landlock does not know them, and
 * between our look and the kernel's a second thread could put a file of the
 * host (standard input, or its link in /proc) in the place of what was judged.
 * The object is taken, judged where it is, and the call performed on what we
 * hold: by its link in our own /proc, which the working directory is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "base/path.h"
#include "launcher/linux/supervisor/files.h"

enum { XATTR_MAX = 65536 /* XATTR_SIZE_MAX of linux/limits.h */ };

/* ---- performing ---- */

/* What is held, as a path below the working directory. */
struct held {
    int fd;
    char link[32];
};

/* The times as each call has them: seconds, microseconds, nanoseconds. */
static int read_times(const struct seccomp_notif *n, uint64_t at,
                      struct timespec times[2])
{
#ifdef SYS_utime /* calls that newer processors do not have */
    struct timeval tv[2];
    struct utimbuf buf;
    int err;
#endif

    switch (n->data.nr) {
#ifdef SYS_utime
    case SYS_utime:
        err = sup_caller_read((pid_t)n->pid, at, &buf, sizeof(buf));
        times[0] = (struct timespec){.tv_sec = buf.actime};
        times[1] = (struct timespec){.tv_sec = buf.modtime};
        return err;
    case SYS_utimes:
    case SYS_futimesat:
        err = sup_caller_read((pid_t)n->pid, at, tv, sizeof(tv));
        for (int i = 0; i < 2; i++) {
            if (err == 0 && (tv[i].tv_usec < 0 || tv[i].tv_usec > 999999))
                return EINVAL;
            times[i] = (struct timespec){.tv_sec = tv[i].tv_sec,
                                         .tv_nsec = tv[i].tv_usec * 1000};
        }
        return err;
#endif
    default:
        return sup_caller_read((pid_t)n->pid, at, times, 2 * sizeof(times[0]));
    }
}

static int do_times(const struct seccomp_notif *n, const struct held *h,
                    int arg)
{
    struct timespec times[2] = {{0}};
    uint64_t at = n->data.args[arg];
    int err = at != 0 ? read_times(n, at, times) : 0;

    if (err != 0)
        return err == EINVAL ? EINVAL : EFAULT;
    return utimensat(h->fd, "", at != 0 ? times : NULL, AT_EMPTY_PATH) == 0
               ? 0
               : errno;
}

/* Which names want a capability, the kernel knows; the supervisor has none of
 * those (start.c). */
static int read_attribute(const struct seccomp_notif *n, char *name,
                          size_t size)
{
    int err = sup_caller_string((pid_t)n->pid, n->data.args[1], name, size);

    if (err == 0)
        return 0;
    return err == ENAMETOOLONG ? ERANGE : EFAULT;
}

static int do_setxattr(const struct seccomp_notif *n, const struct held *h)
{
    char name[256];
    size_t size = n->data.args[3];
    char *value;
    int err = read_attribute(n, name, sizeof(name));

    if (err != 0)
        return err;
    if (size > XATTR_MAX)
        return E2BIG;
    value = malloc(size + 1);
    if (value == NULL)
        return ENOMEM;
    if (size > 0 &&
        sup_caller_read((pid_t)n->pid, n->data.args[2], value, size) != 0)
        err = EFAULT;
    if (err == 0 &&
        setxattr(h->link, name, value, size, (int)n->data.args[4]) != 0)
        err = errno;
    free(value);
    return err;
}

static int do_removexattr(const struct seccomp_notif *n, const struct held *h)
{
    char name[256];
    int err = read_attribute(n, name, sizeof(name));

    if (err != 0)
        return err;
    return removexattr(h->link, name) == 0 ? 0 : errno;
}

static int do_ioctl(const struct seccomp_notif *n, int fd)
{
    uint32_t request = (uint32_t)n->data.args[1];
    struct fsxattr attr;
    int flags;

    if (request == (uint32_t)FS_IOC_SETFLAGS) {
        if (sup_caller_read((pid_t)n->pid, n->data.args[2], &flags,
                            sizeof(flags)) != 0)
            return EFAULT;
        return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0 ? 0 : errno;
    }
    if (sup_caller_read((pid_t)n->pid, n->data.args[2], &attr, sizeof(attr)) !=
        0)
        return EFAULT;
    return ioctl(fd, FS_IOC_FSSETXATTR, &attr) == 0 ? 0 : errno;
}

static int do_mode(const struct held *h, uint64_t mode)
{
    return chmod(h->link, (mode_t)mode) == 0 ? 0 : errno;
}

/* No other ids than the own one exist in the sandbox's user namespace. */
static bool translate_id(uint32_t given, uint32_t own, uint32_t *ret)
{
    *ret = given == own ? 0 : given;
    return given == own || given == UINT32_MAX;
}

static int do_owner(const struct sup *s, const struct held *h, uint64_t uid,
                    uint64_t gid)
{
    uint32_t u;
    uint32_t g;

    if (!translate_id((uint32_t)uid, s->uid, &u) ||
        !translate_id((uint32_t)gid, s->gid, &g))
        return s->uid == 0 ? EINVAL : EPERM;
    return fchownat(h->fd, "", u, g, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

/* What stands in which argument, by the call. */
static int do_call(const struct sup *s, const struct seccomp_notif *n, int fd)
{
    const __u64 *a = n->data.args;
    struct held h = {.fd = fd};

    (void)snprintf(h.link, sizeof(h.link), "self/fd/%d", fd);
    switch (n->data.nr) {
#ifdef SYS_chmod
    case SYS_chmod:
#endif
    case SYS_fchmod:
        return do_mode(&h, a[1]);
    case SYS_fchmodat:
    case 452 /* fchmodat2, Linux 6.6 */:
        return do_mode(&h, a[2]);
#ifdef SYS_chown
    case SYS_chown:
    case SYS_lchown:
#endif
    case SYS_fchown:
        return do_owner(s, &h, a[1], a[2]);
    case SYS_fchownat:
        return do_owner(s, &h, a[2], a[3]);
#ifdef SYS_utime
    case SYS_utime:
    case SYS_utimes:
        return do_times(n, &h, 1);
    case SYS_futimesat:
#endif
    case SYS_utimensat:
        return do_times(n, &h, 2);
    case SYS_setxattr:
    case SYS_lsetxattr:
    case SYS_fsetxattr:
        return do_setxattr(n, &h);
    case SYS_removexattr:
    case SYS_lremovexattr:
    case SYS_fremovexattr:
        return do_removexattr(n, &h);
    case SYS_ioctl:
        return do_ioctl(n, fd);
    default:
        return EPERM;
    }
}

/* 0 or an errno.  Modes of the machine's files in a procfs are the same in
 * every one: the kernel keeps them once. */
static int perform(const struct sup *s, const struct seccomp_notif *n, int fd)
{
    struct statfs fs;
    int err;

    sup_leave();
    err = fstatfs(fd, &fs) != 0           ? errno
          : fs.f_type == PROC_SUPER_MAGIC ? EPERM
                                          : do_call(s, n, fd);
    sup_return();
    return err;
}

/* ---- judging ---- */

/* Is the descriptor on a mount of the sandbox?  One that was handed in
 * (standard input) is on a mount of the host's. */
static bool on_own_mount(struct sup *s, int fd)
{
    struct statx x;
    char line[64];
    char text[16384];
    SRT_AUTO_FD int info = openat(s->proc, "self/mountinfo",
                                  O_RDONLY | O_CLOEXEC);
    size_t len;
    ssize_t n;

    if (info < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) != 0 ||
        (x.stx_mask & STATX_MNT_ID) == 0)
        return false;
    len = (size_t)snprintf(line, sizeof(line), "\n%llu ",
                           (unsigned long long)x.stx_mnt_id);
    /* Lines begin with the id; the blocks overlap by a line's beginning. */
    text[0] = '\n';
    size_t keep = 1;
    while ((n = read(info, text + keep, sizeof(text) - keep)) > 0) {
        size_t have = keep + (size_t)n;

        if (memmem(text, have, line, len) != NULL)
            return true;
        keep = have < sizeof(line) ? have : sizeof(line);
        memmove(text, text + have - keep, keep);
    }
    return false;
}

/* The real path in the sandbox of what fd is, or "" when it has none.  False:
 * it cannot be known now. */
static bool locate(struct sup *s, int fd, char *out, size_t size)
{
    struct stat a = {0};
    struct stat b = {0};
    int err = sup_real_path(s, fd, out, size);

    if (err == 0 && (fstat(fd, &a) != 0 ||
                     fstatat(AT_FDCWD, out, &b, AT_SYMLINK_NOFOLLOW) != 0))
        err = errno;
    if (err != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        out[0] = '\0';
    return !srt_fd_is_lack(err);
}

/* A device that was handed in is the host's node, not the sandbox's. */
static bool is_foreign_device(struct sup *s, int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 &&
           (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && !on_own_mount(s, fd);
}

/* May it be changed?  *path: where it is inside, "" for nowhere. */
static struct policy_decision judge(struct sup *s, int fd, char *path,
                                    size_t size)
{
    struct stat st;

    if (!locate(s, fd, path, size))
        return (struct policy_decision){POLICY_DENY, "/filesystem/allowWrite",
                                        "srt cannot tell where it is now",
                                        POLICY_BY_OTHER};
    if (path[0] != '\0')
        return policy_decide_write(s->image, path);
    if (fstat(fd, &st) != 0 || ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) &&
                                st.st_nlink > 0 && !on_own_mount(s, fd)))
        return (struct policy_decision){
            POLICY_DENY, "/filesystem/allowWrite",
            "a file of the host without a name here", POLICY_BY_OTHER};
    return (struct policy_decision){.verdict = POLICY_ALLOW};
}

void sup_descriptor_call(struct sup *s, const struct seccomp_notif *n,
                         const struct files_row *row, int fd)
{
    SRT_AUTO_FD int mine = sup_caller_fd((pid_t)n->pid, fd);
    static _Thread_local struct channel_msg m;
    char path[SRT_PATH_MAX];
    char parent[SRT_PATH_MAX];
    struct policy_decision d;
    const char *name;
    bool foreign;

    if (mine < 0) {
        int err = srt_fd_is_lack(errno) ? errno : EBADF;

        sup_answer(s, n->id, errno == EPERM ? EACCES : err, 0);
        return;
    }
    /* fchmod(2) and its like, and utimensat(2) without a path. */
    if ((row->kind == FILES_DESCRIPTOR || n->data.args[1] == 0) &&
        (fcntl(mine, F_GETFL) & O_PATH) != 0) {
        sup_answer(s, n->id, EBADF, 0);
        return;
    }
    sup_leave();
    foreign = is_foreign_device(s, mine);
    d = judge(s, mine, path, sizeof(path));
    sup_return();
    if (foreign) {
        sup_answer(s, n->id, EPERM, 0);
        return;
    }
    if (d.verdict == POLICY_ALLOW) {
        sup_answer(s, n->id, perform(s, n, mine), 0);
        return;
    }
    name = path[0] != '\0' ? srt_path_split(path, parent, sizeof(parent))
                           : NULL;
    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    m.op = (int32_t)row->op;
    m.check = path[0] != '\0' ? (int32_t)row->check : CHANNEL_CHECK_NONE;
    m.error = sup_files_errno(&d, row->check);
    (void)channel_msg_add(&m, name != NULL ? parent : "");
    (void)channel_msg_add(&m, name != NULL ? name : "(a file without a name)");
    (void)channel_msg_add(&m, "");
    sup_files_add_attribute(&m, n, row);
    sup_refuse(s, n, &m, &d);
}

/* The object is looked at again: what was judged is a name, and another may have
 * come to stand there, or it lies on a mount that is not the sandbox's. */
static int perform_here(struct sup *s, const struct seccomp_notif *n,
                        const struct sup_entry *at)
{
    char path[SRT_PATH_MAX];
    SRT_AUTO_FD int fd = openat(at->parent,
                                at->name[0] != '\0' ? at->name : ".",
                                O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno;
    if (is_foreign_device(s, fd) || !locate(s, fd, path, sizeof(path)) ||
        path[0] == '\0' ||
        policy_decide_write(s->image, path).verdict == POLICY_DENY)
        return EPERM;
    return perform(s, n, fd);
}

void sup_path_perform(struct sup *s, const struct seccomp_notif *n,
                      const struct sup_entry *at)
{
    int err;

    sup_leave();
    err = perform_here(s, n, at);
    sup_return();
    sup_answer(s, n->id, err, 0);
}
