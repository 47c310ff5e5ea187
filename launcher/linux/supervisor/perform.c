/*
 * Changes of mode, owner, times, attributes and flags, performed on what the
 * supervisor holds: by its link in our own /proc, which the working directory is.
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

#include "launcher/linux/supervisor/files.h"

enum { XATTR_MAX = 65536 /* XATTR_SIZE_MAX of linux/limits.h */ };

/* An access list as an attribute: a head, then entries (acl(5)). */
enum { ACL_HEAD = 4, ACL_USER = 0x02, ACL_GROUP = 0x08 };

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

/* Which names and flags want a capability, the kernel knows; the supervisor has
 * none of those (start.c). */
static int read_attribute(const struct seccomp_notif *n, char *name,
                          size_t size)
{
    int err = sup_caller_string((pid_t)n->pid, n->data.args[1], name, size);

    if (err == 0)
        return 0;
    return err == ENAMETOOLONG ? ERANGE : EFAULT;
}

/* linux/posix_acl_xattr.h: the ids in an access list are those of the caller's
 * user namespace, and ours is another.  0 or SUP_NO_SUCH_ID. */
static int translate_acl(const struct sup *s, const char *name, char *value,
                         size_t size)
{
    struct {
        uint16_t tag, perm;
        uint32_t id;
    } e;

    if (strcmp(name, "system.posix_acl_access") != 0 &&
        strcmp(name, "system.posix_acl_default") != 0)
        return 0;
    for (size_t at = ACL_HEAD; at + sizeof(e) <= size; at += sizeof(e)) {
        memcpy(&e, value + at, sizeof(e));
        if (e.tag != ACL_USER && e.tag != ACL_GROUP)
            continue;
        if (e.id != (e.tag == ACL_USER ? s->uid : s->gid))
            return SUP_NO_SUCH_ID;
        e.id = 0;
        memcpy(value + at, &e, sizeof(e));
    }
    return 0;
}

static int do_setxattr(const struct sup *s, const struct seccomp_notif *n,
                       const struct held *h)
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
    if (err == 0)
        err = translate_acl(s, name, value, size);
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

/* The argument of one of the two requests. */
struct flags_request {
    bool extended; /* FS_IOC_FSSETXATTR */
    int flags;
    struct fsxattr attr;
};

/* 0 or EFAULT. */
static int read_flags(const struct seccomp_notif *n, struct flags_request *ret)
{
    const uint64_t at = n->data.args[2];
    int err;

    *ret = (struct flags_request){.extended = (uint32_t)n->data.args[1] ==
                                              (uint32_t)FS_IOC_FSSETXATTR};
    err = ret->extended ? sup_caller_read((pid_t)n->pid, at, &ret->attr,
                                          sizeof(ret->attr))
                        : sup_caller_read((pid_t)n->pid, at, &ret->flags,
                                          sizeof(ret->flags));
    return err == 0 ? 0 : EFAULT;
}

/* Those that take CAP_LINUX_IMMUTABLE. */
static int privileged_flags(const struct flags_request *r)
{
    return r->extended ? (int)(r->attr.fsx_xflags &
                               (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND))
                       : r->flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}

static int do_ioctl(const struct seccomp_notif *n, int fd)
{
    struct flags_request r;

    if (read_flags(n, &r) != 0)
        return EFAULT;
    return (r.extended ? ioctl(fd, FS_IOC_FSSETXATTR, &r.attr)
                       : ioctl(fd, FS_IOC_SETFLAGS, &r.flags)) == 0
               ? 0
               : errno;
}

void sup_files_add_memory(const struct seccomp_notif *n,
                          const struct file_call *row, struct channel_msg *m)
{
    struct flags_request r;
    char name[256] = "";

    sup_leave();
    if (row->check == CHANNEL_CHECK_FLAGS && read_flags(n, &r) == 0)
        m->flags = privileged_flags(&r);
    if (row->check == CHANNEL_CHECK_XATTR &&
        read_attribute(n, name, sizeof(name)) != 0)
        name[0] = '\0';
    sup_return();
    (void)channel_msg_add(m, name);
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
        return SUP_NO_SUCH_ID;
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
        return do_setxattr(s, n, &h);
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

/* Modes of the machine's files in a procfs are the same in every one: the kernel
 * keeps them once. */
int sup_perform(const struct sup *s, const struct seccomp_notif *n, int fd)
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
