/* Between the parts of policy_compile(). */
#ifndef SRT_POLICY_COMPILE_PARTS_H
#define SRT_POLICY_COMPILE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/build.h"
#include "policy/compile.h"

struct policy_compiler {
    const struct policy_settings *settings;
    const struct policy_host *host;
    struct srt_buf *diags;
    size_t problems;
    struct srt_arena arena; /* becomes the policy's */
    struct policy_build build;
    struct policy_place *places; /* owned */
    size_t nplaces, places_cap;
    const char **roots; /* owned: the real writable places, in the arena */
    size_t nroots, roots_cap;
    /* Owned: every symlink on the way of an allow entry, until all roots are
     * known. */
    struct policy_redirect *redirects;
    size_t nredirects, redirects_cap;
    struct policy_unlisted *unlisted; /* owned */
    size_t nunlisted, unlisted_cap;
};

/* A directory that an entry's walk could not list. */
struct policy_unlisted {
    const char *path;
    const char *pointer; /* the entry's, with its list */
    uint32_t list;
    bool open; /* may be entered all the same */
};

/* What is known while one entry is worked on. */
struct policy_entry {
    struct policy_compiler *c;
    const struct policy_text *text;
    uint32_t list;
    const char *pointer;
    const char *real; /* where the path in hand leads */
};

/* One line: "FILE:LINE:COL: pointer: what". */
void policy_compile_complain(struct policy_compiler *c, const char *pointer,
                             const char *fmt, ...) SRT_PRINTF(3, 4);

void policy_compile_hosts(struct policy_compiler *c);
/* compile_paths.c: the lists */
void policy_compile_paths(struct policy_compiler *c);
/* Rules and places for one absolute path that an entry means, not yet real. */
void policy_compile_path(struct policy_entry *e, const char *path);
/* A symlink (policy_emit_fn, ctx the entry) on the way to a denied place: it
 * must not be replaced. */
void policy_compile_keep_link(void *ctx, const char *path);
/* Is it in a writable root? */
bool policy_compile_is_root(const struct policy_compiler *c, const char *path);
/* What a walk for this entry could not do. */
void policy_compile_walk_failed(struct policy_entry *e, const char *mend,
                                const struct srt_err *err);
/* compile_unlisted.c: the callback of a walk (ctx: the entry), and the judgement
 * when all places are known. */
void policy_compile_unlisted(void *ctx, const char *path, bool open);
void policy_compile_judge_unlisted(struct policy_compiler *c);
/* compile_protect.c: what stays as it is where writing is allowed */
void policy_compile_protect(struct policy_compiler *c,
                            const struct policy_own_file *own_files);

#endif
