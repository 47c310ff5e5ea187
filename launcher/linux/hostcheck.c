/*
 * The question is always: would the call have got past this point without srt,
 * for this user, now?  Each check follows the order in which the kernel's own
 * call looks at things (fs/namei.c), so that of two reasons the right one is
 * named.
 */
#include "launcher/linux/hostcheck.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/path.h"
#include "launcher/linux/hostcheck_parts.h"
#include "launcher/linux/mount_id.h"

#define AUTO_NAME __attribute__((cleanup(release_name)))

static void release_name(struct hostcheck_name *n)
{
    srt_fd_close(&n->dir);
}

/* 0, or the errno of reaching the parent directory. */
static int open_name(const char *dir, const char *text,
                     struct hostcheck_name *ret)
{
    ret->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ret->text = text[0] != '\0' ? text : "."; /* "/" itself */
    if (ret->dir < 0 || fstat(ret->dir, &ret->dir_st) != 0)
        return errno;
    ret->exists = fstatat(ret->dir, ret->text, &ret->st, AT_SYMLINK_NOFOLLOW) ==
                  0;
    ret->why_not = ret->exists ? 0 : errno;
    return 0;
}

int hostcheck_may(int dir, const char *name, int mode)
{
    return faccessat(dir, name, mode, AT_EACCESS) == 0 ? 0 : errno;
}

static int may_change_dir(const struct hostcheck_name *n)
{
    return hostcheck_may(n->dir, ".", W_OK | X_OK);
}

/* Sticky directories: only the owner of the file or of the directory. */
static int may_delete(const struct hostcheck_name *n)
{
    int err = may_change_dir(n);

    if (err != 0)
        return err;
    if ((n->dir_st.st_mode & S_ISVTX) != 0 && n->dir_st.st_uid != geteuid() &&
        !hostcheck_is_owner(n))
        return EPERM;
    return 0;
}

bool hostcheck_is_read_only(int dir)
{
    struct statvfs v;

    return fstatvfs(dir, &v) == 0 && (v.f_flag & ST_RDONLY) != 0;
}

/* Has this process the file open?  Opening a FIFO to see would wake whoever
 * reads it. */
static bool has_open(int proc, const char *pid, const struct stat *st)
{
    char path[64];
    SRT_AUTO_FD int fd = -1;
    DIR *d;
    const struct dirent *e;
    bool found = false;

    (void)snprintf(path, sizeof(path), "%.20s/fd", pid);
    fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL)
        return false;
    while (!found && (e = readdir(d)) != NULL) { /* NOLINT: own stream */
        struct stat other;

        found = fstatat(fd, e->d_name, &other, 0) == 0 &&
                S_ISFIFO(other.st_mode) && other.st_dev == st->st_dev &&
                other.st_ino == st->st_ino;
    }
    (void)srt_fd_take(&fd);
    (void)closedir(d);
    return found;
}

/* Nobody that we can see has the FIFO open. */
static bool lacks_reader(const struct hostcheck_name *n)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    bool found = d == NULL; /* it cannot be known */

    while (!found && (e = readdir(d)) != NULL) /* NOLINT */
        found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
                has_open(dirfd(d), e->d_name, &n->st);
    if (d != NULL)
        (void)closedir(d);
    return !found;
}

static int check_open_existing(const struct hostcheck_name *n, int flags)
{
    int mode = 0;
    int access_mode = flags & O_ACCMODE;
    int err;

    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return EEXIST;
    if (S_ISLNK(n->st.st_mode))
        return (flags & O_NOFOLLOW) != 0 ? ELOOP : 0;
    if (S_ISDIR(n->st.st_mode) &&
        (access_mode != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0))
        return EISDIR;
    if ((flags & O_DIRECTORY) != 0 && !S_ISDIR(n->st.st_mode))
        return ENOTDIR;
    if (access_mode != O_WRONLY)
        mode |= R_OK;
    if (access_mode != O_RDONLY || (flags & O_TRUNC) != 0)
        mode |= W_OK;
    err = hostcheck_may(n->dir, n->text, mode);
    if (err == EROFS || err == EACCES || err == ETXTBSY)
        return err;
    if (err == 0 && S_ISFIFO(n->st.st_mode) && access_mode == O_WRONLY &&
        (flags & O_NONBLOCK) != 0 && lacks_reader(n))
        return ENXIO;
    if (err == 0 && S_ISSOCK(n->st.st_mode))
        return ENXIO;
    return err;
}

