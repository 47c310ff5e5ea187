/* Where events go: the words of --events. */
#ifndef SRT_LAUNCHER_EVENTS_DEST_H
#define SRT_LAUNCHER_EVENTS_DEST_H

#include "base/error.h"

/* What a word names; *ret_rest is what follows the prefix (borrowed). */
enum events_dest_kind {
    EVENTS_DEST_PEOPLE, /* "-" */
    EVENTS_DEST_FILE,
    EVENTS_DEST_FD,   /* "fd:N" */
    EVENTS_DEST_UNIX, /* "unix:PATH" */
};

enum events_dest_kind events_dest_kind(const char *dest, const char **ret_rest);

/* Is the descriptor of "fd:N" open?  To be asked while srt has none of its own
 * that could be meant; other words pass. */
enum srt_rc events_dest_check(const char *dest,
                              struct srt_err *err) SRT_MUST_CHECK;

/* Open "FILE", "fd:N" or "unix:PATH" for JSON Lines.  *ret_fd is owned;
 * *ret_user_fd is N of "fd:N", else -1.  ("-" is the store's business.) */
enum srt_rc events_dest_open(const char *dest, int *ret_fd, int *ret_user_fd,
                             struct srt_err *err) SRT_MUST_CHECK;

#endif
