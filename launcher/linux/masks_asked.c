#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "launcher/linux/file_calls.h"
#include "launcher/linux/filter.h"
#include "launcher/linux/masks_parts.h"

/* Calls that read; those that write are in the supervisor's table. */
struct row {
    long nr;
    enum masks_kind kind;
    int8_t dirfd, path, flags; /* argument numbers, -1: none */
};

static const struct row rows[] = {
#ifdef SYS_open /* the calls that newer architectures do not have */
    {SYS_stat, MASKS_KIND_STAT, -1, 0, -1},
    {SYS_lstat, MASKS_KIND_LSTAT, -1, 0, -1},
    {SYS_access, MASKS_KIND_ACCESS, -1, 0, 1},
    {SYS_readlink, MASKS_KIND_LSTAT, -1, 0, -1},
#endif
#ifdef SYS_newfstatat
    {SYS_newfstatat, MASKS_KIND_STAT, 0, 1, -1},
#endif
    {SYS_statx, MASKS_KIND_STAT, 0, 1, -1},
    {SYS_faccessat, MASKS_KIND_ACCESS, 0, 1, 2},
    {SYS_faccessat2, MASKS_KIND_ACCESS, 0, 1, 2},
    {SYS_readlinkat, MASKS_KIND_LSTAT, 0, 1, -1},
    {SYS_getxattr, MASKS_KIND_STAT, -1, 0, -1},
    {SYS_lgetxattr, MASKS_KIND_LSTAT, -1, 0, -1},
    {SYS_listxattr, MASKS_KIND_STAT, -1, 0, -1},
    {SYS_llistxattr, MASKS_KIND_LSTAT, -1, 0, -1},
    {SYS_statfs, MASKS_KIND_STAT, -1, 0, -1},
    {SYS_name_to_handle_at, MASKS_KIND_STAT, 0, 1, -1},
    {SYS_chdir, MASKS_KIND_ENTER, -1, 0, -1},
    {SYS_fchdir, MASKS_KIND_ENTER, -1, -1, -1},
    {SYS_execve, MASKS_KIND_EXEC, -1, 0, -1},
    {SYS_execveat, MASKS_KIND_EXEC, 0, 1, -1},
    {SYS_inotify_add_watch, MASKS_KIND_READ, -1, 1, -1},
};

static const struct row *row_of(long nr)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (rows[i].nr == nr)
            return &rows[i];
    return NULL;
}

