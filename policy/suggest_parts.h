/* Between suggest.c (what to do) and suggest_hint.c (how that is said). */
#ifndef SRT_POLICY_SUGGEST_PARTS_H
#define SRT_POLICY_SUGGEST_PARTS_H

#include "policy/suggest.h"

/* What to do: take entries out, then perhaps put one in. */
struct policy_advice {
    const struct policy_refused *r;
    const char *removals[POLICY_CHANGE_REMOVALS]; /* rule pointers */
    size_t nremovals;
    bool hopeless;         /* protected, or too much to remove */
    enum policy_list list; /* of the new entry */
    const char *entry;     /* NULL: none */
    const char *remark;    /* behind the hint, or NULL */
};

/* False: the entry would read as a glob, and needs the long form. */
bool policy_suggest_is_plain(const struct policy_advice *a);
/* Append the hint. */
void policy_suggest_hint(const struct policy_advice *a, struct srt_buf *hint);
/* The hint for a name in a directory that must not become writable whole. */
void policy_suggest_make_first(const struct policy_refused *r,
                               struct srt_buf *hint);

#endif
