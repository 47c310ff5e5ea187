/* Settings -> image.  Knows nothing of the system: it asks through callbacks
 * what paths really are. */
#ifndef SRT_POLICY_COMPILE_H
#define SRT_POLICY_COMPILE_H

#include <stddef.h>

#include "base/error.h"
#include "policy/image.h"
#include "policy/settings.h"

enum policy_kind {
    POLICY_KIND_ABSENT,
    POLICY_KIND_FILE, /* anything that is no directory */
    POLICY_KIND_DIR,
};

typedef void policy_emit_fn(void *emit_ctx, const char *path);
/* *ret_enter, true at first: is the directory of this name searched, too? */
typedef bool policy_wanted_fn(const char *name, bool *ret_enter);

/* What a walk over the host's tree tells. */
struct policy_walk {
    void *ctx;
    policy_emit_fn *found; /* one that was looked for; not real, as found */
    /* A directory that had to be passed by, as it cannot be listed: it may be
     * entered (open), or it is this user's own, who could make that so. */
    void (*unlisted)(void *ctx, const char *path, bool open);
};

/* What the compiler must know of the host.  The launcher implements it with
 * system calls (launcher/hostfs.c), tests with a table. */
struct policy_host {
    void *ctx;
    const char *home; /* for "~"; NULL: "~" is an error */
    const char *cwd;  /* for relative paths; absolute, real */
    /* Resolve every symlink of the absolute path `path`, as far as it exists;
     * the rest is kept as text.  False: a loop, or too long. */
    bool (*real)(void *ctx, const char *path, char *out, size_t size,
                 enum policy_kind *ret_kind);
    /* Call emit with the place of each symlink on the way of `path`: its
     * directory is real, the last component is the link. */
    void (*links)(void *ctx, const char *path, policy_emit_fn *emit,
                  void *emit_ctx);
    /* Find each existing path below the real directory `base` that the
     * relative glob matches; symlinks are matched, not followed.  An error
     * names the directory, or is SRT_E_LIMIT: too much, or too slow. */
    enum srt_rc (*glob)(void *ctx, const char *base, const char *pattern,
                        const struct policy_walk *to, struct srt_err *err);
    /* The same for each path of 1 to `depth` components below `base` whose
     * last one is wanted.  Another user's directories that cannot be listed
     * are not told. */
    enum srt_rc (*search)(void *ctx, const char *base, unsigned depth,
                          policy_wanted_fn *wanted,
                          const struct policy_walk *to, struct srt_err *err);
    /* Why a denyRead of this real path cannot be enforced on this system, with
     * what was expected instead; NULL: it can.  May be NULL itself. */
    const char *(*unsupported)(void *ctx, const char *path);
};

/* A symlink by which an allow entry leads where it does, in a place that runs
 * may write: an earlier one could have put it there. */
struct policy_redirect {
    const char *rule; /* pointer of the entry */
    const char *link;
    const char *leads_to; /* where the entry really is */
};

/* One concrete place of the host that some entry names, after symlinks and
 * globs: what a mount plan is made of.  Only what exists is one, besides what
 * denyWrite names in a writable root.  Protected names are DENY_WRITE. */
struct policy_place {
    const char *path;      /* real; lives in the compiled policy */
    const char *rule;      /* pointer of the entry */
    enum policy_list list; /* DENY_READ, ALLOW_READ, ALLOW_WRITE, DENY_WRITE */
    enum policy_kind kind;
    const char *way;     /* of an absent one: the nearest directory above that
                        exists, if it lies in a writable root; else NULL */
    bool protected_name; /* from the table of protected names, not a list */
    bool link; /* a symlink that leads to a denied or protected place and lies
                  in a writable one: cover the link itself (DENY_WRITE) */
};

struct policy {
    const struct policy_settings *settings; /* borrowed */
    struct policy_image *image;             /* owned */
    struct policy_place *places;            /* owned, sorted by path */
    size_t nplaces;
    struct policy_redirect *redirects; /* owned */
    size_t nredirects;
    struct srt_arena arena;
};

/* A file by which srt itself is chosen, or told what to do: where the command
 * could write it, it stays as it is, and so do the links on its way. */
struct policy_own_file {
    const char *path; /* absolute; NULL: the end of the list */
    const char *rule; /* "builtin:protect/policy" */
};

/*
 * Compile.  Errors (one line each in diags, as policy_settings_load() writes
 * them; SRT_E_CONFIG): an allowWrite that
 * does not exist, "~" without a home, a glob that matches too much ...
 * Existing protected names in a writable root, down to
 * mandatoryDenySearchDepth, become places, and so do own files when a writable
 * root holds them.  Entries of
 * allowRead that are globs give what they match now; those of denyRead and
 * denyWrite also hold for what comes later.  With filesystem.disabled there
 * are no places.
 *
 * @own_files: srt's own, or NULL; the policy's own file is none by itself
 */
enum srt_rc policy_compile(const struct policy_settings *s,
                           const struct policy_host *host,
                           const struct policy_own_file *own_files,
                           struct policy *ret,
                           struct srt_buf *diags) SRT_MUST_CHECK;
void policy_release(struct policy *p);

#endif