static int check_open(const struct hostcheck_name *n, int flags)
{
    int err;

    if ((flags & O_TMPFILE) == O_TMPFILE) {
        if (!n->exists)
            return n->why_not;
        if (!S_ISDIR(n->st.st_mode))
            return ENOTDIR;
        return hostcheck_may(n->dir, n->text, W_OK | X_OK);
    }
    if (n->exists)
        return check_open_existing(n, flags);
    if (n->why_not != ENOENT || (flags & O_CREAT) == 0)
        return n->why_not;
    if ((flags & O_DIRECTORY) != 0)
        return EINVAL;
    err = may_change_dir(n);
    return err == 0 && hostcheck_is_read_only(n->dir) ? EROFS : err;
}

static int check_truncate(const struct hostcheck_name *n)
{
    if (!n->exists)
        return n->why_not;
    if (S_ISDIR(n->st.st_mode))
        return EISDIR;
    return S_ISREG(n->st.st_mode) ? hostcheck_may(n->dir, n->text, W_OK)
                                  : EINVAL;
}

static int check_create(const struct hostcheck_name *n)
{
    if (n->exists)
        return EEXIST;
    if (n->why_not != ENOENT)
        return n->why_not;
    if (hostcheck_is_read_only(n->dir))
        return EROFS;
    return may_change_dir(n);
}

