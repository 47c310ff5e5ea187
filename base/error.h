/* Errors that a person will read: set-up, options, policy. */
#ifndef SRT_BASE_ERROR_H
#define SRT_BASE_ERROR_H

#define SRT_MUST_CHECK        __attribute__((warn_unused_result))
#define SRT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What went wrong, coarsely enough for an exit code or a protocol reply. */
enum srt_rc {
    SRT_OK = 0,
    SRT_E_SYS = -1,    /* a system call failed; srt_err.sys_errno says how */
    SRT_E_CONFIG = -2, /* the user's settings or arguments are wrong */
    SRT_E_LIMIT = -3,  /* a fixed bound was reached */
    SRT_E_UNSUP = -4,  /* this kernel or platform cannot do it */
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

#endif
