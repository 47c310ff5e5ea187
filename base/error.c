#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line for a terminal: nothing in it may act on the reader's screen. */
static void defuse(char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            *s = '?';
}

enum srt_rc srt_err_set(struct srt_err *err, enum srt_rc rc, const char *fmt,
                        ...)
{
    va_list ap;

    err->rc = rc;
    err->sys_errno = 0;
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    defuse(err->msg);
    return rc;
}

enum srt_rc srt_err_sys(struct srt_err *err, int sys_errno, const char *fmt,
                        ...)
{
    va_list ap;
    size_t len;

    err->rc = SRT_E_SYS;
    err->sys_errno = sys_errno;
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    len = strlen(err->msg);
    (void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
                   strerror(sys_errno)); /* NOLINT(concurrency-mt-unsafe) */
    defuse(err->msg);
    return SRT_E_SYS;
}
