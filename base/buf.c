#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define DEFAULT_MAX ((size_t)1 << 20)

void srt_buf_release(struct srt_buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
    b->overflow = false;
}

void srt_buf_clear(struct srt_buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

/* Make room for `extra` more bytes and the NUL. */
static bool reserve(struct srt_buf *b, size_t extra)
{
    size_t max = b->max != 0 ? b->max : DEFAULT_MAX;
    size_t cap = b->cap != 0 ? b->cap : 128;

    if (b->overflow || b->len > max || extra > max - b->len) {
        b->overflow = true;
        return false;
    }
    if (b->len + extra + 1 <= b->cap)
        return true;
    while (cap < b->len + extra + 1)
        cap *= 2;
    b->data = srt_xrealloc(b->data, cap);
    b->cap = cap;
    return true;
}

void srt_buf_add(struct srt_buf *b, const void *bytes, size_t len)
{
    if (!reserve(b, len))
        return;
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void srt_buf_add_str(struct srt_buf *b, const char *s)
{
    srt_buf_add(b, s, strlen(s));
}

void srt_buf_add_char(struct srt_buf *b, char c)
{
    srt_buf_add(b, &c, 1);
}

void srt_buf_addf(struct srt_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if (reserve(b, (size_t)n)) {
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void srt_buf_consume(struct srt_buf *b, size_t n)
{
    assert(n <= b->len);
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

const char *srt_buf_str(const struct srt_buf *b)
{
    return b->data != NULL ? b->data : "";
}
