/* One event, as the layers report it. */
#ifndef SRT_LAUNCHER_EVENTS_EVENT_H
#define SRT_LAUNCHER_EVENTS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct policy_change;

/* docs/events.md "op".  One row each in events/names.c. */
enum events_op {
    EVENTS_OP_NONE,
    EVENTS_OP_FILE_READ,
    EVENTS_OP_FILE_WRITE,
    EVENTS_OP_FILE_CREATE,
    EVENTS_OP_FILE_DELETE,
    EVENTS_OP_FILE_RENAME,
    EVENTS_OP_NET_CONNECT,
    EVENTS_OP_NET_RESOLVE,
    EVENTS_OP_NET_SEND, /* not produced: datagrams but look-ups lead nowhere */
    EVENTS_OP_HTTP_REQUEST,
    EVENTS_OP_UNIX_CONNECT,
    EVENTS_OP_NET_BIND, /* not produced: a refused path is FILE_CREATE */
    EVENTS_OP_SYSCALL,
    EVENTS_OP_EXEC,
};

enum events_source {
    EVENTS_SOURCE_SUPERVISOR,
    EVENTS_SOURCE_MASK,
    EVENTS_SOURCE_DNS,
    EVENTS_SOURCE_PROXY,
    EVENTS_SOURCE_SHIM,
    EVENTS_SOURCE_SEATBELT, /* macOS: not there yet */
};

/* Who did it: filled by linux/process.c while the caller is still blocked.
 * Strings are raw bytes from inside; the writers escape them. */
struct events_process {
    pid_t pid;      /* as seen inside; 0: not known */
    pid_t tid;      /* the thread inside, if not pid; else 0 */
    pid_t host_pid; /* 0: not known */
    char exe[1024];
    char argv[2048]; /* words separated by NUL */
    size_t argv_len;
    char cwd[1024];
    char caller[256]; /* annotation: "module+0x1234", "" */
};

/* "message" of the warning for such a call. */
#define EVENTS_ALLOWED_TEXT "refused although the policy allows it"

/* A refusal.  All pointers are borrowed for the call. */
struct events_violation {
    enum events_op op;
    enum events_source source;
    const char *target;    /* raw bytes */
    const char *target2;   /* or NULL */
    const char *requested; /* or NULL; dropped when equal to target */
    const char *address;   /* or NULL: the address of a host target */
    const char *call;      /* "openat", or NULL */
    const char *rule;
    const char *reason;
    int err;        /* errno that the program gets; 0: none (an HTTP 403) */
    bool probe;     /* class "probe", else "refused" */
    bool uncertain; /* "certain": false */
    bool caller_died;
    bool allowed;     /* the policy allows it, and still it failed: told as a
                     warning, counted nowhere */
    const char *hint; /* or NULL */
    const struct policy_change *change; /* or NULL */
};

#endif
