/* Which mount something lies on. */
#ifndef SRT_LAUNCHER_LINUX_MOUNT_ID_H
#define SRT_LAUNCHER_LINUX_MOUNT_ID_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

/* The id of the mount of `name` in directory dirfd, symlinks not followed; ""
 * for dirfd itself (statx(2), Linux 5.8).  0: it cannot be told. */
static inline uint64_t mount_id(int dirfd, const char *name)
{
    struct statx x;

    if (statx(dirfd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID,
              &x) != 0 ||
        (x.stx_mask & STATX_MNT_ID) == 0)
        return 0;
    return x.stx_mnt_id;
}

#endif
