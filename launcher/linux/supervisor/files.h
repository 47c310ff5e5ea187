/* Which notified call takes what: one row a system call. */
#ifndef SRT_LAUNCHER_LINUX_SUPERVISOR_FILES_H
#define SRT_LAUNCHER_LINUX_SUPERVISOR_FILES_H

#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "launcher/events/event.h"
#include "launcher/linux/channel.h"
#include "launcher/linux/supervisor/supervisor.h"

/* Newer processors do not have these: numbers that no call has. */
#ifndef SYS_creat
# define SYS_creat (-1) /* NOLINT(bugprone-reserved-identifier) */
# define SYS_rmdir (-2) /* NOLINT(bugprone-reserved-identifier) */
#endif

enum files_kind {
    FILES_PATH,       /* one name, as it is */
    FILES_FOLLOW,     /* one name, after symlinks */
    FILES_OPEN,       /* open(2): depends on the flags */
    FILES_AT_FLAGS,   /* follows unless AT_SYMLINK_NOFOLLOW; AT_EMPTY_PATH or
                         a NULL path means the descriptor */
    FILES_TWO,        /* two names: rename, link */
    FILES_DESCRIPTOR, /* a descriptor alone */
    FILES_BIND,       /* bind(2) */
};

/* Argument numbers; -1: the call has none (a dirfd is then the cwd). */
struct files_row {
    int nr;
    enum files_kind kind;
    int8_t dirfd, path, dirfd2, path2, flags;
    enum events_op op;
    enum channel_check check;
};

/* The row of a system call, or NULL. */
const struct files_row *sup_files_row(int nr);

/* descriptor.c: a call on descriptor `fd` of the caller, performed on what it
 * is, or refused. */
void sup_descriptor_call(struct sup *s, const struct seccomp_notif *n,
                         const struct files_row *row, int fd);

/* descriptor.c: perform an allowed change of mode, owner, times or attributes on
 * the object that `at` is, and answer. */
void sup_path_perform(struct sup *s, const struct seccomp_notif *n,
                      const struct sup_entry *at);

/* The attribute's name, where the check wants it, else "": the fourth text. */
void sup_files_add_attribute(struct channel_msg *m,
                             const struct seccomp_notif *n,
                             const struct files_row *row);

/* What a refused write is answered with (docs/policy.md, "What a refusal looks
 * like"): by the deciding rule and what was tried. */
int sup_files_errno(const struct policy_decision *d, enum channel_check check);

#endif
