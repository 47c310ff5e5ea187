/*
 * srt-init: the last program of ours inside.  Static, libc only; it has no
 * secrets and trusts only its configuration (init_config.h).
 *
 * Each step returns 0 or an errno; main.c turns that into the 'e' message.
 */
#ifndef SRT_LAUNCHER_LINUX_INIT_INIT_H
#define SRT_LAUNCHER_LINUX_INIT_INIT_H

#include <stddef.h>

#include "launcher/linux/init_config.h"

/* landlock.c: handle every write right, grant those of the configuration.
 * *ret_what names the path of a grant that failed. */
int init_landlock(const struct init_config *c, const char **ret_what);

/* seccomp.c: load the filter.  *ret_listener is -1 without one. */
int init_filter(const struct init_config *c, int *ret_listener);

/* String at an offset of the configuration. */
const char *init_text(const struct init_config *c, uint32_t offset);

#endif
