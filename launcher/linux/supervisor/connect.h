/* A TCP connect that is under way, in a slot of kind SUP_SLOT_CONNECT.
 *
 *   ASKED    the launcher judges and dials; the caller waits in connect(2)
 *   MEETING  dialled; the caller's socket connects to a listener of ours
 *   LOCAL    connecting on the caller's own socket, inside the namespace or to
 *            a Unix socket, waits for room in a backlog
 *
 * Who waits is "parked": its signals, its SO_SNDTIMEO and its death are looked
 * at every tick.  A call that was interrupted (id 0) meets its slot again when
 * the kernel restarts it, by thread and socket cookie. */
#ifndef SRT_LAUNCHER_LINUX_SUPERVISOR_CONNECT_H
#define SRT_LAUNCHER_LINUX_SUPERVISOR_CONNECT_H

#include "base/sockaddr.h"
#include "launcher/linux/supervisor/supervisor.h"

struct oneshot;

struct connect_state {
    int socket;      /* owned: the caller's open file description; -1: it was
                        interrupted, and has met the tunnel */
    int retry;       /* owned: Unix path to connect to again (LOCAL), or -1 */
    uint64_t cookie; /* SO_COOKIE of it */
    union srt_sockaddr given; /* as the caller wrote it */
    union srt_sockaddr meant; /* IPv4 unwrapped: what is dialled */
    socklen_t given_len;
    bool nonblocking, local;
    bool trying;     /* LOCAL: somebody tries to connect it just now */
    bool has_result; /* the dial has ended */
    bool met;        /* the tunnel has its end of the socket */
    bool alone;      /* nobody waits for it any more */
    int result;
    int failed; /* why it could not be connected inside, though admitted */
    uint64_t since_ms, until_ms; /* until_ms 0: no SO_SNDTIMEO */
    struct oneshot *oneshot;     /* MEETING: the listener; else NULL */
    uint64_t meet_ms;            /* MEETING: until when */
};

/* park.c */

/* What a pending signal asks for: 0 nothing, ERESTARTSYS (512), EINTR. */
int sup_park_signal(struct sup *s, pid_t tid, bool has_timeout);

/* Parse /proc/TID/status; for sup_park_signal() and its test. */
struct park_signals {
    uint64_t own, shared, blocked, ignored; /* SigPnd ShdPnd SigBlk SigIgn */
    unsigned threads;
};

bool sup_park_parse(const char *status, struct park_signals *ret);

/* unix.c: connect to an AF_UNIX address, len as the caller gave it. */
void sup_unix_connect(struct sup *s, const struct seccomp_notif *n, int socket,
                      const void *address, socklen_t len);
/* Connect to the socket that the O_PATH descriptor `target` is, without waiting:
 * 0 or the errno; EAGAIN: its backlog is full.  Leaves and returns. */
int sup_unix_connect_to(int socket, int target);

/* oneshot.c: the caller's socket and the tunnel's end. */

/* Begin to connect the slot's socket to a listener at its destination: 0, and
 * its oneshot is set; or the errno of the caller's connect(2).  Leaves and
 * returns: the slot may be gone. */
int sup_oneshot_connect(struct sup *s, struct sup_slot *slot);
/* Give what has come to `o` to whom it belongs (sup_sockets_met()). */
void sup_oneshot_accept(struct sup *s, struct oneshot *o);
/* Wait for it no longer. */
void sup_oneshot_leave(struct connect_state *c);

/* sockets.c */

/* The connection of a slot that was MEETING is there.  `accepted` stays the
 * caller's. */
void sup_sockets_met(struct sup *s, struct sup_slot *slot, int accepted);
/* connect(2) without waiting, whatever the socket's mode; 0 or an errno.
 * Leaves and returns: fd and address must not be a slot's. */
int sup_sockets_connect_now(int fd, const void *address, socklen_t len);
/* The same for one that is in progress: EINPROGRESS, or its end. */
int sup_sockets_progress(int fd, const void *address, socklen_t len);
/* Begin to connect the caller's socket; its end comes to sup_sockets_met(). */
void sup_sockets_meet(struct sup *s, struct sup_slot *slot);
/* Forget the connect, and the dial unless the socket goes on without us. */
void sup_sockets_drop(struct sup *s, struct sup_slot *slot);
/* ::ffff:a.b.c.d is a.b.c.d. */
union srt_sockaddr sup_sockets_unwrap(const union srt_sockaddr *a);
/* Wait in a slot until the connect can be finished locally.  The
 * socket is duplicated; `retry` (or -1) becomes the slot's. */
void sup_sockets_wait_local(struct sup *s, const struct seccomp_notif *n,
                            int socket, int retry, const void *address,
                            socklen_t len);

#endif
