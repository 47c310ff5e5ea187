/* Nothing of a start outlives a launcher that is killed meanwhile. */
#ifndef SRT_LAUNCHER_LINUX_ORPHANS_H
#define SRT_LAUNCHER_LINUX_ORPHANS_H

#include <sys/types.h>

#include "base/error.h"

struct orphans {
    pid_t pid; /* of the process that watches; 0: none */
    int alive; /* owned; while it is open here, the launcher lives */
};

/* Fork a process that kills, when the launcher dies before orphans_release(),
 * all that have the socket `held` open: bwrap and srt-init. */
enum srt_rc orphans_watch(struct orphans *ret, int held,
                          struct srt_err *err) SRT_MUST_CHECK;

/* The start is over, death signals hold from here: end the watch. */
void orphans_release(struct orphans *o);

#endif
