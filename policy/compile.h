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
    /* Call emit for each existing path (not real, as found) that the absolute
     * glob matches.  False: more than `max`, or it took too long. */
    bool (*glob)(void *ctx, const char *pattern, size_t max,
                 void (*emit)(void *emit_ctx, const char *path),
                 void *emit_ctx);
};

/* One concrete place of the host that some entry names, after symlinks and
 * globs: what a mount plan is made of. */
struct policy_place {
    const char *path;      /* real; lives in the compiled policy */
    const char *rule;      /* pointer of the entry */
    enum policy_list list; /* DENY_READ, ALLOW_READ, ALLOW_WRITE, DENY_WRITE */
    enum policy_kind kind;
    bool protected_name; /* from the table of protected names, not a list */
};

struct policy {
    const struct policy_settings *settings; /* borrowed */
    struct policy_image *image;             /* owned */
    struct policy_place *places;            /* owned, sorted by path */
    size_t nplaces;
    struct srt_arena arena;
};

/*
 * Compile.  Errors (one line each in diags, SRT_E_CONFIG): an allowWrite that
 * does not exist, "~" without a home, a glob that matches too much ...
 * Existing protected names directly in a writable root become places, and so
 * does the policy's own file when a writable root holds it.
 *
 * @own_files: NULL-terminated absolute paths to protect likewise (event
 *             files), or NULL
 */
enum srt_rc policy_compile(const struct policy_settings *s,
                           const struct policy_host *host,
                           const char *const *own_files, struct policy *ret,
                           struct srt_buf *diags) SRT_MUST_CHECK;
void policy_release(struct policy *p);

#endif
