/*
 * The mount plan: which parts of the tree are readable and writable inside.
 * Pure: made from the compiled policy, without a system call, so that tests
 * can hold it against the oracle.
 */
#ifndef SRT_LAUNCHER_LINUX_PLAN_H
#define SRT_LAUNCHER_LINUX_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "policy/compile.h"

enum plan_access {
    PLAN_MASKED,   /* may not be read: an unreadable mount, reporting mask */
    PLAN_READONLY, /* may be read */
    PLAN_WRITABLE,
};

/* From `path` down to the next region, this access holds. */
struct plan_region {
    const char *path; /* real; borrowed from the policy */
    const char *rule; /* the entry that decided; borrowed */
    enum plan_access access;
    bool dir;
    bool pinned; /* must keep its name: a mount of its own even where the
                       access equals the parent's (protected files, ancestors
                       of denied places inside writable ones) */
    int parent;  /* index of the nearest region above, -1: the root, which
                       is readable */
};

struct plan {
    struct plan_region *regions; /* owned; sorted: parents before children */
    size_t nregions;
    struct srt_arena arena; /* paths of pins */
};

enum srt_rc plan_make(const struct policy *policy, struct plan *ret,
                      struct srt_err *err) SRT_MUST_CHECK;
void plan_release(struct plan *p);

/* What holds around region i. */
enum plan_access plan_access_above(const struct plan *p, size_t i);

/* The region that a real path lies in, or -1. */
int plan_region_of(const struct plan *p, const char *path);

/* What the plan gives at a real path (for the property test). */
enum plan_access plan_access_at(const struct plan *p, const char *path);

#endif
