/*
 * What the command may write to behind the mounts (Landlock's grants), and what
 * its streams need on account of that.
 *
 * A file that came in on a stream stands on the host's own mount, where neither
 * the plan's masks nor its read-only parts are, and /proc/self/fd leads to it.
 * So what is open for reading, and may not be written though a grant covers it,
 * is opened again inside; and what is open for writing alone may not be a file
 * that the policy denies reading.
 */
#ifndef SRT_LAUNCHER_LINUX_GRANTS_H
#define SRT_LAUNCHER_LINUX_GRANTS_H

#include <stddef.h>
#include <stdint.h>

#include "launcher/linux/session.h"

/* Zero-initialise; the strings are the plan's. */
struct grants {
    const char **paths; /* owned: writable regions, srt's own places */
    size_t npaths;
    int *fds; /* owned: streams open for writing that have a path */
    size_t nfds;
    int *again; /* owned: streams that srt-init must open again */
    size_t nagain;
};

/* Fails with one line for a stream that the policy cannot hold. */
enum srt_rc grants_make(const struct session_input *in, const struct plan *plan,
                        struct grants *ret, struct srt_err *err) SRT_MUST_CHECK;
void grants_release(struct grants *g);

#endif
