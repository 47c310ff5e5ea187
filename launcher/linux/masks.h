/*
 * Masks that report: a thread that answers the FUSE requests for denied paths
 * with EACCES, after recording the event if the host would have let this user
 * read it.
 */
#ifndef SRT_LAUNCHER_LINUX_MASKS_H
#define SRT_LAUNCHER_LINUX_MASKS_H

#include "launcher/linux/session.h"

struct masks;

/* Serve `fuse_fd` (taken, also on failure) for the masked regions of s->plan,
 * from before it is mounted.  The root's children are named by region number:
 * the supervisor binds child N over region N. */
enum srt_rc masks_new(struct session *s, int fuse_fd, struct masks **ret,
                      struct srt_err *err) SRT_MUST_CHECK;
/* The sandbox is gone: stop the thread and free. */
void masks_free(struct masks *m);

#endif
