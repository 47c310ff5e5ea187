/* Which system call on files takes what: one row each, for the supervisor, which
 * is asked, and the masks, which look at who asks. */
#ifndef SRT_LAUNCHER_LINUX_FILE_CALLS_H
#define SRT_LAUNCHER_LINUX_FILE_CALLS_H

#include <linux/types.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "launcher/events/event.h"
#include "launcher/linux/channel.h"

/* Newer processors do not have these: numbers that no call has. */
#ifndef SYS_creat
# define SYS_creat (-1) /* NOLINT(bugprone-reserved-identifier) */
# define SYS_rmdir (-2) /* NOLINT(bugprone-reserved-identifier) */
#endif

enum file_call_kind {
    FILE_CALL_PATH,     /* one name, as it is */
    FILE_CALL_FOLLOW,   /* one name, after symlinks */
    FILE_CALL_OPEN,     /* open(2): depends on the flags */
    FILE_CALL_AT_FLAGS, /* follows unless AT_SYMLINK_NOFOLLOW; AT_EMPTY_PATH or
                         a NULL path means the descriptor */
    FILE_CALL_TWO,      /* two names: rename, link */
    FILE_CALL_DESCRIPTOR, /* a descriptor alone */
    FILE_CALL_BIND,       /* bind(2) */
};

/* Argument numbers; -1: the call has none (a dirfd is then the cwd). */
struct file_call {
    int nr;
    enum file_call_kind kind;
    int8_t dirfd, path, dirfd2, path2, flags;
    enum events_op op;
    enum channel_check check;
};

/* The row of a system call, or NULL. */
const struct file_call *file_calls_row(int nr);

/* The flags of a call, those of open(2) as far as they count; 0 without any. */
int file_calls_flags(const struct file_call *row, const __u64 args[6]);

/* Fill nr, op, check, flags, owner and group of *m for a call with these
 * arguments. */
void file_calls_describe(const struct file_call *row, const __u64 args[6],
                         struct channel_msg *m);

#endif
