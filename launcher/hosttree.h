/* Bounded walks over the host's tree, as policy_compile() asks for them. */
#ifndef SRT_LAUNCHER_HOSTTREE_H
#define SRT_LAUNCHER_HOSTTREE_H

#include "policy/compile.h"

/* The two callbacks of struct policy_host; the contract is there.  At most
 * two million names and 20 s for each. */
enum srt_rc launcher_hosttree_glob(void *ctx, const char *base,
                                   const char *pattern,
                                   const struct policy_walk *to,
                                   struct srt_err *err);
enum srt_rc launcher_hosttree_search(void *ctx, const char *base,
                                     unsigned depth, policy_wanted_fn *wanted,
                                     const struct policy_walk *to,
                                     struct srt_err *err);

#endif
