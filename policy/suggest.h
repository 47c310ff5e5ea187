/* The smallest change to the policy that would allow what was refused. */
#ifndef SRT_POLICY_SUGGEST_H
#define SRT_POLICY_SUGGEST_H

#include "base/buf.h"
#include "policy/change.h"
#include "policy/image.h"

enum policy_subject {
    POLICY_SUBJECT_READ,
    POLICY_SUBJECT_WRITE, /* an existing file: written, truncated, chmod ... */
    POLICY_SUBJECT_ENTRY, /* a name made, removed or renamed: what must be
                             writable is the directory that holds it (an
                             allowWrite of what does not exist is an error) */
    POLICY_SUBJECT_HOST,  /* "name:port" or "[v6]:port" */
    POLICY_SUBJECT_RESOLVE,
    POLICY_SUBJECT_UNIX,
};

/* What the operation does to the name of an ENTRY. */
enum policy_deed {
    POLICY_DEED_OTHER, /* removes or renames it, or links something there */
    POLICY_DEED_MAKES, /* a file, or who knows what */
    POLICY_DEED_MAKES_DIR,
    POLICY_DEED_RENAMES, /* target to target2 */
    POLICY_DEED_LINKS,   /* target2 to the file that target is */
};

/* What was refused.  All is borrowed. */
struct policy_refused {
    const struct policy_image *image;
    const struct policy_settings *settings; /* NULL: a hint will do */
    const char *home;                       /* or NULL */
    enum policy_subject kind;
    enum policy_deed deed;
    const char *target;
    const char *target2;        /* RENAMES, LINKS; or NULL */
    struct policy_addr address; /* what a name led to; family 0: nothing */
    const struct policy_decision *decision;
};

/*
 * Append to `hint` (for people, one line) and fill *ret_change: once it is
 * applied to the policy's file, the same operation passes.  Both get nothing
 * where nothing should be suggested (most built-ins), the change alone where
 * the file cannot do it (an option decided; a name in "/" or in the home
 * directory, where its directory would open too much; a link between two
 * writable roots) or should not (most protected names).
 */
void policy_suggest(const struct policy_refused *r, struct srt_buf *hint,
                    struct policy_change *ret_change);

#endif
