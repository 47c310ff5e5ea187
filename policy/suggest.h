/* The smallest change to the policy that would allow what was refused. */
#ifndef SRT_POLICY_SUGGEST_H
#define SRT_POLICY_SUGGEST_H

#include "base/buf.h"
#include "policy/image.h"

enum policy_subject {
    POLICY_SUBJECT_READ,
    POLICY_SUBJECT_WRITE,
    POLICY_SUBJECT_HOST, /* "name:port" or "[v6]:port" */
    POLICY_SUBJECT_RESOLVE,
    POLICY_SUBJECT_UNIX,
};

/* Fill `hint` (for people) and `change` (a JSON Patch array, RFC 6902).  Both
 * stay empty where none should be suggested (protected names, built-ins). */
void policy_suggest(const struct policy_image *img, enum policy_subject kind,
                    const char *target, const struct policy_decision *d,
                    struct srt_buf *hint, struct srt_buf *change);

#endif
