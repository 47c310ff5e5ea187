/* The smallest change to the policy that would allow what was refused. */
#ifndef SRT_POLICY_SUGGEST_H
#define SRT_POLICY_SUGGEST_H

#include "base/buf.h"
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

/* Append to `hint` (for people) and `change` (a JSON Patch array, RFC 6902):
 * applied to the policy's file, the same operation passes.  Both get nothing
 * where none should be suggested (built-ins), `change` alone where the file
 * cannot do it (an option decided) or should not (most protected names). */
void policy_suggest(const struct policy_image *img, enum policy_subject kind,
                    const char *target, const struct policy_decision *d,
                    struct srt_buf *hint, struct srt_buf *change);

#endif
