/*
 * Paths are resolved here, component by component, rather than by realpath(3):
 * a path may end in what does not exist, ".." must be taken where a symlink
 * leads to, and every symlink on the way is asked for.
 */
#include "launcher/hostfs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/path.h"
#include "launcher/hosttree.h"

enum { LINKS_MAX = 40 }; /* as the kernel */

struct walk {
    char done[SRT_PATH_MAX]; /* real so far; "" is the root */
    size_t len;
    char rest[2 * SRT_PATH_MAX]; /* still to be walked */
    unsigned links;
    bool absent; /* from here on it is only text */
    enum policy_kind kind;
    policy_emit_fn *emit; /* or NULL */
    void *emit_ctx;
};

static void go_up(struct walk *w)
{
    while (w->len > 0 && w->done[--w->len] != '/')
        ;
    w->done[w->len] = '\0';
}

static bool go_down(struct walk *w, const char *name, size_t len)
{
    if (w->len + 1 + len + 1 > sizeof(w->done))
        return false;
    w->done[w->len++] = '/';
    memcpy(w->done + w->len, name, len);
    w->len += len;
    w->done[w->len] = '\0';
    return true;
}

/* done ends in a symlink: put what it says in front of `after`. */
static bool follow(struct walk *w, const char *after)
{
    char text[SRT_PATH_MAX];
    char whole[sizeof(w->rest)];
    ssize_t n = readlink(w->done, text, sizeof(text) - 1);
    int all;

    if (n <= 0 || ++w->links > LINKS_MAX)
        return false;
    text[n] = '\0';
    if (w->emit != NULL)
        w->emit(w->emit_ctx, w->done);
    all = snprintf(whole, sizeof(whole), "%s/%s", text, after);
    if (all < 0 || (size_t)all >= sizeof(whole))
        return false;
    memcpy(w->rest, whole, (size_t)all + 1);
    if (text[0] == '/')
        w->len = 0;
    else
        go_up(w);
    w->done[w->len] = '\0';
    return true;
}

/* The component `name`, with `after` behind it. */
static bool step(struct walk *w, const char *name, size_t len,
                 const char *after)
{
    struct stat st;

    if (len == 1 && name[0] == '.')
        len = 0;
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        go_up(w);
        len = 0;
    }
    if (len > 0 && !go_down(w, name, len))
        return false;
    if (len > 0 && !w->absent) {
        if (lstat(w->done, &st) != 0)
            w->absent = true;
        else if (S_ISLNK(st.st_mode))
            return follow(w, after);
        else
            w->kind = S_ISDIR(st.st_mode) ? POLICY_KIND_DIR : POLICY_KIND_FILE;
    } else if (len == 0 && !w->absent) {
        w->kind = POLICY_KIND_DIR;
    }
    memmove(w->rest, after, strlen(after) + 1);
    return true;
}

static bool walk_path(struct walk *w, const char *path)
{
    size_t len = strlen(path);

    if (path[0] != '/' || len >= sizeof(w->rest))
        return false;
    memcpy(w->rest, path, len + 1);
    while (w->rest[0] != '\0') {
        size_t skip = strspn(w->rest, "/");
        size_t n = strcspn(w->rest + skip, "/");
        char name[SRT_PATH_MAX];

        if (n >= sizeof(name))
            return false;
        if (n == 0)
            break;
        memcpy(name, w->rest + skip, n);
        if (!step(w, name, n, w->rest + skip + n))
            return false;
    }
    if (w->len == 0)
        (void)go_down(w, "", 0);
    if (w->absent)
        w->kind = POLICY_KIND_ABSENT;
    return true;
}

static bool find_real(void *ctx, const char *path, char *out, size_t size,
                      enum policy_kind *ret_kind)
{
    struct walk w = {.kind = POLICY_KIND_DIR};

    (void)ctx;
    if (!walk_path(&w, path) || w.len + 1 > size)
        return false;
    memcpy(out, w.done, w.len + 1);
    *ret_kind = w.kind;
    return true;
}

static void find_links(void *ctx, const char *path, policy_emit_fn *emit,
                       void *emit_ctx)
{
    struct walk w = {
        .kind = POLICY_KIND_DIR, .emit = emit, .emit_ctx = emit_ctx};

    (void)ctx;
    (void)walk_path(&w, path);
}

static const char *find_unsupported(void *ctx, const char *path)
{
    static const char *const made_inside[] = {"/dev", "/proc"};

    (void)ctx;
    if (strcmp(path, "/") == 0)
        return "denying all of / is not supported yet; expected its "
               "directories one by one";
    for (size_t i = 0; i < SRT_ARRAY_LEN(made_inside); i++)
        if (srt_path_under(path, made_inside[i]))
            return "/dev and /proc are the sandbox's own, and cannot be denied "
                   "yet; expected no such entry";
    return NULL;
}

void launcher_hostfs_init(struct policy_host *ret, const char *home,
                          const char *cwd)
{
    *ret = (struct policy_host){
        .home = home,
        .cwd = cwd,
        .real = find_real,
        .links = find_links,
        .glob = launcher_hosttree_glob,
        .search = launcher_hosttree_search,
        .unsupported = find_unsupported,
    };
}
