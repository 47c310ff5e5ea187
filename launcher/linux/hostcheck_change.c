/* Changes of what a file is: mode, owner, times, attributes, flags. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "launcher/linux/hostcheck_parts.h"

bool hostcheck_is_capable(unsigned cap)
{
    struct __user_cap_header_struct h = {
        .version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2] = {0};

    return syscall(SYS_capget, &h, d) == 0 &&
           (d[cap / 32].effective & 1u << cap % 32) != 0;
}

bool hostcheck_is_owner(const struct hostcheck_name *n)
{
    return n->st.st_uid == geteuid() || hostcheck_is_capable(CAP_FOWNER);
}

/* What every change of what a file is needs. */
static int check_change(const struct hostcheck_name *n)
{
    SRT_AUTO_FD int fd = -1;

    if (!n->exists)
        return n->why_not;
    /* It may be a mount of its own. */
    fd = openat(n->dir, n->text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno;
    return hostcheck_is_read_only(fd) ? EROFS : 0;
}

int hostcheck_change_mode(const struct hostcheck_name *n)
{
    int err = check_change(n);

    if (err == 0 && S_ISLNK(n->st.st_mode))
        return EOPNOTSUPP;
    return err != 0 || hostcheck_is_owner(n) ? err : EPERM;
}

static bool in_group(gid_t gid)
{
    int n = getgroups(0, NULL);
    gid_t *groups = n > 0 ? calloc((size_t)n, sizeof(*groups)) : NULL;
    bool found = gid == getegid();

    n = groups != NULL ? getgroups(n, groups) : 0;
    for (int i = 0; i < n; i++)
        found |= groups[i] == gid;
    free(groups);
    return found;
}

/* chown_ok() and chgrp_ok() of fs/attr.c. */
int hostcheck_change_owner(const struct hostcheck_name *n, uid_t uid, gid_t gid)
{
    const bool own = n->st.st_uid == geteuid();
    const bool uid_ok = uid == (uid_t)-1 || (own && uid == n->st.st_uid);
    const bool gid_ok = gid == (gid_t)-1 ||
                        (own && (gid == n->st.st_gid || in_group(gid)));
    int err = check_change(n);

    if (err != 0 || (uid_ok && gid_ok) || hostcheck_is_capable(CAP_CHOWN))
        return err;
    return EPERM;
}

/* To now: also who may write. */
int hostcheck_change_times(const struct hostcheck_name *n, bool to_given)
{
    int err = check_change(n);

    if (err != 0 || hostcheck_is_owner(n))
        return err;
    return to_given ? EPERM : hostcheck_may(n->dir, n->text, W_OK);
}

int hostcheck_change_flags(const struct hostcheck_name *n, int privileged)
{
    int err = hostcheck_change_mode(n);

    return err != 0 || privileged == 0 ||
                   hostcheck_is_capable(CAP_LINUX_IMMUTABLE)
               ? err
               : EPERM;
}

#define ACL "system.posix_acl"

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* xattr(7): user attributes only of files and directories, and only by who may
 * write; those of the system by the owner, of the kernel by root. */
static int may_change_xattr(const struct hostcheck_name *n,
                            const char *attribute)
{
    if (begins(attribute, "user.")) {
        if (!S_ISREG(n->st.st_mode) && !S_ISDIR(n->st.st_mode))
            return EPERM;
        if (S_ISDIR(n->st.st_mode) && (n->st.st_mode & S_ISVTX) != 0 &&
            !hostcheck_is_owner(n))
            return EPERM;
        return hostcheck_may(n->dir, n->text, W_OK);
    }
    if (begins(attribute, "trusted.") ||
        (begins(attribute, "security.") &&
         strcmp(attribute, "security.capability") != 0))
        return hostcheck_is_capable(CAP_SYS_ADMIN) ? 0 : EPERM;
    if (begins(attribute, "security."))
        return hostcheck_is_capable(CAP_SETFCAP) ? 0 : EPERM;
    if (!begins(attribute, "system."))
        return EOPNOTSUPP;
    if (strcmp(attribute, ACL "_default") == 0 && !S_ISDIR(n->st.st_mode))
        return EACCES;
    return hostcheck_is_owner(n) ? 0 : EPERM;
}

int hostcheck_change_xattr(const struct hostcheck_name *n,
                           const char *attribute, int nr)
{
    bool removes = nr == SYS_removexattr || nr == SYS_lremovexattr ||
                   nr == SYS_fremovexattr;
    char path[64];
    SRT_AUTO_FD int fd = -1;
    int err = check_change(n);

    if (err == 0)
        err = may_change_xattr(n, attribute);
    /* An access list that is not there can be removed. */
    if (err != 0 || !removes || begins(attribute, ACL))
        return err;
    fd = openat(n->dir, n->text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return getxattr(path, attribute, NULL, 0) < 0 ? errno : 0;
}
