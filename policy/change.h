/*
 * What a suggestion does to the policy's file, and how that is written as a
 * JSON Patch (RFC 6902).
 *
 * The patches of one run are made to be applied together: each once, in order,
 * to the file that the run had (its SHA-256 is in the start record), or to {}
 * where there was none.  "add" on a member replaces what is there, so a member
 * that the file lacks comes whole, in the first patch that needs it, and later
 * ones only append; a removal tests what it removes, counts what earlier ones
 * removed, and does not come twice.  What relies on an earlier patch that was
 * left out fails, and does nothing else.
 */
#ifndef SRT_POLICY_CHANGE_H
#define SRT_POLICY_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/path.h"
#include "policy/settings.h"

#define POLICY_CHANGE_REMOVALS 16

struct policy_change_entry {
    enum policy_list list;
    size_t index;
};

struct policy_change {
    const struct policy_settings *settings; /* borrowed; NULL: no change */
    struct policy_change_entry removals[POLICY_CHANGE_REMOVALS];
    size_t nremovals;
    enum policy_list list;    /* of the new entry */
    char entry[SRT_PATH_MAX]; /* "": none */
    bool literal;             /* the entry would read as a glob */
    bool git_config;          /* set allowGitConfig */
};

/* What the patches of a run have done so far.  Zero-initialise. */
struct policy_change_log {
    unsigned lists;                      /* made, a bit each */
    unsigned objects;                    /* made, a bit each (change.c) */
    struct policy_change_entry *removed; /* owned */
    size_t nremoved;
    uint64_t *added; /* owned; hashes of what was appended */
    size_t nadded;
};

void policy_change_log_release(struct policy_change_log *log);

/* Append the patch, a JSON array, and note it in `log` (NULL: the only patch
 * there is).  Nothing is added when earlier patches have done all of it. */
void policy_change_print(const struct policy_change *c,
                         struct policy_change_log *log, struct srt_buf *out);

/* A JSON string.  False, and nothing added: no UTF-8. */
bool policy_change_text(struct srt_buf *out, const char *text);
/* "network/allowedDomains" */
const char *policy_change_list_name(enum policy_list list);

#endif