/* The directory that a relative path of the call starts from. */
static bool start_directory(int proc_dir, const struct annotation_call *c,
                            int8_t dirfd, char *out, size_t size)
{
    char name[32] = "cwd";
    ssize_t n;

    if (dirfd >= 0 && (int)c->args[dirfd] != AT_FDCWD)
        (void)snprintf(name, sizeof(name), "fd/%d", (int)c->args[dirfd]);
    n = readlinkat(proc_dir, name, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* The call's path, made absolute as text, if it leads through a->target (the
 * name that the mask was asked for): then it is what was really meant. */
static void refine_target(int proc_dir, pid_t tid,
                          const struct annotation_call *c, int8_t dirfd,
                          uint64_t path, struct masks_asked *a)
{
    char text[SRT_PATH_MAX];
    char start[SRT_PATH_MAX];
    char whole[SRT_PATH_MAX];

    if (path == 0)
        return;
    annotation_string(tid, path, text, sizeof(text));
    (void)snprintf(a->requested, sizeof(a->requested), "%.1023s", text);
    if (text[0] == '\0' ||
        !start_directory(proc_dir, c, dirfd, start, sizeof(start)) ||
        !srt_path_join(start, text, whole, sizeof(whole)) ||
        !srt_path_under(whole, a->target))
        return;
    memcpy(a->target, whole, strlen(whole) + 1);
}

static void set_kind(struct masks_asked *a, enum masks_kind kind)
{
    a->kind = kind;
    a->op = kind == MASKS_KIND_EXEC ? EVENTS_OP_EXEC : EVENTS_OP_FILE_READ;
    a->probe = kind == MASKS_KIND_STAT || kind == MASKS_KIND_LSTAT ||
               kind == MASKS_KIND_ACCESS;
}

/* Where the path is in the caller's memory; 0: there is none. */
static uint64_t path_of(const struct file_call *row,
                        const struct annotation_call *c)
{
    if (row->kind == FILE_CALL_BIND)
        return c->args[1] + offsetof(struct sockaddr_un, sun_path);
    return row->path < 0 ? 0 : c->args[row->path];
}

/* A call that the supervisor's table knows: open(2), and all that write. */
static void ask_by_files_row(int proc_dir, pid_t tid,
                             const struct annotation_call *c,
                             struct masks_asked *a)
{
    const struct file_call *row = file_calls_row((int)c->nr);
    struct stat st;

    if (row == NULL)
        return;
    refine_target(proc_dir, tid, c, row->dirfd, path_of(row, c), a);
    if (row->flags >= 0)
        a->flags = (int)c->args[row->flags];
    if (row->kind == FILE_CALL_OPEN && row->flags >= 0 &&
        (a->flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == 0)
        return; /* for reading, which is what was assumed */
    a->kind = MASKS_KIND_WRITE;
    a->op = row->op;
    if (row->kind == FILE_CALL_OPEN &&
        (row->flags < 0 || (a->flags & O_CREAT) != 0))
        a->op = lstat(a->target, &st) != 0 ? EVENTS_OP_FILE_CREATE
                                           : EVENTS_OP_FILE_WRITE;
}

void masks_asked_read(pid_t tid, const char *path, bool access_request,
                      struct masks_asked *ret)
{
    char proc[32];
    struct annotation_call c;
    const struct row *row;
    SRT_AUTO_FD int dir = -1;

    memset(ret, 0, sizeof(*ret));
    (void)snprintf(ret->target, sizeof(ret->target), "%s", path);
    set_kind(ret, access_request ? MASKS_KIND_ACCESS : MASKS_KIND_READ);
    ret->flags = access_request ? R_OK : O_RDONLY;
    (void)snprintf(proc, sizeof(proc), "/proc/%ld", (long)tid);
    dir = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || !annotation_call(dir, &c))
        return;
    ret->nr = (int)c.nr;
    memcpy(ret->args, c.args, sizeof(ret->args));
    ret->call = filter_call_name(ret->nr);
    row = row_of(c.nr);
    if (row == NULL) {
        if (access_request)
            set_kind(ret, MASKS_KIND_READ);
        ask_by_files_row(dir, tid, &c, ret);
        return;
    }
    set_kind(ret, row->kind);
    if (row->flags >= 0)
        ret->flags = (int)c.args[row->flags];
    refine_target(dir, tid, &c, row->dirfd,
                  row->path < 0 ? 0 : c.args[row->path], ret);
}

/* As the supervisor asks about its refused calls. */
static enum hostcheck_answer host_write(const struct masks_asked *a,
                                        int *ret_errno)
{
    static _Thread_local struct channel_msg m;
    const struct file_call *row = file_calls_row(a->nr);
    char parent[SRT_PATH_MAX];
    const char *name = srt_path_split(a->target, parent, sizeof(parent));

    if (row == NULL || name == NULL)
        return HOSTCHECK_UNKNOWN;
    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    file_calls_describe(row, a->args, &m);
    /* Only one of the two names is known here: may it be changed at all? */
    if (row->kind == FILE_CALL_TWO) {
        m.check = CHANNEL_CHECK_TIMES;
        m.flags = 0;
    }
    m.slashes = a->requested[0] != '\0' &&
                a->requested[strlen(a->requested) - 1] == '/';
    (void)channel_msg_add(&m, parent);
    (void)channel_msg_add(&m, name);
    channel_msg_skip_to(&m, CHANNEL_REQUESTED);
    (void)channel_msg_add(&m, a->requested);
    return hostcheck_write(&m, ret_errno);
}

enum hostcheck_answer masks_asked_host(const struct masks_asked *a,
                                       int *ret_errno)
{
    struct stat st;
    int rc = 0;

    switch (a->kind) {
    case MASKS_KIND_READ:
        if ((a->flags & O_PATH) == 0)
            return hostcheck_read(a->target, ret_errno);
        rc = stat(a->target, &st);
        break;
    case MASKS_KIND_WRITE:
        return host_write(a, ret_errno);
    case MASKS_KIND_STAT:
        rc = stat(a->target, &st);
        break;
    case MASKS_KIND_LSTAT:
        rc = lstat(a->target, &st);
        break;
    case MASKS_KIND_ENTER:
    case MASKS_KIND_EXEC:
        rc = faccessat(AT_FDCWD, a->target, X_OK, AT_EACCESS);
        break;
    case MASKS_KIND_ACCESS:
        rc = access(a->target, a->flags & (R_OK | W_OK | X_OK));
        break;
    }
    return hostcheck_answer_of(rc == 0 ? 0 : errno, ret_errno);
}
