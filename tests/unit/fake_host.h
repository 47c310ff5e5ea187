/* A host for policy_compile() that is a table.  What no row names is absent. */
#ifndef SRT_TESTS_UNIT_FAKE_HOST_H
#define SRT_TESTS_UNIT_FAKE_HOST_H

#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "policy/compile.h"
#include "policy/glob.h"

enum { FAKE_ROWS = 256 };

struct fake_row {
    char path[128];
    enum policy_kind kind;
    char link[128]; /* "": no symlink */
};

struct fake_host {
    struct fake_row rows[FAKE_ROWS];
    size_t n;
    bool all_exist; /* every path is a directory; rows do not matter */
};

static inline void fake_add(struct fake_host *f, const char *path,
                            enum policy_kind kind, const char *link)
{
    struct fake_row *r = &f->rows[f->n++];

    (void)snprintf(r->path, sizeof(r->path), "%s", path);
    (void)snprintf(r->link, sizeof(r->link), "%s", link);
    r->kind = kind;
}

static inline const struct fake_row *fake_find(const struct fake_host *f,
                                               const char *path)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->rows[i].path, path) == 0)
            return &f->rows[i];
    return NULL;
}

/* Textually but for symlinks; restarts from the root at each one. */
static inline bool fake_walk(const struct fake_host *f, const char *path,
                             char *out, enum policy_kind *ret_kind,
                             policy_emit_fn *emit, void *emit_ctx)
{
    char now[SRT_PATH_MAX];

    if (!srt_path_clean(path, now, sizeof(now)))
        return false;
    for (int links = 0; links < 40; links++) {
        const struct fake_row *link = NULL;
        size_t at = 1;

        for (; now[at - 1] != '\0' && link == NULL; at++) {
            char front[SRT_PATH_MAX];

            if (now[at] != '/' && now[at] != '\0')
                continue;
            memcpy(front, now, at);
            front[at] = '\0';
            link = fake_find(f, front);
            if (link != NULL && link->link[0] == '\0')
                link = NULL;
        }
        if (link == NULL) {
            const struct fake_row *r = fake_find(f, now);

            memcpy(out, now, strlen(now) + 1);
            *ret_kind = f->all_exist || strcmp(now, "/") == 0 ? POLICY_KIND_DIR
                        : r != NULL                           ? r->kind
                                    : POLICY_KIND_ABSENT;
            return true;
        }
        if (emit != NULL)
            emit(emit_ctx, link->path);
        {
            char parent[SRT_PATH_MAX];
            char to[SRT_PATH_MAX];
            char whole[2 * SRT_PATH_MAX];

            (void)srt_path_split(link->path, parent, sizeof(parent));
            if (!srt_path_join(parent, link->link, to, sizeof(to)))
                return false;
            (void)snprintf(whole, sizeof(whole), "%s%s", to, now + at - 1);
            if (!srt_path_clean(whole, now, sizeof(now)))
                return false;
        }
    }
    return false;
}

static inline bool fake_real(void *ctx, const char *path, char *out,
                             size_t size, enum policy_kind *ret_kind)
{
    (void)size;
    return fake_walk(ctx, path, out, ret_kind, NULL, NULL);
}

static inline void fake_links(void *ctx, const char *path, policy_emit_fn *emit,
                              void *emit_ctx)
{
    char out[SRT_PATH_MAX];
    enum policy_kind kind;

    (void)fake_walk(ctx, path, out, &kind, emit, emit_ctx);
}

static inline enum srt_rc fake_glob(void *ctx, const char *base,
                                    const char *pattern,
                                    const struct policy_walk *to,
                                    struct srt_err *err)
{
    struct fake_host *f = ctx;
    size_t n = strcmp(base, "/") == 0 ? 0 : strlen(base);

    (void)err;
    for (size_t i = 0; i < f->n; i++) {
        const char *path = f->rows[i].path;

        if (srt_path_under(path, base) && path[n] == '/' &&
            policy_glob_depth(pattern, path + n + 1) ==
                srt_path_depth(path + n))
            to->found(to->ctx, path);
    }
    return SRT_OK;
}

static inline enum srt_rc fake_search(void *ctx, const char *base,
                                      unsigned depth, policy_wanted_fn *wanted,
                                      const struct policy_walk *to,
                                      struct srt_err *err)
{
    struct fake_host *f = ctx;

    (void)err;
    for (size_t i = 0; i < f->n; i++) {
        const char *path = f->rows[i].path;
        size_t below = srt_path_depth(path) - srt_path_depth(base);
        bool enter = true;

        if (srt_path_under(path, base) && below > 0 && below <= depth &&
            wanted(strrchr(path, '/') + 1, &enter))
            to->found(to->ctx, path);
    }
    return SRT_OK;
}

static inline void fake_init(struct fake_host *f, struct policy_host *ret)
{
    f->n = 0;
    f->all_exist = false;
    *ret = (struct policy_host){
        .ctx = f,
        .home = "/home/u",
        .cwd = "/w",
        .real = fake_real,
        .links = fake_links,
        .glob = fake_glob,
        .search = fake_search,
    };
}

#endif
