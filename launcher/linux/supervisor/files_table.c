#include <fcntl.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/macros.h"
#include "launcher/linux/supervisor/files.h"

#define WRITE    EVENTS_OP_FILE_WRITE
#define CREATE   EVENTS_OP_FILE_CREATE
#define DELETE   EVENTS_OP_FILE_DELETE
#define RENAME   EVENTS_OP_FILE_RENAME
#define C(check) CHANNEL_CHECK_##check

#ifndef SYS_fchmodat2
# define SYS_fchmodat2 452 /* NOLINT Linux 6.6; the same everywhere */
#endif

static const struct files_row rows[] = {
/* nr, kind, dirfd, path, dirfd2, path2, flags, op, check */
#ifdef SYS_open /* the calls that newer architectures do not have */
    {SYS_open, FILES_OPEN, -1, 0, -1, -1, 1, WRITE, C(OPEN)},
    {SYS_creat, FILES_OPEN, -1, 0, -1, -1, -1, CREATE, C(OPEN)},
    {SYS_mkdir, FILES_PATH, -1, 0, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_mknod, FILES_PATH, -1, 0, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_link, FILES_TWO, -1, 0, -1, 1, -1, CREATE, C(LINK)},
    {SYS_symlink, FILES_PATH, -1, 1, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_rename, FILES_TWO, -1, 0, -1, 1, -1, RENAME, C(RENAME)},
    {SYS_unlink, FILES_PATH, -1, 0, -1, -1, -1, DELETE, C(REMOVE)},
    {SYS_rmdir, FILES_PATH, -1, 0, -1, -1, -1, DELETE, C(REMOVE)},
    {SYS_chmod, FILES_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(MODE)},
    {SYS_chown, FILES_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(OWNER)},
    {SYS_lchown, FILES_PATH, -1, 0, -1, -1, -1, WRITE, C(OWNER)},
    {SYS_utime, FILES_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(TIMES)},
    {SYS_utimes, FILES_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(TIMES)},
    {SYS_futimesat, FILES_FOLLOW, 0, 1, -1, -1, -1, WRITE, C(TIMES)},
#endif
    {SYS_openat, FILES_OPEN, 0, 1, -1, -1, 2, WRITE, C(OPEN)},
    {SYS_mkdirat, FILES_PATH, 0, 1, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_mknodat, FILES_PATH, 0, 1, -1, -1, -1, CREATE, C(CREATE)},
    {SYS_linkat, FILES_TWO, 0, 1, 2, 3, 4, CREATE, C(LINK)},
    {SYS_symlinkat, FILES_PATH, 1, 2, -1, -1, -1, CREATE, C(CREATE)},
#ifdef SYS_renameat
    {SYS_renameat, FILES_TWO, 0, 1, 2, 3, -1, RENAME, C(RENAME)},
#endif
    {SYS_renameat2, FILES_TWO, 0, 1, 2, 3, 4, RENAME, C(RENAME)},
    {SYS_unlinkat, FILES_PATH, 0, 1, -1, -1, 2, DELETE, C(REMOVE)},
    {SYS_truncate, FILES_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(OPEN)},
    {SYS_fchmod, FILES_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(MODE)},
    {SYS_fchmodat, FILES_FOLLOW, 0, 1, -1, -1, -1, WRITE, C(MODE)},
    {SYS_fchmodat2, FILES_AT_FLAGS, 0, 1, -1, -1, 3, WRITE, C(MODE)},
    {SYS_fchown, FILES_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(OWNER)},
    {SYS_fchownat, FILES_AT_FLAGS, 0, 1, -1, -1, 4, WRITE, C(OWNER)},
    {SYS_utimensat, FILES_AT_FLAGS, 0, 1, -1, -1, 3, WRITE, C(TIMES)},
    {SYS_setxattr, FILES_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_lsetxattr, FILES_PATH, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_fsetxattr, FILES_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_removexattr, FILES_FOLLOW, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_lremovexattr, FILES_PATH, -1, 0, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_fremovexattr, FILES_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(XATTR)},
    {SYS_ioctl, FILES_DESCRIPTOR, 0, -1, -1, -1, -1, WRITE, C(FLAGS)},
    {SYS_bind, FILES_BIND, -1, -1, -1, -1, -1, CREATE, C(CREATE)},
};

const struct files_row *sup_files_row(int nr)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (rows[i].nr == nr)
            return &rows[i];
    return NULL;
}

/* The arguments of a change of mode, owner or times follow what it changes. */
static int first_value(const struct files_row *row)
{
    return row->path < 0 ? 1 : row->path + 1;
}

int sup_files_flags(const struct files_row *row, const __u64 args[6])
{
    const int flags = row->flags < 0 ? 0 : (int)args[row->flags];

    if (row->nr == SYS_creat)
        return O_CREAT | O_WRONLY | O_TRUNC;
    /* Of the others O_PATH takes no notice (open(2)). */
    if (row->kind == FILES_OPEN && (flags & O_PATH) != 0)
        return flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW);
    return flags;
}

void sup_files_describe(const struct files_row *row, const __u64 args[6],
                        struct channel_msg *m)
{
    const int value = first_value(row);

    m->nr = row->nr;
    m->op = (int32_t)row->op;
    m->check = (int32_t)row->check;
    m->flags = sup_files_flags(row, args);
    switch (row->nr) {
    case SYS_rmdir:
        m->flags = AT_REMOVEDIR;
        break;
    case SYS_truncate:
        m->flags = O_WRONLY;
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
