/*
 * What cannot be listed is never taken for empty: a name in it could be one
 * that a rule means.  Only a directory that this user can neither read nor
 * open up is passed by, since the command, which is this user too, cannot
 * reach into it either.
 */
#include "launcher/hosttree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "policy/glob.h"
#include "policy/layout.h"

enum {
    WALK_MAX_NAMES = 2000000, /* a few large node_modules */
    WALK_MAX_MS = 20000,
};

struct scan;

/* Is this name one to tell?  *ret_next is where in the search things stand
 * behind it; 0: nothing below it can be one. */
typedef bool look_fn(const struct scan *s, uint64_t at, const char *name,
                     uint64_t *ret_next);

/* Directories still to be read, with where in the search they stand. */
struct pending {
    char *path; /* owned */
    uint64_t at;
};

struct scan {
    look_fn *look;
    struct policy_glob glob;
    policy_wanted_fn *wanted; /* NULL: a glob */
    const struct policy_walk *to;
    struct srt_err *err;
    struct pending *stack; /* owned */
    size_t n, cap;
    size_t names;
    uint64_t deadline_ms;
};

/* at: the positions in the glob. */
static bool look_by_glob(const struct scan *s, uint64_t at, const char *name,
                         uint64_t *ret_next)
{
    *ret_next = policy_glob_step(&s->glob, at, name, strlen(name));
    return policy_glob_done(&s->glob, *ret_next);
}

/* at: how many levels are left, this one with them. */
static bool look_by_name(const struct scan *s, uint64_t at, const char *name,
                         uint64_t *ret_next)
{
    bool enter = true;
    bool found = s->wanted(name, &enter);

    *ret_next = enter ? at - 1 : 0;
    return found;
}

static void push(struct scan *s, const char *path, uint64_t at)
{
    if (s->n == s->cap) {
        s->cap = s->cap != 0 ? 2 * s->cap : 64;
        s->stack = srt_xreallocarray(s->stack, s->cap, sizeof(s->stack[0]));
    }
    s->stack[s->n++] = (struct pending){srt_xstrdup(path), at};
}

static bool is_directory(int dir_fd, const struct dirent *e)
{
    struct stat st;

    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

static enum srt_rc complain(struct scan *s, enum srt_rc rc, const char *path,
                            const char *what)
{
    char quoted[SRT_LOG_QUOTED_MAX];

    return srt_err_set(s->err, rc, "\"%s\" %s",
                       srt_log_quote(path, quoted, sizeof(quoted)), what);
}

static enum srt_rc tell(struct scan *s, const char *dir, const char *name,
                        bool found, uint64_t next)
{
    char path[SRT_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s",
                     strcmp(dir, "/") == 0 ? "" : dir, name);

    if (n < 0 || (size_t)n >= sizeof(path))
        return complain(s, SRT_E_CONFIG, dir,
                        "holds names that are too long to be reached by a "
                        "path");
    if (found)
        s->to->found(s->to->ctx, path);
    /* Those are the sandbox's own inside. */
    if (next != 0 && policy_paths_builtin(path) == NULL)
        push(s, path, next);
    return SRT_OK;
}

static enum srt_rc look_at(struct scan *s, const struct pending *in, int dir_fd,
                           const struct dirent *e)
{
    uint64_t next;
    bool found = s->look(s, in->at, e->d_name, &next);

    if (next != 0 && !is_directory(dir_fd, e))
        next = 0;
    return found || next != 0 ? tell(s, in->path, e->d_name, found, next)
                              : SRT_OK;
}

static enum srt_rc judge_unlisted(struct scan *s, const char *path, int e)
{
    struct stat st;
    bool own;
    bool open;

    if (e == ENOENT || e == ENOTDIR)
        return SRT_OK; /* gone, or replaced, since */
    if (e != EACCES || lstat(path, &st) != 0)
        return complain(s, SRT_E_SYS, path, strerror(e)); /* NOLINT */
    own = st.st_uid == geteuid();
    open = faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
    if (own || (open && s->wanted == NULL))
        s->to->unlisted(s->to->ctx, path, open);
    return SRT_OK;
}

/* NULL with errno 0 at the end. */
static struct dirent *next_name(DIR *d)
{
    errno = 0;
    return readdir(d); /* NOLINT(concurrency-mt-unsafe): a stream of our own */
}

static enum srt_rc read_directory(struct scan *s, const struct pending *at)
{
    DIR *d = opendir(at->path);
    struct dirent *e = NULL;
    enum srt_rc rc = SRT_OK;

    if (d == NULL)
        return judge_unlisted(s, at->path, errno);
    while (rc == SRT_OK && (e = next_name(d)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (++s->names > WALK_MAX_NAMES)
            rc = srt_err_set(s->err, SRT_E_LIMIT,
                             "there are more than %d names to look at",
                             WALK_MAX_NAMES);
        else
            rc = look_at(s, at, dirfd(d), e);
    }
    if (rc == SRT_OK && errno != 0)
        rc = complain(s, SRT_E_SYS, at->path, strerror(errno)); /* NOLINT */
    (void)closedir(d);
    return rc;
}

static enum srt_rc walk(struct scan *s, const char *base, uint64_t at)
{
    enum srt_rc rc = SRT_OK;

    s->deadline_ms = srt_clock_ms() + WALK_MAX_MS;
    push(s, base, at);
    while (s->n > 0) {
        struct pending next = s->stack[--s->n];

        if (rc == SRT_OK && srt_clock_ms() >= s->deadline_ms)
            rc = srt_err_set(s->err, SRT_E_LIMIT,
                             "looking at its names took more than %d s",
                             WALK_MAX_MS / 1000);
        if (rc == SRT_OK)
            rc = read_directory(s, &next);
        free(next.path);
    }
    free(s->stack);
    return rc;
}

enum srt_rc launcher_hosttree_glob(void *ctx, const char *base,
                                   const char *pattern,
                                   const struct policy_walk *to,
                                   struct srt_err *err)
{
    struct scan s = {.look = look_by_glob, .to = to, .err = err};

    (void)ctx;
    if (!policy_glob_parse(pattern, &s.glob))
        return srt_err_set(err, SRT_E_CONFIG, "the glob has too many parts");
    return walk(&s, base, policy_glob_begin(&s.glob));
}

enum srt_rc launcher_hosttree_search(void *ctx, const char *base,
                                     unsigned depth, policy_wanted_fn *wanted,
                                     const struct policy_walk *to,
                                     struct srt_err *err)
{
    struct scan s = {
        .look = look_by_name, .wanted = wanted, .to = to, .err = err};

    (void)ctx;
    return walk(&s, base, depth);
}
