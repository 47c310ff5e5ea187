#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_MAX 200

static int log_fd = STDERR_FILENO;
static enum srt_log_level log_level = SRT_LOG_WARN;

void srt_log_init(int fd, enum srt_log_level level)
{
    log_fd = fd;
    log_level = level;
}

bool srt_log_shows(enum srt_log_level level)
{
    return level <= log_level;
}

void srt_log(enum srt_log_level level, const char *fmt, ...)
{
    int saved = errno;
    char line[1400] = "srt: ";
    va_list ap;
    size_t len;

    if (!srt_log_shows(level))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(line + 5, sizeof(line) - 6, fmt, ap);
    va_end(ap);
    len = strlen(line);
    line[len++] = '\n';
    (void)!write(log_fd, line, len);
    errno = saved;
}

const char *srt_log_quote(const char *s, char *out, size_t size)
{
    size_t o = 0;

    for (size_t i = 0; i < SHOWN_MAX && s[i] != '\0' && o + 5 <= size; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c >= 0x20 && c < 0x7f)
            out[o++] = (char)c;
        else
            o += (size_t)snprintf(out + o, size - o, "\\x%02x", c);
    }
    if (size > 0)
        out[o] = '\0';
    return out;
}
