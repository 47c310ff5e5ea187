#include "launcher/linux/file_calls.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/macros.h"

#define WRITE    EVENTS_OP_FILE_WRITE
#define CREATE   EVENTS_OP_FILE_CREATE
#define DELETE   EVENTS_OP_FILE_DELETE
#define RENAME   EVENTS_OP_FILE_RENAME
#define C(check) CHANNEL_CHECK_##check

#ifndef SYS_fchmodat2
# define SYS_fchmodat2 452 /* NOLINT Linux 6.6; the same everywhere */
#endif

static const struct file_call rows[] = {
/* nr, kind, dirfd, path, dirfd2, path2, flags, op, check */
#ifdef SYS_open /* the calls that newer architectures do not have */
    {SYS_open, FILE_CALL_OPEN, -1, 0, -1, -1, 1, WRITE, C(OPEN)},
    {SYS_creat, FILE_CALL_OPEN, -1, 0, -1, -1, -1, CREATE, C(OPEN)},
    {SYS_mkdir, FILE_CALL_PATH, -1, 0, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_mknod, FILE_CALL_PATH, -1, 0, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_link, FILE_CALL_TWO, -1, 0, -1, 1, -1, CREATE, C(LINK)},
    {SYS_symlink, FILE_CALL_PATH, -1, 1, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_rename, FILE_CALL_TWO, -1, 0, -1, 1, -1, RENAME, C(RENAME)},
    {SYS_unlink, FILE_CALL_PATH, -1, 0, -1, -1, -1, DELETE, C(REMOVE)},
    {SYS_rmdir, FILE_CALL_PATH, -1, 0, -1, -1, -1, DELETE, C(REMOVE)},
    {SYS_chmod, FILE_CALL_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(MODE)},
    {SYS_chown, FILE_CALL_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(OWNER)},
    {SYS_lchown, FILE_CALL_PATH, -1, 0, -1, -1, -1, WRITE, C(OWNER)},
    {SYS_utime, FILE_CALL_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(TIMES)},
    {SYS_utimes, FILE_CALL_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(TIMES)},
    {SYS_futimesat, FILE_CALL_FOLLOW, 0, 1, -1, -1, -1, WRITE, C(TIMES)},
#endif
    {SYS_openat, FILE_CALL_OPEN, 0, 1, -1, -1, 2, WRITE, C(OPEN)},
    {SYS_mkdirat, FILE_CALL_PATH, 0, 1, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_mknodat, FILE_CALL_PATH, 0, 1, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_linkat, FILE_CALL_TWO, 0, 1, 2, 3, 4, CREATE, C(LINK)},
    {SYS_symlinkat, FILE_CALL_PATH, 1, 2, -1, -1, -1, CREATE, C(CREATE)},
#ifdef SYS_renameat
    {SYS_renameat, FILE_CALL_TWO, 0, 1, 2, 3, -1, RENAME, C(RENAME)},
#endif
    {SYS_renameat2, FILE_CALL_TWO, 0, 1, 2, 3, 4, RENAME, C(RENAME)},
    {SYS_unlinkat, FILE_CALL_PATH, 0, 1, -1, -1, 2, DELETE, C(REMOVE)},
    {SYS_truncate, FILE_CALL_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(OPEN)},
    {SYS_fchmod, FILE_CALL_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(MODE)},
    {SYS_fchmodat, FILE_CALL_FOLLOW, 0, 1, -1, -1, -1, WRITE, C(MODE)},
    {SYS_fchmodat2, FILE_CALL_AT_FLAGS, 0, 1, -1, -1, 3, WRITE, C(MODE)},
    {SYS_fchown, FILE_CALL_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(OWNER)},
    {SYS_fchownat, FILE_CALL_AT_FLAGS, 0, 1, -1, -1, 4, WRITE, C(OWNER)},
    {SYS_utimensat, FILE_CALL_AT_FLAGS, 0, 1, -1, -1, 3, WRITE, C(TIMES)},
    {SYS_setxattr, FILE_CALL_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_lsetxattr, FILE_CALL_PATH, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_fsetxattr, FILE_CALL_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_removexattr, FILE_CALL_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_lremovexattr, FILE_CALL_PATH, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_fremovexattr, FILE_CALL_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE,
     C(XATTR)},
    {SYS_ioctl, FILE_CALL_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(FLAGS)},
    {SYS_bind, FILE_CALL_BIND, -1, -1, -1, -1, -1, CREATE, C(CREATE)},
};

const struct file_call *file_calls_row(int nr)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (rows[i].nr == nr)
            return &rows[i];
    return NULL;
}

/* The arguments of a change of mode, owner or times follow what it changes. */
static int first_value(const struct file_call *row)
{
    return row->path < 0 ? 1 : row->path + 1;
}

int file_calls_flags(const struct file_call *row, const __u64 args[6])
{
    const int flags = row->flags < 0 ? 0 : (int)args[row->flags];

    if (row->nr == SYS_creat)
        return O_CREAT | O_WRONLY | O_TRUNC;
    /* Of the others O_PATH takes no notice (open(2)). */
    if (row->kind == FILE_CALL_OPEN && (flags & O_PATH) != 0)
        return flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW);
    return flags;
}

/* Does the call mean what a last symlink leads to? */
static bool follows(const struct file_call *row, const __u64 args[6])
{
    const int flags = file_calls_flags(row, args);

    switch (row->kind) {
    case FILE_CALL_FOLLOW:
        return true;
    case FILE_CALL_AT_FLAGS:
        return (flags & AT_SYMLINK_NOFOLLOW) == 0;
    case FILE_CALL_OPEN:
        return (flags & O_NOFOLLOW) == 0 &&
               (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    default:
        return false;
    }
}

void file_calls_describe(const struct file_call *row, const __u64 args[6],
                         struct channel_msg *m)
{
    const int value = first_value(row);

    m->nr = row->nr;
    m->op = (int32_t)row->op;
    m->check = (int32_t)row->check;
    m->flags = file_calls_flags(row, args);
    m->follows = follows(row, args);
    switch (row->nr) {
    case SYS_rmdir:
        m->flags = AT_REMOVEDIR;
        break;
    case SYS_truncate:
        m->flags = O_WRONLY;
        break;
#ifdef SYS_mknod
    case SYS_mknod:
#endif
    case SYS_mknodat:
        m->flags = (int32_t)args[value]; /* the mode */
        break;
    default:
        break;
    }
    if (row->check == CHANNEL_CHECK_OWNER) {
        m->owner = (uint32_t)args[value];
        m->group = (uint32_t)args[value + 1];
    } else if (row->check == CHANNEL_CHECK_TIMES) {
        m->flags = args[value] != 0;
    }
}
