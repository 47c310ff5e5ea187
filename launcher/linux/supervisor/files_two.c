/* Calls with two names, links of what may have none, and names of sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "launcher/linux/supervisor/files.h"
#include "launcher/linux/supervisor/subject.h"

/* The second name of a call whose first has none. */
static void refuse_one(struct sup *s, const struct seccomp_notif *n,
                       const struct file_call *row, const struct sup_subject *b,
                       const struct sup_verdict *v)
{
    static _Thread_local struct channel_msg m;

    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    file_calls_describe(row, n->data.args, &m);
    m.check = CHANNEL_CHECK_CREATE;
    m.parent = sup_subject_place(s, b);
    m.slashes = b->at.slash;
    m.error = v->err;
    (void)channel_msg_add(&m, b->dir);
    (void)channel_msg_add(&m, b->at.name);
    channel_msg_skip_to(&m, CHANNEL_REQUESTED);
    (void)channel_msg_add(&m, b->requested);
    sup_refuse(s, n, &m, &v->decision);
}

/* linkat(2) of a descriptor, by an empty path or by its link in /proc: of a file
 * that may have no name (open(2), O_TMPFILE). */
static bool links_descriptor(struct sup *s, const struct seccomp_notif *n,
                             const struct file_call *row)
{
    AUTO_SUBJECT struct sup_subject a = {.at.parent = -1};
    const int flags = arg_int(n, row->flags);

    if ((flags & (AT_EMPTY_PATH | AT_SYMLINK_FOLLOW)) == 0 ||
        sup_caller_string((pid_t)n->pid, n->data.args[row->path], a.requested,
                          sizeof(a.requested)) != 0)
        return false;
    if ((flags & AT_EMPTY_PATH) != 0 && a.requested[0] == '\0')
        return true;
    return (flags & AT_SYMLINK_FOLLOW) != 0 &&
           sup_subject_resolve(s, n, arg_dirfd(n, row->dirfd),
                               SUP_FOLLOW_TO_MAGIC, &a) == 0 &&
           a.at.magic;
}

/* Only the new name is judged.  Which file it is, is the kernel's to say: it links
 * none from another mount, and what the host handed in lies on such. */
static void link_descriptor(struct sup *s, const struct seccomp_notif *n,
                            const struct file_call *row)
{
    AUTO_SUBJECT struct sup_subject b = {.at.parent = -1};
    struct sup_verdict v;

    if (sup_subject_take(s, n, row, true, SUP_NOFOLLOW, &b) != 0)
        return;
    v = sup_subject_judge(s, row, b.full, false);
    if (v.err == 0) {
        sup_continue(s, n->id);
        return;
    }
    refuse_one(s, n, row, &b, &v);
}

void sup_files_two(struct sup *s, const struct seccomp_notif *n,
                   const struct file_call *row)
{
    AUTO_SUBJECT struct sup_subject a = {.at.parent = -1};
    AUTO_SUBJECT struct sup_subject b = {.at.parent = -1};
    bool is_link = row->check == CHANNEL_CHECK_LINK;
    enum sup_follow follow = is_link && (arg_int(n, row->flags) &
                                         AT_SYMLINK_FOLLOW) != 0
                                 ? SUP_FOLLOW
                                 : SUP_NOFOLLOW;
    struct sup_verdict v;

    if (is_link && links_descriptor(s, n, row)) {
        link_descriptor(s, n, row);
        return;
    }
    if (sup_subject_take(s, n, row, false, follow, &a) != 0 ||
        sup_subject_take(s, n, row, true, SUP_NOFOLLOW, &b) != 0)
        return;
    v = sup_subject_judge(s, row, a.full, false);
    if (v.err == 0) {
        v = sup_subject_judge(s, row, b.full, false);
        v.second = true;
    }
    if (v.err == 0)
        sup_subject_let_go_on(s, n, row, &a, &b, &v);
    else
        sup_subject_refuse(s, n, row, &a, &b, &v);
}

/* A name that is no path, in whose network the taken socket is: performed on
 * it, for the descriptor could be another's by then. */
static void bind_name(struct sup *s, const struct seccomp_notif *n, int fd,
                      const struct sockaddr_un *addr, size_t len)
{
    int err = fd < 0 ? EBADF : 0;

    if (err == 0 &&
        bind(fd, (const struct sockaddr *)addr, (socklen_t)len) != 0)
        err = errno;
    sup_answer(s, n->id, err, 0);
}

/* Only a path makes a file; the mounts stand behind what is continued.  Streams
 * are of AF_UNIX at most, so other sockets are the sandbox's own. */
void sup_files_bind(struct sup *s, const struct seccomp_notif *n,
                    const struct file_call *row)
{
    AUTO_SUBJECT struct sup_subject a = {.at.parent = -1};
    struct sockaddr_un addr = {0};
    SRT_AUTO_FD int fd = sup_caller_fd((pid_t)n->pid, (int)n->data.args[0]);
    size_t len = n->data.args[2] & 0xffffffffu;
    struct sup_verdict v;
    int err;

    if (len > sizeof(addr))
        len = sizeof(addr);
    /* Whatever the address says: the kernel reads it again. */
    if (fd >= 0 && sup_sockets_is_unix(fd) &&
        sup_sockets_refuse_foreign(s, n, fd))
        return;
    if (len < sizeof(addr.sun_family) ||
        sup_caller_read((pid_t)n->pid, n->data.args[1], &addr, len) != 0 ||
        addr.sun_family != AF_UNIX) {
        sup_continue(s, n->id);
        return;
    }
    if (len <= offsetof(struct sockaddr_un, sun_path) ||
        addr.sun_path[0] == '\0') {
        bind_name(s, n, fd, &addr, len);
        return;
    }
    memcpy(a.requested, addr.sun_path, sizeof(addr.sun_path));
    a.requested[sizeof(addr.sun_path)] = '\0';
    err = sup_subject_resolve(s, n, AT_FDCWD, SUP_NOFOLLOW, &a);
    if (err != 0) {
        sup_subject_go_on(s, n, err);
        return;
    }
    v = sup_subject_judge(s, row, a.full, false);
    if (v.err == 0)
        sup_subject_let_go_on(s, n, row, &a, NULL, &v);
    else
        sup_subject_refuse(s, n, row, &a, NULL, &v);
}