static bool is_empty(const struct hostcheck_name *n)
{
    int fd = openat(n->dir, n->text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;
    bool empty = true;

    if (d == NULL)
        return true; /* cannot be known; the removal itself would tell */
    while (empty && (e = readdir(d)) != NULL) /* NOLINT: own stream */
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    (void)closedir(d);
    return empty;
}

static bool is_root(const struct hostcheck_name *n)
{
    return n->text != NULL && strcmp(n->text, ".") == 0;
}

static int check_remove(const struct hostcheck_name *n, int flags)
{
    bool directory = (flags & AT_REMOVEDIR) != 0;
    int err;

    if (is_root(n))
        return directory ? EBUSY : EISDIR;
    if (!n->exists)
        return n->why_not;
    if (hostcheck_is_read_only(n->dir))
        return EROFS;
    err = may_delete(n);
    if (err != 0)
        return err;
    if (directory && !S_ISDIR(n->st.st_mode))
        return ENOTDIR;
    if (!directory && S_ISDIR(n->st.st_mode))
        return EISDIR;
    return directory && !is_empty(n) ? ENOTEMPTY : 0;
}

/* Reaching a name's directory comes before looking at any name in it. */
static bool is_shut(const struct hostcheck_name *n)
{
    return !n->exists && n->why_not == EACCES;
}

/* What a second name fails for, whatever comes to it. */
static int check_second(const struct channel_msg *m,
                        const struct hostcheck_name *to)
{
    const bool renames = m->check == CHANNEL_CHECK_RENAME;

    if (!to->exists && ((renames && (m->flags & RENAME_EXCHANGE) != 0) ||
                        to->why_not != ENOENT))
        return to->why_not;
    if (to->exists && (!renames || (m->flags & RENAME_NOREPLACE) != 0))
        return EEXIST;
    return 0;
}

/* Where it goes: over nothing, or over another of its kind. */
static int check_moved(const struct hostcheck_name *from,
                       const struct hostcheck_name *to, bool exchange)
{
    int err;

    if (!to->exists)
        return may_change_dir(to);
    err = may_delete(to);
    if (err != 0 || exchange)
        return err;
    if (S_ISDIR(from->st.st_mode) && !S_ISDIR(to->st.st_mode))
        return ENOTDIR;
    if (!S_ISDIR(from->st.st_mode) && S_ISDIR(to->st.st_mode))
        return EISDIR;
    return S_ISDIR(to->st.st_mode) && !is_empty(to) ? ENOTEMPTY : 0;
}

static int check_rename(const struct channel_msg *m,
                        const struct hostcheck_name *from,
                        const struct hostcheck_name *to)
{
    int err;

    if (is_root(from) || is_root(to))
        return EBUSY;
    if (is_shut(from) || is_shut(to))
        return EACCES;
    if (!from->exists)
        return from->why_not;
    err = check_second(m, to);
    if (err != 0)
        return err;
    if (hostcheck_is_read_only(from->dir))
        return EROFS;
    if (mount_id(from->dir, "") != mount_id(to->dir, "") ||
        from->st.st_dev != to->dir_st.st_dev)
        return EXDEV;
    if (to->exists && from->st.st_dev == to->st.st_dev &&
        from->st.st_ino == to->st.st_ino)
        return 0; /* the same file: nothing is done (rename(2)) */
    err = may_delete(from);
    /* Its ".." will be another. */
    if (err == 0 && S_ISDIR(from->st.st_mode) &&
        (from->dir_st.st_ino != to->dir_st.st_ino ||
         from->dir_st.st_dev != to->dir_st.st_dev))
        err = hostcheck_may(from->dir, from->text, W_OK);
    if (err != 0)
        return err;
    return check_moved(from, to, (m->flags & RENAME_EXCHANGE) != 0);
}

static int check_link(const struct channel_msg *m,
                      const struct hostcheck_name *from,
                      const struct hostcheck_name *to)
{
    int err;

    if (!from->exists)
        return from->why_not;
    err = check_second(m, to);
    if (err != 0)
        return err;
    if (mount_id(from->dir, from->text) != mount_id(to->dir, "") ||
        from->st.st_dev != to->dir_st.st_dev)
        return EXDEV;
    err = may_change_dir(to);
    if (err != 0)
        return err;
    if (S_ISDIR(from->st.st_mode))
        return EPERM;
    /* fs.protected_hardlinks: only what one owns, or may write. */
    if (!hostcheck_is_owner(from) &&
        (!S_ISREG(from->st.st_mode) ||
         (from->st.st_mode & (S_ISUID | S_ISGID)) != 0 ||
         hostcheck_may(from->dir, from->text, R_OK | W_OK) != 0))
        return EPERM;
    return 0;
}

/* One of the two names lies in the other.  Over a directory that holds it a
 * name may not move either, but that is ENOTEMPTY. */
static bool moves_into_itself(const struct channel_msg *m)
{
    char from[SRT_PATH_MAX];
    char to[SRT_PATH_MAX];
    bool exchange = (m->flags & RENAME_EXCHANGE) != 0;

    return srt_path_join(channel_msg_text(m, CHANNEL_DIR),
                         channel_msg_text(m, CHANNEL_NAME), from,
                         sizeof(from)) &&
           srt_path_join(channel_msg_text(m, CHANNEL_DIR2),
                         channel_msg_text(m, CHANNEL_NAME2), to, sizeof(to)) &&
           strcmp(from, to) != 0 &&
           (srt_path_under(to, from) || (exchange && srt_path_under(from, to)));
}

/* The parent inside and outside must be the same object: private mounts and a
 * host that changed meanwhile make it another.  (0: it is a mask.) */
static bool is_same(const struct channel_place *inside,
                    const struct hostcheck_name *n)
{
    return inside->ino == 0 ||
           (inside->ino == n->dir_st.st_ino && inside->dev == n->dir_st.st_dev);
}

/* Names that mean the same outside, though inside they stand in mounts of the
 * sandbox's own. */
static bool means_the_machine(const char *dir)
{
    return strcmp(dir, "/dev") == 0 || strcmp(dir, "/proc") == 0 ||
           srt_path_under(dir, "/proc/sys") || srt_path_under(dir, "/sys");
}

/* Reach one name: 0, or an errno; *ret_same whether it is the one inside. */
static int reach(const char *dir, const char *text,
                 const struct channel_place *inside, struct hostcheck_name *ret,
                 bool *ret_same)
{
    int err = open_name(dir, text, ret);

    /* What is not there at all is the sandbox's own, too. */
    *ret_same = means_the_machine(dir) ||
                (err == 0 ? is_same(inside, ret)
                          : inside->ino == 0 || err != ENOENT);
    return err;
}

static bool is_mknod(int nr)
{
#ifdef SYS_mknod
    if (nr == SYS_mknod)
        return true;
#endif
    return nr == SYS_mknodat;
}

static int check_node(mode_t mode)
{
    if (S_ISDIR(mode))
        return EPERM;
    return (S_ISCHR(mode) || S_ISBLK(mode)) && !hostcheck_is_capable(CAP_MKNOD)
               ? EPERM
               : 0;
}

static int check_connect(const struct hostcheck_name *n)
{
    if (!n->exists)
        return n->why_not;
    if (!S_ISSOCK(n->st.st_mode))
        return ECONNREFUSED;
    return hostcheck_may(n->dir, n->text, W_OK);
}

static int check(const struct channel_msg *m, const struct hostcheck_name *a,
                 const struct hostcheck_name *b)
{
    int err = hostcheck_form(m, a, b);

    if (err != 0)
        return err;
    switch ((enum channel_check)m->check) {
    case CHANNEL_CHECK_OPEN:
        if (m->nr == SYS_truncate)
            return check_truncate(a);
        return check_open(a, m->flags);
    case CHANNEL_CHECK_CREATE:
        err = check_create(a);
        if (err == 0 && is_mknod(m->nr))
            err = check_node((mode_t)m->flags);
        return m->nr == SYS_bind && err == EEXIST ? EADDRINUSE : err;
    case CHANNEL_CHECK_REMOVE:
        return check_remove(a, m->flags);
    case CHANNEL_CHECK_RENAME:
        if (a->exists && !is_root(a) && moves_into_itself(m))
            return EINVAL;
        return check_rename(m, a, b);
    case CHANNEL_CHECK_LINK:
        return check_link(m, a, b);
    case CHANNEL_CHECK_CONNECT:
        return check_connect(a);
    case CHANNEL_CHECK_MODE:
        return hostcheck_change_mode(a);
    case CHANNEL_CHECK_OWNER:
        return hostcheck_change_owner(a, m->owner, m->group);
    case CHANNEL_CHECK_TIMES:
        return hostcheck_change_times(a, m->flags != 0);
    case CHANNEL_CHECK_FLAGS:
        return hostcheck_change_flags(a, m->flags);
    case CHANNEL_CHECK_XATTR:
        return hostcheck_change_xattr(a, channel_msg_text(m, CHANNEL_NAME2),
                                      m->nr);
    case CHANNEL_CHECK_NONE:
        break;
    }
    return 0;
}

enum hostcheck_answer hostcheck_answer_of(int err, int *ret_errno)
{
    if (err == 0)
        return HOSTCHECK_WOULD_PASS;
    if (srt_fd_is_lack(err))
        return HOSTCHECK_UNKNOWN;
    *ret_errno = err;
    return HOSTCHECK_WOULD_FAIL;
}

/* The first name. */
struct first {
    char parent[SRT_PATH_MAX], real[PATH_MAX];
    const char *dir, *text;
};

/* Behind a mask a name is text: what it leads to was not looked at inside. */
static int follow(const struct channel_msg *m, struct first *ret)
{
    char path[SRT_PATH_MAX];

    ret->dir = channel_msg_text(m, CHANNEL_DIR);
    ret->text = channel_msg_text(m, CHANNEL_NAME);
    if (m->follows == 0 || m->parent.ino != 0 ||
        !srt_path_join(ret->dir, ret->text, path, sizeof(path)))
        return 0;
    if (realpath(path, ret->real) == NULL)
        return errno == ENOENT && m->check == CHANNEL_CHECK_OPEN &&
                       (m->flags & O_CREAT) != 0
                   ? 0
                   : errno;
    ret->text = srt_path_split(ret->real, ret->parent, sizeof(ret->parent));
    ret->dir = ret->parent;
    return ret->text != NULL ? 0 : ENAMETOOLONG;
}

enum hostcheck_answer hostcheck_write(const struct channel_msg *m,
                                      int *ret_errno)
{
    AUTO_NAME struct hostcheck_name a = {.dir = -1};
    AUTO_NAME struct hostcheck_name b = {.dir = -1};
    struct first f;
    const bool two = channel_msg_text(m, CHANNEL_DIR2)[0] != '\0';
    bool same;
    bool same2 = true;
    int err;

    if (m->check == CHANNEL_CHECK_NONE)
        return HOSTCHECK_WOULD_PASS;
    err = hostcheck_form_flags(m);
    if (err != 0)
        return hostcheck_answer_of(err, ret_errno);
    err = follow(m, &f);
    if (err != 0)
        return hostcheck_answer_of(err, ret_errno);
    err = reach(f.dir, f.text, &m->parent, &a, &same);
    if (two && (err == 0 || !same)) {
        err = reach(channel_msg_text(m, CHANNEL_DIR2),
                    channel_msg_text(m, CHANNEL_NAME2), &m->parent2, &b,
                    &same2);
        if (err == 0 && !same)
            err = check_second(m, &b);
    }
    if (!same2 || (!same && (!two || err == 0)))
        return HOSTCHECK_UNKNOWN;
    if (err == 0)
        err = check(m, &a, &b);
    return hostcheck_answer_of(err, ret_errno);
}

enum hostcheck_answer hostcheck_read(const char *path, int *ret_errno)
{
    struct stat st;
    int err = 0;

    if (fstatat(AT_FDCWD, path, &st, 0) != 0)
        err = errno;
    else
        err = hostcheck_may(AT_FDCWD, path, R_OK);
    return hostcheck_answer_of(err, ret_errno);
}
