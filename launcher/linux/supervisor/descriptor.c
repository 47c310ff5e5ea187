/*
 * Calls on a descriptor.  Never continued: between our look and the kernel's a
 * second thread could put a file of the host (standard input) in its place.
 * The descriptor is taken, judged where it is, and the call performed on what
 * we hold, with the caller's own credentials (the supervisor has no others).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/path.h"
#include "launcher/linux/supervisor/files.h"

enum { XATTR_MAX = 65536 /* XATTR_SIZE_MAX of linux/limits.h */ };

/* ---- performing ---- */

static int do_times(const struct seccomp_notif *n, int fd)
{
    struct timespec times[2];
    uint64_t at = n->data.args[2];

    if (at != 0 &&
        sup_caller_read((pid_t)n->pid, at, times, sizeof(times)) != 0)
        return EFAULT;
    return utimensat(fd, "", at != 0 ? times : NULL, AT_EMPTY_PATH) == 0
               ? 0
               : errno;
}

/* f*xattr do not take O_PATH descriptors, and neither do we. */
static int do_setxattr(const struct seccomp_notif *n, int fd)
{
    char name[256];
    size_t size = n->data.args[3];
    char *value;
    int err = sup_caller_string((pid_t)n->pid, n->data.args[1], name,
                                sizeof(name));

    if (err != 0)
        return err == ENAMETOOLONG ? ERANGE : EFAULT;
    if (size > XATTR_MAX)
        return E2BIG;
    value = malloc(size + 1);
    if (value == NULL)
        return ENOMEM;
    err = size > 0
              ? sup_caller_read((pid_t)n->pid, n->data.args[2], value, size)
              : 0;
    if (err == 0 && fsetxattr(fd, name, value, size, (int)n->data.args[4]) != 0)
        err = errno;
    free(value);
    return err;
}

static int do_removexattr(const struct seccomp_notif *n, int fd)
{
    char name[256];

    if (sup_caller_string((pid_t)n->pid, n->data.args[1], name, sizeof(name)) !=
        0)
        return EFAULT;
    return fremovexattr(fd, name) == 0 ? 0 : errno;
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

static int perform(const struct seccomp_notif *n, int fd)
{
    const __u64 *a = n->data.args;

    switch (n->data.nr) {
    case SYS_fchmod:
        return fchmod(fd, (mode_t)a[1]) == 0 ? 0 : errno;
    case SYS_fchown:
        return fchown(fd, (uid_t)a[1], (gid_t)a[2]) == 0 ? 0 : errno;
    case SYS_fchownat:
        return fchownat(fd, "", (uid_t)a[2], (gid_t)a[3], AT_EMPTY_PATH) == 0
                   ? 0
                   : errno;
    case SYS_utimensat:
        return do_times(n, fd);
    case SYS_fsetxattr:
        return do_setxattr(n, fd);
    case SYS_fremovexattr:
        return do_removexattr(n, fd);
    case SYS_ioctl:
        return do_ioctl(n, fd);
    default: /* fchmodat2 with AT_EMPTY_PATH */
        return syscall(n->data.nr, fd, "", (mode_t)a[2], AT_EMPTY_PATH) == 0
                   ? 0
                   : errno;
    }
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

/* The real path in the sandbox of what fd is, or "" when it has none. */
static void locate(struct sup *s, int fd, char *out, size_t size)
{
    SRT_AUTO_FD int there = -1;
    struct stat a;
    struct stat b;

    if (sup_real_path(s, fd, out, size) != 0 || fstat(fd, &a) != 0) {
        out[0] = '\0';
        return;
    }
    there = open(out, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (there < 0 || fstat(there, &b) != 0 || a.st_dev != b.st_dev ||
        a.st_ino != b.st_ino)
        out[0] = '\0';
}

void sup_descriptor_call(struct sup *s, const struct seccomp_notif *n,
                         const struct files_row *row, int fd)
{
    SRT_AUTO_FD int mine = sup_caller_fd((pid_t)n->pid, fd);
    static struct channel_msg m;
    char path[SRT_PATH_MAX];
    char parent[SRT_PATH_MAX];
    struct policy_decision d = {.verdict = POLICY_ALLOW};
    const char *name;
    struct stat st;

    if (mine < 0) {
        sup_answer(s, n->id, errno == EPERM ? EACCES : EBADF, 0);
        return;
    }
    if (!sup_valid(s, n->id))
        return;
    locate(s, mine, path, sizeof(path));
    if (path[0] != '\0')
        d = policy_decide_write(s->image, path);
    else if (fstat(mine, &st) != 0 ||
             ((S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) && st.st_nlink > 0 &&
              !on_own_mount(s, mine)))
        d = (struct policy_decision){POLICY_DENY, "/filesystem/allowWrite",
                                     "a file of the host without a name here"};
    if (d.verdict == POLICY_ALLOW) {
        sup_answer(s, n->id, perform(n, mine), 0);
        return;
    }
    name = srt_path_split(path[0] != '\0' ? path : "/?", parent,
                          sizeof(parent));
    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    m.op = (int32_t)row->op;
    m.check = path[0] != '\0' ? (int32_t)row->check : CHANNEL_CHECK_NONE;
    m.error = sup_files_errno(&d, row->check);
    (void)channel_msg_add(&m, parent);
    (void)channel_msg_add(&m, name != NULL ? name : "?");
    (void)channel_msg_add(&m, "");
    sup_files_add_attribute(&m, n, row);
    sup_refuse(s, n, &m);
}
