#include "launcher/events/names.h"

#include <errno.h>
#include <stdio.h>

#include "base/macros.h"

struct op_names {
    const char *op;
    const char *verb; /* for people */
};

static const struct op_names ops[] = {
    [EVENTS_OP_NONE] = {"none", "use"},
    [EVENTS_OP_FILE_READ] = {"file-read", "read"},
    [EVENTS_OP_FILE_WRITE] = {"file-write", "write"},
    [EVENTS_OP_FILE_CREATE] = {"file-create", "create"},
    [EVENTS_OP_FILE_DELETE] = {"file-delete", "delete"},
    [EVENTS_OP_FILE_RENAME] = {"file-rename", "rename"},
    [EVENTS_OP_NET_CONNECT] = {"net-connect", "connect"},
    [EVENTS_OP_NET_RESOLVE] = {"net-resolve", "resolve"},
    [EVENTS_OP_NET_SEND] = {"net-send", "send"},
    [EVENTS_OP_HTTP_REQUEST] = {"http-request", "request"},
    [EVENTS_OP_UNIX_CONNECT] = {"unix-connect", "connect"},
    [EVENTS_OP_NET_BIND] = {"net-bind", "bind"},
    [EVENTS_OP_SYSCALL] = {"syscall", "call"},
    [EVENTS_OP_EXEC] = {"exec", "exec"},
};

static const char *const sources[] = {
    [EVENTS_SOURCE_SUPERVISOR] = "supervisor",
    [EVENTS_SOURCE_MASK] = "mask",
    [EVENTS_SOURCE_DNS] = "dns",
    [EVENTS_SOURCE_PROXY] = "proxy",
    [EVENTS_SOURCE_SHIM] = "shim",
    [EVENTS_SOURCE_SEATBELT] = "seatbelt",
};

struct errno_name {
    int err;
    const char *name;
};

#define ROW(e)                                                                 \
 {                                                                             \
  e, #e                                                                        \
 }
/* What POSIX names; Linux and macOS have them all. */
static const struct errno_name errnos[] = {
    ROW(E2BIG),           ROW(EACCES),          ROW(EADDRINUSE),
    ROW(EADDRNOTAVAIL),   ROW(EAFNOSUPPORT),    ROW(EAGAIN),
    ROW(EALREADY),        ROW(EBADF),           ROW(EBADMSG),
    ROW(EBUSY),           ROW(ECANCELED),       ROW(ECHILD),
    ROW(ECONNABORTED),    ROW(ECONNREFUSED),    ROW(ECONNRESET),
    ROW(EDEADLK),         ROW(EDESTADDRREQ),    ROW(EDOM),
    ROW(EDQUOT),          ROW(EEXIST),          ROW(EFAULT),
    ROW(EFBIG),           ROW(EHOSTDOWN),       ROW(EHOSTUNREACH),
    ROW(EIDRM),           ROW(EILSEQ),          ROW(EINPROGRESS),
    ROW(EINTR),           ROW(EINVAL),          ROW(EIO),
    ROW(EISCONN),         ROW(EISDIR),          ROW(ELOOP),
    ROW(EMFILE),          ROW(EMLINK),          ROW(EMSGSIZE),
    ROW(ENAMETOOLONG),    ROW(ENETDOWN),        ROW(ENETRESET),
    ROW(ENETUNREACH),     ROW(ENFILE),          ROW(ENOBUFS),
    ROW(ENODATA),         ROW(ENODEV),          ROW(ENOENT),
    ROW(ENOEXEC),         ROW(ENOLCK),          ROW(ENOMEM),
    ROW(ENOPROTOOPT),     ROW(ENOSPC),          ROW(ENOSYS),
    ROW(ENOTBLK),         ROW(ENOTCONN),        ROW(ENOTDIR),
    ROW(ENOTEMPTY),       ROW(ENOTRECOVERABLE), ROW(ENOTSOCK),
    ROW(ENOTTY),          ROW(ENXIO),           ROW(EOPNOTSUPP),
    ROW(EOVERFLOW),       ROW(EOWNERDEAD),      ROW(EPERM),
    ROW(EPFNOSUPPORT),    ROW(EPIPE),           ROW(EPROTO),
    ROW(EPROTONOSUPPORT), ROW(EPROTOTYPE),      ROW(ERANGE),
    ROW(EROFS),           ROW(ESHUTDOWN),       ROW(ESOCKTNOSUPPORT),
    ROW(ESPIPE),          ROW(ESRCH),           ROW(ESTALE),
    ROW(ETIMEDOUT),       ROW(ETXTBSY),         ROW(EUSERS),
    ROW(EXDEV),
#ifdef ENOKEY
    ROW(ENOKEY),          ROW(EKEYREVOKED),     ROW(EKEYREJECTED),
#endif
};

const char *events_names_op(enum events_op op)
{
    return (size_t)op < SRT_ARRAY_LEN(ops) ? ops[op].op : ops[0].op;
}

const char *events_names_verb(enum events_op op)
{
    return (size_t)op < SRT_ARRAY_LEN(ops) ? ops[op].verb : ops[0].verb;
}

const char *events_names_source(enum events_source s)
{
    return (size_t)s < SRT_ARRAY_LEN(sources) ? sources[s] : "unknown";
}

const char *events_names_errno(int err, char out[EVENTS_NAMES_ERRNO_MAX])
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(errnos); i++)
        if (errnos[i].err == err)
            return errnos[i].name;
    (void)snprintf(out, EVENTS_NAMES_ERRNO_MAX, "errno %d", err);
    return out;
}
