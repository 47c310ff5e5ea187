/* Errors that a person will read: set-up, options, policy. */
#ifndef SRT_BASE_ERROR_H
#define SRT_BASE_ERROR_H

#define SRT_MUST_CHECK        __attribute__((warn_unused_result))
#define SRT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SRT_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
/* The struct that holds `member`, of which p points at. */
#define SRT_CONTAINER_OF(p, type, member)                                      \
 ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* What went wrong, coarsely enough for an exit code or a protocol reply. */
enum srt_rc {
    SRT_OK = 0,
    SRT_E_SYS = -1,    /* a system call failed; srt_err.sys_errno says how */
    SRT_E_CONFIG = -2, /* the user's settings or arguments are wrong */
    SRT_E_DENIED = -3, /* policy said no */
    SRT_E_LIMIT = -4,  /* a fixed bound was reached */
    SRT_E_UNSUP = -5,  /* this kernel or platform cannot do it */
};

/* Filled on failure only, never touched on success.  Lives on the caller's
 * stack: making an error allocates nothing and so cannot itself fail. */
struct srt_err {
    enum srt_rc rc;
    int sys_errno;  /* 0 when no system call was involved */
    char msg[1024]; /* truncated, always NUL-terminated, one line */
};

/* Fill *err and return rc.  Control characters in the result become '?'. */
enum srt_rc srt_err_set(struct srt_err *err, enum srt_rc rc, const char *fmt,
                        ...) SRT_PRINTF(3, 4);

/* Fill *err with the text, ": " and the errno's message; returns SRT_E_SYS. */
enum srt_rc srt_err_sys(struct srt_err *err, int sys_errno, const char *fmt,
                        ...) SRT_PRINTF(3, 4);

/* Put "text: " in front of the message that *err holds; returns err->rc. */
enum srt_rc srt_err_wrap(struct srt_err *err, const char *fmt, ...)
    SRT_PRINTF(2, 3);

#endif
