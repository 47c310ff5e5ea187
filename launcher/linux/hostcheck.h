/* Would the host have allowed it?  Asked outside, with srt's own credentials. */
#ifndef SRT_LAUNCHER_LINUX_HOSTCHECK_H
#define SRT_LAUNCHER_LINUX_HOSTCHECK_H

#include "launcher/linux/channel.h"

enum hostcheck_answer {
    HOSTCHECK_WOULD_FAIL, /* *ret_errno: with this */
    HOSTCHECK_WOULD_PASS,
    HOSTCHECK_UNKNOWN, /* cannot be known: unreadable to srt, or a race */
};

/* What the errno of asking says (0: it would pass); a lack of our own says
 * nothing of the host. */
enum hostcheck_answer hostcheck_answer_of(int err, int *ret_errno);

/* Judge the refused write described by m (check, flags, texts).  May block on
 * a hung file system. */
enum hostcheck_answer hostcheck_write(const struct channel_msg *m,
                                      int *ret_errno);
/* Could this user read (list, when it is a directory) `path` right now? */
enum hostcheck_answer hostcheck_read(const char *path, int *ret_errno);

#endif
