/*
 * Messages between supervisor and launcher over one AF_UNIX SOCK_SEQPACKET
 * pair.  Both ends are ours, and the sandbox cannot reach either; lengths are
 * checked all the same.
 *
 * The supervisor never waits for the launcher: it parks the notified call in a
 * slot, sends {slot, generation}, and goes on.  An answer whose generation is
 * no longer that of the slot is dropped.  Neither side ever blocks on send:
 * what does not fit is queued (queue.h).
 */
#ifndef SRT_LAUNCHER_LINUX_CHANNEL_H
#define SRT_LAUNCHER_LINUX_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fd.h"
#include "base/sockaddr.h"

enum channel_type {
    /* supervisor -> launcher, while starting */
    CHANNEL_FAILED = 1, /* why; error: srt's exit status; the supervisor ends */
    CHANNEL_SOCKETS,    /* fds, in the order of enum channel_socket */
    CHANNEL_MASK,       /* fds[0]: /dev/fuse of the mounted mask superblock */
    CHANNEL_READY, /* all set, srt-init goes; tid: of the sandbox's pid 1 */
    /* supervisor -> launcher, serving */
    CHANNEL_REFUSED, /* a refused call; answered by CHANNEL_ANSWER */
    CHANNEL_CONNECT, /* a TCP connect to judge and dial */
    CHANNEL_CANCEL,  /* forget slot: the caller gave up or died; or, with an
                        error, it could not be connected inside */
    CHANNEL_TUNNEL,  /* fds[0]: the accepted end; slot as in CONNECT */
    CHANNEL_WARNING,
    /* launcher -> supervisor */
    CHANNEL_MASK_SERVED, /* the mask thread answers requests from now on */
    CHANNEL_ANSWER,      /* error: the errno for the refused call */
    CHANNEL_VERDICT,     /* error: 0 admitted (non-blocking only), or errno */
    CHANNEL_DIALED,      /* error: 0 upstream is connected, or errno */
};

/* The sockets that the supervisor makes inside and the launcher serves. */
enum channel_socket {
    CHANNEL_DNS_UDP4,
    CHANNEL_DNS_UDP6, /* a closed place is /dev/null: the host has no IPv6 */
    CHANNEL_DNS_TCP4,
    CHANNEL_DNS_TCP6,
    CHANNEL_HTTP4,  /* 127.0.0.1:PORTS_HTTP */
    CHANNEL_SOCKS4, /* 127.0.0.1:PORTS_SOCKS */
    CHANNEL_REPORT, /* /dev/srt/report: the shim's reports at level preload */
    CHANNEL_DIAG,   /* NETLINK_SOCK_DIAG of the sandbox's namespace */
    CHANNEL_SOCKET_COUNT
};

/* What the launcher must ask the host about a refused call (hostcheck.c). */
enum channel_check {
    CHANNEL_CHECK_NONE,   /* refused whatever the host thinks */
    CHANNEL_CHECK_OPEN,   /* open for writing, O_CREAT per flags; truncate */
    CHANNEL_CHECK_CREATE, /* mkdir, mknod, symlink, link target, bind */
    CHANNEL_CHECK_REMOVE, /* unlink, rmdir (AT_REMOVEDIR in flags) */
    CHANNEL_CHECK_RENAME,
    CHANNEL_CHECK_LINK,
    CHANNEL_CHECK_CONNECT, /* to a Unix socket */
    /* From here on: what the supervisor performs itself. */
    CHANNEL_CHECK_MODE,  /* chmod */
    CHANNEL_CHECK_OWNER, /* chown, per owner and group */
    CHANNEL_CHECK_TIMES, /* utimens; flags != 0: to times of its own */
    CHANNEL_CHECK_FLAGS, /* FS_IOC_SETFLAGS: what of flags takes a capability */
    CHANNEL_CHECK_XATTR,
};

/* The strings of a message, by their place. */
enum channel_text {
    CHANNEL_TEXT = 0, /* of FAILED and WARNING: all there is */
    CHANNEL_DIR = 0,  /* of REFUSED: a parent directory; "": there is none */
    CHANNEL_NAME,     /* in it, or the whole target */
    CHANNEL_DIR2,
    CHANNEL_NAME2, /* or the attribute's name */
    CHANNEL_REQUESTED,
    CHANNEL_RULE, /* the decision: policy_decision */
    CHANNEL_REASON,
    CHANNEL_TEXTS
};

enum { CHANNEL_TEXT_BYTES = 5 * 4096 };

struct channel_msg {
    uint32_t type; /* enum channel_type */
    uint32_t slot;
    uint64_t generation;
    int32_t tid;   /* host thread id of the caller; 0: none; or as above */
    int32_t error; /* errno, or 0; or as above */
    int32_t nr;    /* system call number */
    int32_t op;    /* enum events_op */
    int32_t check; /* enum channel_check */
    int32_t flags; /* open, rename or AT_ flags of the call */
    uint32_t owner, group; /* of chown; UINT32_MAX: stays */
    int32_t nonblocking;
    int32_t second;    /* of two names, it is the second that is refused */
    int32_t follows;   /* a last symlink is not what is meant */
    int32_t slashes;   /* paths that end in one: 1 the first, 2 the second */
    int32_t uncertain; /* the host's answer cannot be known */
    int32_t allowed;   /* the policy allows it; it is the sandbox that fails */

    /* Of the parent directories; 0: a mask is there, and what lies behind it is
     * meant. */
    struct channel_place {
        uint64_t dev, ino;
    } parent, parent2;
    union srt_sockaddr addr;
    /* Strings, each NUL-terminated in `bytes`, in the order of enum
     * channel_text; absent: "". */
    uint32_t text_len; /* bytes used */
    char bytes[CHANNEL_TEXT_BYTES + CHANNEL_TEXTS];
};

/* Clear everything but `bytes`. */
void channel_msg_init(struct channel_msg *m, enum channel_type type,
                      uint32_t slot, uint64_t generation);
/* Append the next string.  False: it does not fit. */
bool channel_msg_add(struct channel_msg *m, const char *text);
/* Append "" until string i is the next. */
void channel_msg_skip_to(struct channel_msg *m, size_t i);
/* String i, "" when absent. */
const char *channel_msg_text(const struct channel_msg *m, size_t i);

/* Returns 0 or an errno (EAGAIN with MSG_DONTWAIT); sends only used bytes. */
int channel_send(int sock, const struct channel_msg *m, const int *fds,
                 size_t nfds, int flags) SRT_MUST_CHECK;
/* Returns 1 for a valid message, 0 at end of file, -1 with errno; a malformed
 * one is EBADMSG.  fds as in srt_fd_recv(). */
int channel_recv(int sock, struct channel_msg *m, int *fds, size_t *ret_nfds,
                 int flags) SRT_MUST_CHECK;

#endif
