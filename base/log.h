/* Messages of srt itself, for people; decisions are events, not log lines. */
#ifndef SRT_BASE_LOG_H
#define SRT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum srt_log_level {
    SRT_LOG_ERROR,
    SRT_LOG_WARN,
    SRT_LOG_INFO,
    SRT_LOG_DEBUG,
};

/* Room for a quoted string: 200 shown bytes, each at most 4 characters. */
#define SRT_LOG_QUOTED_MAX 808

/* Where lines go from now on (borrowed) and the last level that is shown.
 * Before the first call: standard error, SRT_LOG_WARN. */
void srt_log_init(int fd, enum srt_log_level level);
bool srt_log_shows(enum srt_log_level level);

/* One line "srt: text\n" in one write(2).  Keeps errno.  Thread-safe. */
void srt_log(enum srt_log_level level, const char *fmt, ...) SRT_PRINTF(2, 3);

/* Copy s to out with control and non-ASCII bytes as \xNN, cut at 200 bytes.
 * Returns out.  For every string that came from inside or the network. */
const char *srt_log_quote(const char *s, char *out, size_t size);

#endif
