/*
 * Path calls.  Allowed by the oracle: continued; the mounts and Landlock stand
 * behind it, so that a path which is changed after we read it still meets
 * both.  Refused: the launcher asks the host, records and names the errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/path.h"
#include "launcher/linux/supervisor/files.h"
#include "launcher/linux/supervisor/subject.h"

void sup_subject_release(struct sup_subject *s)
{
    srt_fd_close(&s->at.parent);
}

static void warn_unreadable(struct sup *s, pid_t tid)
{
    static struct channel_msg m;
    static pid_t warned; /* the same program asks again and again */
    char text[128];

    if (warned == tid)
        return;
    warned = tid;
    (void)snprintf(text, sizeof(text),
                   "process %d cannot be inspected: its writes are decided by "
                   "the mounts and Landlock alone, its connects refused",
                   tid);
    channel_msg_init(&m, CHANNEL_WARNING, 0, 0);
    (void)channel_msg_add(&m, text);
    sup_send(s, &m, NULL, 0);
}

int sup_subject_resolve(struct sup *s, const struct seccomp_notif *n, int dirfd,
                        enum sup_follow follow, struct sup_subject *ret)
{
    int err = sup_caller_resolve(s, (pid_t)n->pid, dirfd, ret->requested,
                                 follow, &ret->at);

    if (err == 0)
        err = sup_real_path(s, ret->at.parent, ret->dir, sizeof(ret->dir));
    if (err == 0 &&
        !srt_path_join(ret->dir, ret->at.name, ret->full, sizeof(ret->full)))
        err = ENAMETOOLONG;
    return err;
}

/* ---- refusing ---- */

/* Changes of what a file is: performed by descriptor.c. */
static bool is_ours_alone(const struct file_call *row)
{
    return row->check >= CHANNEL_CHECK_MODE;
}

int sup_files_errno(const struct policy_decision *d, enum channel_check check)
{
    if (d->by == POLICY_BY_DENY_READ)
        return EACCES;
    if (d->by == POLICY_BY_PROTECT &&
        (check == CHANNEL_CHECK_REMOVE || check == CHANNEL_CHECK_RENAME))
        return EBUSY;
    return EROFS;
}

struct channel_place sup_files_place(const struct sup *s, const char *dir)
{
    struct stat st = {0};
    int rc;

    if (policy_decide_read(s->image, dir).verdict == POLICY_DENY)
        return (struct channel_place){0};
    sup_leave();
    rc = stat(dir, &st);
    sup_return();
    return rc == 0 ? (struct channel_place){st.st_dev, st.st_ino}
                   : (struct channel_place){0};
}

struct channel_place sup_subject_place(const struct sup *s,
                                       const struct sup_subject *a)
{
    struct stat st;

    if (fstat(a->at.parent, &st) != 0 ||
        policy_decide_read(s->image, a->dir).verdict == POLICY_DENY)
        return (struct channel_place){0};
    return (struct channel_place){st.st_dev, st.st_ino};
}

