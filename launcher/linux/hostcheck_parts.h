/* Between the files of the host check. */
#ifndef SRT_LAUNCHER_LINUX_HOSTCHECK_PARTS_H
#define SRT_LAUNCHER_LINUX_HOSTCHECK_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "launcher/linux/channel.h"

#ifndef RENAME_NOREPLACE
# define RENAME_NOREPLACE 1
# define RENAME_EXCHANGE  2
#endif

/* One name on the host. */
struct hostcheck_name {
    int dir; /* owned, O_PATH */
    const char *text;
    bool exists;
    int why_not; /* errno of looking it up, when it does not exist */
    struct stat st, dir_st;
};

/* hostcheck.c */

/* faccessat(2) with effective ids; 0 or an errno. */
int hostcheck_may(int dir, const char *name, int mode);
/* Does the descriptor lie on a mount that is read-only? */
bool hostcheck_is_read_only(int fd);

/* Has srt this capability outside (capabilities(7))? */
bool hostcheck_is_capable(unsigned cap);

/* hostcheck_form.c: 0, or the errno of flags; of names that are reached (b: the
 * second, if there is one) */
int hostcheck_form_flags(const struct channel_msg *m);
int hostcheck_form(const struct channel_msg *m, const struct hostcheck_name *a,
                   const struct hostcheck_name *b);

/* hostcheck_change.c: 0, or the errno that the kernel would have */

/* inode_owner_or_capable() of the kernel. */
bool hostcheck_is_owner(const struct hostcheck_name *n);
int hostcheck_change_mode(const struct hostcheck_name *n);
/* UINT32_MAX: stays. */
int hostcheck_change_owner(const struct hostcheck_name *n, uid_t uid,
                           gid_t gid);
/* To given times, or to now. */
int hostcheck_change_times(const struct hostcheck_name *n, bool to_given);
/* privileged: the flags among them that take a capability. */
int hostcheck_change_flags(const struct hostcheck_name *n, int privileged);
/* By system call nr (setxattr(2), removexattr(2) and their kin). */
int hostcheck_change_xattr(const struct hostcheck_name *n,
                           const char *attribute, int nr);

#endif
