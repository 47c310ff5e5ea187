/*
 * Calls that change what a file is (mode, owner, times, attributes), by
 * descriptor or by path.  Never continued: Landlock does not know them, and
 * between our look and the kernel's a second thread could put a file of the
 * host (standard input, or its link in /proc) in the place of what was judged.
 * The object is taken, judged where it is, and the call performed on what we
 * hold (perform.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"
#include "launcher/linux/mount_id.h"
#include "launcher/linux/supervisor/files.h"

/* ---- judging ---- */

/* Is the descriptor on a mount of the sandbox?  One that was handed in
 * (standard input) is on a mount of the host's. */
static bool on_own_mount(struct sup *s, int fd)
{
    char line[64];
    char text[16384];
    SRT_AUTO_FD int info = openat(s->proc, "self/mountinfo",
                                  O_RDONLY | O_CLOEXEC);
    const uint64_t id = mount_id(fd, "");
    size_t len;
    ssize_t n;

    if (info < 0 || id == 0)
        return false;
    len = (size_t)snprintf(line, sizeof(line), "\n%llu ",
                           (unsigned long long)id);
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

/* The real path in the sandbox of what fd is, or "" when it has none.  False:
 * it cannot be known now. */
static bool locate(struct sup *s, int fd, char *out, size_t size)
{
    struct stat a = {0};
    struct stat b = {0};
    int err = sup_real_path(s, fd, out, size);

    if (err == 0 && (fstat(fd, &a) != 0 ||
                     fstatat(AT_FDCWD, out, &b, AT_SYMLINK_NOFOLLOW) != 0))
        err = errno;
    if (err != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        out[0] = '\0';
    return !srt_fd_is_lack(err);
}

/* A device that was handed in is the host's node, not the sandbox's.  Of what
 * this user might change outside *ret is the refusal; else the host refuses it,
 * and *ret allows. */
static bool is_foreign_device(struct sup *s, int fd, char *path, size_t size,
                              struct policy_decision *ret)
{
    static const struct policy_decision stays = {
        POLICY_DENY, "/filesystem/allowWrite",
        "a device of the host that was handed in stays as it is",
        POLICY_BY_OTHER};
    struct stat st;
    bool own;

    if (fstat(fd, &st) != 0 || (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) ||
        on_own_mount(s, fd))
        return false;
    own = s->config->root || st.st_uid == geteuid();
    *ret = own ? stays : (struct policy_decision){.verdict = POLICY_ALLOW};
    (void)snprintf(path, size, "%s", own ? "(a device of the host)" : "");
    return true;
}

/* A file, a directory or a FIFO that lies in a file system. */
static bool has_place(int fd, const struct stat *st)
{
    struct statfs fs;

    return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ||
           (S_ISFIFO(st->st_mode) &&
            (fstatfs(fd, &fs) != 0 || fs.f_type != PIPEFS_MAGIC));
}

/* May it be changed?  *path: where it is inside, "" for nowhere. */
static struct policy_decision judge(struct sup *s, int fd, char *path,
                                    size_t size)
{
    struct stat st;

    if (!locate(s, fd, path, size))
        return (struct policy_decision){POLICY_DENY, "/filesystem/allowWrite",
                                        "srt cannot tell where it is now",
                                        POLICY_BY_OTHER};
    if (path[0] != '\0')
        return policy_decide_write(s->image, path);
    if (fstat(fd, &st) != 0 ||
        (has_place(fd, &st) && st.st_nlink > 0 && !on_own_mount(s, fd)))
        return (struct policy_decision){
            POLICY_DENY, "/filesystem/allowWrite",
            "a file of the host without a name here", POLICY_BY_OTHER};
    return (struct policy_decision){.verdict = POLICY_ALLOW};
}

/* ---- answering ---- */

/* To the launcher: refused by d, or allowed by it and failed.  What has no path
 * inside has a name in words. */
static void tell(struct sup *s, const struct seccomp_notif *n,
                 const struct file_call *row, const char *path,
                 const struct policy_decision *d, int err)
{
    static _Thread_local struct channel_msg m;
    char parent[SRT_PATH_MAX] = "";
    const char *name = path[0] == '/'
                           ? srt_path_split(path, parent, sizeof(parent))
                           : path;

    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    file_calls_describe(row, n->data.args, &m);
    if (parent[0] == '\0')
        m.check = CHANNEL_CHECK_NONE;
    else
        m.parent = sup_files_place(s, parent);
    m.error = err;
    (void)channel_msg_add(&m, parent);
    (void)channel_msg_add(&m, name != NULL ? name : path);
    (void)channel_msg_add(&m, "");
    sup_files_add_memory(n, row, &m);
    sup_refuse(s, n, &m, d);
}

/* Of what the policy allows, only that is asked of the host of which the
 * sandbox may be the cause. */
static void answer(struct sup *s, const struct seccomp_notif *n,
                   const struct file_call *row, const char *path,
                   const struct policy_decision *d, int err)
{
    const bool no_such_id = err == SUP_NO_SUCH_ID;

    if (no_such_id)
        err = row->check == CHANNEL_CHECK_OWNER && s->uid != 0 ? EPERM : EINVAL;
    if (d->verdict == POLICY_DENY ||
        (path[0] == '/' &&
         (err == EPERM || err == EACCES || err == EROFS || no_such_id)))
        tell(s, n, row, path, d, err);
    else
        sup_answer(s, n->id, err, 0);
}

/* ---- by descriptor ---- */

/* Judge what `mine` is, and perform the call on it, or refuse it. */
static void change(struct sup *s, const struct seccomp_notif *n,
                   const struct file_call *row, int mine)
{
    char path[SRT_PATH_MAX];
    struct policy_decision d;
    int err = EPERM;

    sup_leave();
    if (!is_foreign_device(s, mine, path, sizeof(path), &d)) {
        d = judge(s, mine, path, sizeof(path));
        err = d.verdict == POLICY_DENY ? sup_files_errno(&d, row->check)
                                       : sup_perform(s, n, mine);
    }
    sup_return();
    if (path[0] == '\0')
        (void)snprintf(path, sizeof(path), "(a file without a name)");
    answer(s, n, row, path, &d, err);
}

void sup_descriptor_call(struct sup *s, const struct seccomp_notif *n,
                         const struct file_call *row, int fd)
{
    SRT_AUTO_FD int mine = fd == AT_FDCWD
                               ? sup_caller_open(s, (pid_t)n->pid, "cwd")
                               : sup_caller_fd((pid_t)n->pid, fd);
    int err;

    if (mine < 0) {
        err = srt_fd_is_lack(errno) ? errno : EBADF;
        sup_answer(s, n->id, errno == EPERM ? EACCES : err, 0);
        return;
    }
    /* fchmod(2) and its like, and utimensat(2) without a path. */
    if (fd != AT_FDCWD &&
        (row->kind == FILE_CALL_DESCRIPTOR || n->data.args[1] == 0) &&
        (fcntl(mine, F_GETFL) & O_PATH) != 0) {
        sup_answer(s, n->id, EBADF, 0);
        return;
    }
    change(s, n, row, mine);
}

void sup_link_call(struct sup *s, const struct seccomp_notif *n,
                   const struct file_call *row, const struct sup_entry *at)
{
    SRT_AUTO_FD int fd = -1;

    sup_leave();
    fd = openat(at->parent, at->name,
                O_PATH | O_CLOEXEC | (at->slash ? O_DIRECTORY : 0));
    sup_return();
    if (fd < 0)
        sup_answer(s, n->id, errno, 0);
    else
        change(s, n, row, fd);
}

/* ---- by path ---- */

/* The object is looked at again: what was judged is a name, and another may have
 * come to stand there, or it lies on a mount that is not the sandbox's.  Sets
 * *d and path, "" where there is none. */
static int perform_here(struct sup *s, const struct seccomp_notif *n,
                        const struct sup_entry *at, char *path, size_t size,
                        struct policy_decision *d)
{
    SRT_AUTO_FD int fd = openat(
        at->parent, at->name[0] != '\0' ? at->name : ".",
        O_PATH | O_NOFOLLOW | O_CLOEXEC | (at->slash ? O_DIRECTORY : 0));

    *d = (struct policy_decision){.verdict = POLICY_ALLOW};
    path[0] = '\0';
    if (fd < 0)
        return errno;
    if (is_foreign_device(s, fd, path, size, d) || !locate(s, fd, path, size) ||
        path[0] == '\0')
        return EPERM;
    *d = policy_decide_write(s->image, path);
    return d->verdict == POLICY_DENY ? EPERM : sup_perform(s, n, fd);
}

void sup_path_perform(struct sup *s, const struct seccomp_notif *n,
                      const struct file_call *row, const struct sup_entry *at)
{
    char path[SRT_PATH_MAX];
    struct policy_decision d;
    int err;

    sup_leave();
    err = perform_here(s, n, at, path, sizeof(path), &d);
    sup_return();
    answer(s, n, row, path, &d, err);
}
