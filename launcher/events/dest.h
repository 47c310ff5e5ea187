/* Where events go: the words of --events. */
#ifndef SRT_LAUNCHER_EVENTS_DEST_H
#define SRT_LAUNCHER_EVENTS_DEST_H

#include "base/error.h"

/* Open "FILE", "fd:N" or "unix:PATH" for JSON Lines.  *ret_fd is owned;
 * *ret_user_fd is N of "fd:N", else -1.  ("-" is the store's business.) */
enum srt_rc events_dest_open(const char *dest, int *ret_fd, int *ret_user_fd,
                             struct srt_err *err) SRT_MUST_CHECK;

#endif