void sup_subject_refuse(struct sup *s, const struct seccomp_notif *n,
                        const struct file_call *row,
                        const struct sup_subject *a,
                        const struct sup_subject *b,
                        const struct sup_verdict *v)
{
    static _Thread_local struct channel_msg m;
    struct stat st = {0};
    bool exists;

    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    file_calls_describe(row, n->data.args, &m);
    sup_leave();
    exists = fstatat(a->at.parent, a->at.name, &st,
                     AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0;
    m.parent = sup_subject_place(s, a);
    if (b != NULL)
        m.parent2 = sup_subject_place(s, b);
    sup_return();
    m.error = v->err;
    m.second = v->second;
    m.slashes = a->at.slash + 2 * (b != NULL && b->at.slash);
    if (row->kind == FILE_CALL_OPEN) {
        if ((m.flags & WRITES) == 0)
            m.op = EVENTS_OP_FILE_READ;
        else if ((m.flags & O_CREAT) != 0 && !exists)
            m.op = EVENTS_OP_FILE_CREATE;
    }
    (void)channel_msg_add(&m, a->dir);
    (void)channel_msg_add(&m, a->at.name);
    (void)channel_msg_add(&m, b != NULL ? b->dir : "");
    if (b != NULL)
        (void)channel_msg_add(&m, b->at.name);
    else
        sup_files_add_memory(n, row, &m);
    (void)channel_msg_add(&m, a->requested);
    sup_refuse(s, n, &m, &v->decision);
}

/* What must keep its place at or below a path that is renamed or removed: NULL
 * if nothing.  Rather a region that has a rule of its own than a pin on the
 * way to one. */
static const struct plan_region *keeper_of(struct sup *s,
                                           const struct file_call *row,
                                           const char *path)
{
    const struct plan *p = s->config->plan;
    const struct plan_region *keeper = NULL;

    if (row->check != CHANNEL_CHECK_REMOVE &&
        row->check != CHANNEL_CHECK_RENAME)
        return NULL;
    for (size_t i = 0; i < p->nregions; i++)
        if (srt_path_under(p->regions[i].path, path) &&
            (keeper == NULL || (keeper->pinned && !p->regions[i].pinned)))
            keeper = &p->regions[i];
    return keeper;
}

struct sup_verdict sup_subject_judge(struct sup *s, const struct file_call *row,
                                     const char *path, bool reads)
{
    struct sup_verdict v = {
        .decision = reads ? policy_decide_read(s->image, path)
                          : policy_decide_write(s->image, path)};
    const struct plan_region *keeper = reads ? NULL : keeper_of(s, row, path);

    if (v.decision.verdict == POLICY_DENY)
        v.err = reads ? EACCES : sup_files_errno(&v.decision, row->check);
    else if (keeper != NULL)
        v.decision = (struct policy_decision){
            POLICY_DENY, keeper->rule,
            "a protected or denied path lies below it", POLICY_BY_OTHER};
    if (keeper != NULL)
        v.err = EBUSY;
    return v;
}

/* ---- letting go on ---- */

/* An allowed call goes on, with the mounts and Landlock behind it.  Where a
 * mount will refuse it, the launcher is told: that is no line of the policy. */
void sup_subject_let_go_on(struct sup *s, const struct seccomp_notif *n,
                           const struct file_call *row,
                           const struct sup_subject *a,
                           const struct sup_subject *b, struct sup_verdict *v)
{
    v->err = sup_files_stop(row->check, &a->at, b != NULL ? &b->at : NULL);
    if (v->err == 0)
        sup_continue(s, n->id);
    else
        sup_subject_refuse(s, n, row, a, b, v);
}

/* ---- taking the names ---- */

/* The name of a path that cannot be resolved, as text: dir and name of *a. */
static bool name_as_text(struct sup *s, const struct seccomp_notif *n,
                         int8_t dirfd, struct sup_subject *a)
{
    char from[32] = "cwd";
    char start[SRT_PATH_MAX] = "/";
    SRT_AUTO_FD int fd = -1;
    const char *name;

    if (arg_dirfd(n, dirfd) != AT_FDCWD)
        (void)snprintf(from, sizeof(from), "fd/%d", arg_dirfd(n, dirfd));
    if (a->requested[0] != '/') {
        fd = sup_caller_open(s, (pid_t)n->pid, from);
        if (fd < 0 || sup_real_path(s, fd, start, sizeof(start)) != 0)
            return false;
    }
    if (!srt_path_join(start, a->requested, a->full, sizeof(a->full)))
        return false;
    name = srt_path_split(a->full, a->dir, sizeof(a->dir));
    if (name == NULL || strlen(name) >= sizeof(a->at.name))
        return false;
    memcpy(a->at.name, name, strlen(name) + 1);
    return true;
}

/* Is it a plain mask that is in the way, which cannot report by itself? */
static bool is_masked(struct sup *s, const struct seccomp_notif *n,
                      const struct file_call *row, struct sup_subject *a,
                      struct sup_verdict *ret)
{
    int flags = arg_int(n, row->flags);
    bool reads = row->kind == FILE_CALL_OPEN && row->flags >= 0 &&
                 (flags & WRITES) == 0;

    if (!name_as_text(s, n, row->dirfd, a))
        return false;
    *ret = (struct sup_verdict){
        .err = EACCES,
        .decision = reads ? policy_decide_read(s->image, a->full)
                          : policy_decide_write(s->image, a->full)};
    return ret->decision.verdict == POLICY_DENY;
}

/* The kernel says why, in its own words; but where we could not look, a name
 * may be denied that only its name protects. */
void sup_subject_go_on(struct sup *s, const struct seccomp_notif *n, int err)
{
    /* Nor is a real path that is too long to be judged the kernel's to take. */
    if (srt_fd_is_lack(err) || err == ENAMETOOLONG)
        sup_answer(s, n->id, err, 0);
    else
        sup_continue(s, n->id);
}

/* In a plain mask that reveals something names are absent, too; but where ".."
 * stands in it, text does not say what the path means. */
static bool may_hide(const struct sup *s, const struct sup_subject *a)
{
    return s->config->plain_masks && a->requested[0] != '\0' &&
           strstr(a->requested, "..") == NULL;
}

/* A name that could not be resolved.  Most calls are left to the kernel, with
 * mounts and Landlock behind it; but plain masks do not report.  Changes of
 * mode, owner, times and attributes are never left: a path that becomes a
 * stream's link in /proc meanwhile would lead to a mount of the host, which
 * neither covers. */
static void leave(struct sup *s, const struct seccomp_notif *n,
                  const struct file_call *row, struct sup_subject *a, int err)
{
    bool ours = is_ours_alone(row);
    bool tells = ours || (row->kind != FILE_CALL_TWO && s->config->plain_masks);
    struct sup_verdict v;

    if ((err == EACCES || (err == ENOENT && may_hide(s, a))) && tells &&
        is_masked(s, n, row, a, &v) &&
        (err == EACCES || v.decision.by == POLICY_BY_DENY_READ))
        sup_subject_refuse(s, n, row, a, NULL, &v);
    else if (ours)
        sup_answer(s, n->id, err, 0);
    else
        sup_subject_go_on(s, n, err);
}

/* Read and resolve one name.  0; or an errno after which the call was already
 * answered or continued. */
int sup_subject_take(struct sup *s, const struct seccomp_notif *n,
                     const struct file_call *row, bool second,
                     enum sup_follow follow, struct sup_subject *ret)
{
    int8_t dirfd = second ? row->dirfd2 : row->dirfd;
    int8_t path = second ? row->path2 : row->path;
    int err = sup_caller_string((pid_t)n->pid, n->data.args[path],
                                ret->requested, sizeof(ret->requested));

    ret->at.parent = -1;
    if (err == EPERM) {
        warn_unreadable(s, (pid_t)n->pid);
        leave(s, n, row, ret, EACCES);
        return err;
    }
    if (err != 0) {
        sup_answer(s, n->id, err, 0);
        return err;
    }
    err = sup_subject_resolve(s, n, arg_dirfd(n, dirfd), follow, ret);
    /* It leads nowhere: the kernel says so in its own words, and a mask that is
     * in the way reports. */
    if (err != 0)
        leave(s, n, row, ret, err);
    return err;
}

/* ---- the kinds ---- */

static void call_open(struct sup *s, const struct seccomp_notif *n,
                      const struct file_call *row)
{
    AUTO_SUBJECT struct sup_subject a = {.at.parent = -1};
    const int flags = file_calls_flags(row, n->data.args);
    bool follow = (flags & O_NOFOLLOW) == 0 &&
                  (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    bool reads = (flags & WRITES) == 0;
    struct sup_verdict v;
    int err = 0;

    if (sup_subject_take(s, n, row, false,
                         follow ? SUP_FOLLOW_TO_MAGIC : SUP_NOFOLLOW, &a) != 0)
        return;
    if ((a.at.magic || !follow) && sup_files_is_own_stream(&a.at)) {
        err = ENOENT;
    } else if (a.at.magic) {
        sup_subject_release(&a);
        err = sup_subject_resolve(s, n, arg_dirfd(n, row->dirfd), SUP_FOLLOW,
                                  &a);
    }
    if (err != 0) {
        sup_subject_go_on(s, n, err);
        return;
    }
    v = sup_subject_judge(s, row, a.full, reads);
    if (v.err != 0)
        sup_subject_refuse(s, n, row, &a, NULL, &v);
    else if (reads)
        sup_continue(s, n->id);
    else
        sup_subject_let_go_on(s, n, row, &a, NULL, &v);
}

/* futimesat(2) and utimensat(2) without a path: futimes(3), futimens(3). */
static bool means_descriptor(const struct seccomp_notif *n,
                             const struct file_call *row)
{
    return row->check == CHANNEL_CHECK_TIMES && row->dirfd >= 0 &&
           n->data.args[row->path] == 0 && arg_dirfd(n, row->dirfd) != AT_FDCWD;
}

static void call_path(struct sup *s, const struct seccomp_notif *n,
                      const struct file_call *row, enum sup_follow follow)
{
    AUTO_SUBJECT struct sup_subject a = {.at.parent = -1};
    const bool to_magic = is_ours_alone(row) && follow == SUP_FOLLOW;
    struct sup_verdict v;
    int err = 0;

    if (means_descriptor(n, row)) {
        sup_descriptor_call(s, n, row, arg_int(n, row->dirfd));
        return;
    }
    if (sup_subject_take(s, n, row, false,
                         to_magic ? SUP_FOLLOW_TO_MAGIC : follow, &a) != 0)
        return;
    if (a.at.magic) { /* what a descriptor is may have no name */
        sup_link_call(s, n, row, &a.at);
        return;
    }
    /* A slash at its end leads on through a link (path_resolution(7)). */
    if (is_ours_alone(row) && a.at.slash && follow == SUP_NOFOLLOW) {
        sup_subject_release(&a);
        err = sup_subject_resolve(s, n, arg_dirfd(n, row->dirfd), SUP_FOLLOW,
                                  &a);
    }
    if (err != 0) {
        leave(s, n, row, &a, err);
        return;
    }
    v = sup_subject_judge(s, row, a.full, false);
    if (v.err != 0)
        sup_subject_refuse(s, n, row, &a, NULL, &v);
    else if (is_ours_alone(row))
        sup_path_perform(s, n, row, &a.at);
    else
        sup_subject_let_go_on(s, n, row, &a, NULL, &v);
}

static void call_at_flags(struct sup *s, const struct seccomp_notif *n,
                          const struct file_call *row)
{
    int flags = arg_int(n, row->flags);
    const bool fd_alone = means_descriptor(n, row);
    char first = 'x';

    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0 ||
        (fd_alone && flags != 0)) {
        sup_answer(s, n->id, EINVAL, 0);
        return;
    }
    if (fd_alone) {
        sup_descriptor_call(s, n, row, arg_int(n, row->dirfd));
        return;
    }
    if ((flags & AT_EMPTY_PATH) != 0 &&
        sup_caller_read((pid_t)n->pid, n->data.args[row->path], &first, 1) ==
            0 &&
        first == '\0') {
        sup_descriptor_call(s, n, row, arg_int(n, row->dirfd));
        return;
    }
    call_path(s, n, row,
              (flags & AT_SYMLINK_NOFOLLOW) == 0 ? SUP_FOLLOW : SUP_NOFOLLOW);
}

/* The filter passes on what it does not allow: requests that change a file are
 * judged, all others refused.  High bits are not the kernel's to read (musl's
 * ioctl takes an int). */
static void call_ioctl(struct sup *s, const struct seccomp_notif *n,
                       const struct file_call *row)
{
    uint32_t request = (uint32_t)n->data.args[1];

    if (request == (uint32_t)FS_IOC_SETFLAGS ||
        request == (uint32_t)FS_IOC_FSSETXATTR)
        sup_descriptor_call(s, n, row, arg_int(n, 0));
    else
        sup_syscalls_refuse(s, n);
}

void sup_files_call(struct sup *s, const struct seccomp_notif *n)
{
    const struct file_call *row = file_calls_row(n->data.nr);

    if (row == NULL) {
        sup_syscalls_refuse(s, n); /* arguments that no rule allows */
        return;
    }
    switch (row->kind) {
    case FILE_CALL_OPEN:
        call_open(s, n, row);
        break;
    case FILE_CALL_PATH:
        call_path(s, n, row, SUP_NOFOLLOW);
        break;
    case FILE_CALL_FOLLOW:
        call_path(s, n, row, SUP_FOLLOW);
        break;
    case FILE_CALL_AT_FLAGS:
        call_at_flags(s, n, row);
        break;
    case FILE_CALL_TWO:
        sup_files_two(s, n, row);
        break;
    case FILE_CALL_BIND:
        sup_files_bind(s, n, row);
        break;
    case FILE_CALL_DESCRIPTOR:
        if (row->nr == SYS_ioctl)
            call_ioctl(s, n, row);
        else
            sup_descriptor_call(s, n, row, arg_int(n, row->dirfd));
        break;
    }
}
