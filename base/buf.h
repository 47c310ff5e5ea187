/* A byte buffer that grows up to a stated bound. */
#ifndef SRT_BASE_BUF_H
#define SRT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Zero-initialise and set `max`.  Once an append does not fit, `overflow` is
 * set and all later appends do nothing: check it once, at the end. */
struct srt_buf {
    char *data; /* owned; NUL-terminated whenever not NULL */
    size_t len; /* bytes before the NUL */
    size_t cap;
    size_t max; /* largest len allowed; 0 means 1 MiB */
    bool overflow;
};

/* Free the memory and set to empty, keeping max. */
void srt_buf_release(struct srt_buf *b);
/* Forget the content, keep the memory. */
void srt_buf_clear(struct srt_buf *b);

#define SRT_AUTO_BUF __attribute__((cleanup(srt_buf_release)))

void srt_buf_add(struct srt_buf *b, const void *bytes, size_t len);
void srt_buf_add_str(struct srt_buf *b, const char *s);
void srt_buf_add_char(struct srt_buf *b, char c);
void srt_buf_addf(struct srt_buf *b, const char *fmt, ...) SRT_PRINTF(2, 3);

/* Drop the first n bytes (n <= len). */
void srt_buf_consume(struct srt_buf *b, size_t n);

/* The content as a string, "" when empty; borrowed until the next change. */
const char *srt_buf_str(const struct srt_buf *b);

#endif
