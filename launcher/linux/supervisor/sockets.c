/*
 * connect(2).  None is ever continued: a second thread could put another
 * socket in the descriptor's place, or another address in the memory, between
 * our look and the kernel's.  The socket is taken, judged by what it is, and
 * connected by us, with our copy of the address.
 *
 *   Unix            unix.c
 *   UDP, AF_UNSPEC  done on the taken socket: nothing is routed out
 *   TCP to itself   done on the taken socket (loopback, own addresses)
 *   TCP elsewhere   asked of the launcher; then a one-shot listener bound to
 *                   exactly the destination accepts the caller's socket, and
 *                   the accepted end goes to the launcher (oneshot.c)
 *
 * A non-blocking socket is connected as soon as the launcher admits it, that of
 * an interrupted caller at once; the dial goes on, and its failure is a reset.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "launcher/events/event.h"
#include "launcher/linux/ports.h"
#include "launcher/linux/supervisor/connect.h"
#include "vendor/compat.h"

/* Own listener, own namespace: it is immediate, if the caller does not hinder
 * it. */
enum { MEET_MS = 5000 };

static int int_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static uint64_t u64_option(int fd, int name)
{
    uint64_t value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : 0;
}

/* What connect(2) takes for an address: IPv6 also without the scope id
 * (SIN6_LEN_RFC2133). */
static socklen_t least_length(const union srt_sockaddr *a)
{
    return a->sa.sa_family == AF_INET6
               ? (socklen_t)offsetof(struct sockaddr_in6, sin6_scope_id)
               : (socklen_t)sizeof(a->v4);
}

union srt_sockaddr sup_sockets_unwrap(const union srt_sockaddr *a)
{
    union srt_sockaddr out = {.sa.sa_family = a->sa.sa_family};

    if (a->sa.sa_family == AF_INET)
        out.v4 = a->v4;
    else if (a->sa.sa_family == AF_INET6)
        out.v6 = a->v6;
    if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
        memset(&out, 0, sizeof(out));
        out.v4.sin_family = AF_INET;
        out.v4.sin_port = a->v6.sin6_port;
        memcpy(&out.v4.sin_addr, &a->v6.sin6_addr.s6_addr[12], 4);
    }
    return out;
}

/* An address of the sandbox itself: its own servers answer there; and port 53
 * anywhere, where the resolver of srt listens. */
static bool is_inside(const union srt_sockaddr *meant)
{
    if (ntohs(meant->v4.sin_port) == PORTS_DNS)
        return true; /* the port stands at the same place in both */
    if (sup_network_is_own(meant))
        return true;
    if (meant->sa.sa_family == AF_INET) {
        uint32_t a = ntohl(meant->v4.sin_addr.s_addr);

        return a >> 24 == 127 || a == INADDR_ANY;
    }
    return IN6_IS_ADDR_LOOPBACK(&meant->v6.sin6_addr) ||
           IN6_IS_ADDR_UNSPECIFIED(&meant->v6.sin6_addr);
}

/* ---- slots ---- */

static void free_state(struct sup *s, struct sup_slot *slot)
{
    struct connect_state *c = slot->state;

    sup_oneshot_leave(c);
    srt_fd_close(&c->socket);
    srt_fd_close(&c->retry);
    free(c);
    slot->state = NULL;
    sup_slot_free(s, slot);
}

static uint64_t to_ms(const struct timeval *t)
{
    const time_t most = 1 << 30; /* longer than any run */

    return (uint64_t)(t->tv_sec < most ? t->tv_sec : most) * 1000 +
           (uint64_t)t->tv_usec / 1000;
}

/* NULL: no room; the call was answered. */
static struct sup_slot *new_slot(struct sup *s, const struct seccomp_notif *n,
                                 int *socket, const union srt_sockaddr *given,
                                 socklen_t len)
{
    struct sup_slot *slot = sup_slot_new(s, SUP_SLOT_CONNECT, n->id,
                                         (pid_t)n->pid);
    struct connect_state *c = slot != NULL ? calloc(1, sizeof(*c)) : NULL;
    struct timeval timeout = {0};
    socklen_t size = sizeof(timeout);

    if (c == NULL) {
        if (slot != NULL)
            sup_slot_free(s, slot);
        sup_answer(s, n->id, EAGAIN, 0);
        return NULL;
    }
    c->socket = srt_fd_take(socket);
    c->retry = -1;
    c->given = *given;
    c->given_len = len;
    c->meant = sup_sockets_unwrap(given);
    c->cookie = u64_option(c->socket, SO_COOKIE);
    c->nonblocking = (fcntl(c->socket, F_GETFL) & O_NONBLOCK) != 0;
    c->since_ms = srt_clock_ms();
    (void)getsockopt(c->socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, &size);
    if (timeout.tv_sec != 0 || timeout.tv_usec != 0)
        /* Never early: since_ms and the rest were rounded down. */
        c->until_ms = c->since_ms + to_ms(&timeout) + 2;
    slot->state = c;
    return slot;
}

static void tell(struct sup *s, const struct sup_slot *slot,
                 enum channel_type type, const int *fd)
{
    static struct channel_msg m;
    const struct connect_state *c = slot->state;

    channel_msg_init(&m, type, sup_slot_number(s, slot), slot->generation);
    m.tid = slot->tid;
    m.nonblocking = c->nonblocking;
    m.error = c->failed;
    m.addr = c->meant;
    sup_send(s, &m, fd, fd != NULL ? 1 : 0);
}

/* ---- connecting on the taken socket ---- */

/* The flag is that of the open file description, and its program can take it
 * away again between these calls: then connect(2) waits.  So this is a step
 * that may hang. */
int sup_sockets_connect_now(int fd, const void *address, socklen_t len)
{
    int flags = fcntl(fd, F_GETFL);
    int err;

    sup_leave();
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    err = connect(fd, address, len) == 0 ? 0 : errno;
    (void)fcntl(fd, F_SETFL, flags);
    sup_return();
    return err;
}

/* How a connect that is in progress stands: EINPROGRESS, or its end.  Asking
 * again is what makes the socket a connected one (EISCONN from then on) or a
 * fresh one, as after a blocking connect(2). */
int sup_sockets_progress(int fd, const void *address, socklen_t len)
{
    int err = sup_sockets_connect_now(fd, address, len);

    return err == EALREADY ? EINPROGRESS : err;
}

static void connect_inside(struct sup *s, const struct seccomp_notif *n,
                           const int *socket, const union srt_sockaddr *given,
                           socklen_t len)
{
    bool waits = (fcntl(*socket, F_GETFL) & O_NONBLOCK) == 0;
    int err = sup_sockets_connect_now(*socket, given, len);

    if (err == EINPROGRESS && waits)
        err = sup_sockets_progress(*socket, given, len);
    if (err == EINPROGRESS && waits)
        sup_sockets_wait_local(s, n, *socket, -1, given, len);
    else
        sup_answer(s, n->id, err, 0);
}

void sup_sockets_wait_local(struct sup *s, const struct seccomp_notif *n,
                            int socket, int retry, const void *address,
                            socklen_t len)
{
    union srt_sockaddr given = {.sa.sa_family = AF_UNSPEC};
    int own = srt_fd_dup_above(socket, 3);
    struct sup_slot *slot;
    struct connect_state *c;

    memcpy(&given, address, len < sizeof(given) ? len : sizeof(given));
    slot = new_slot(s, n, &own, &given, len);
    if (slot == NULL) {
        srt_fd_close(&own);
        srt_fd_close(&retry);
        return;
    }
    c = slot->state;
    c->local = true;
    c->retry = retry;
}

/* ---- the dial's end ---- */

void sup_sockets_drop(struct sup *s, struct sup_slot *slot)
{
    const struct connect_state *c = slot->state;

    if (!c->local && !c->met)
        tell(s, slot, CHANNEL_CANCEL, NULL);
    free_state(s, slot);
}

/* Answer the caller, which is there, and forget the connect. */
static void end(struct sup *s, struct sup_slot *slot, int err)
{
    struct connect_state *c = slot->state;
    const union srt_sockaddr given = c->given;
    const socklen_t len = c->given_len;
    const uint64_t id = slot->id;
    SRT_AUTO_FD int connected = err == 0 && !c->nonblocking
                                    ? srt_fd_take(&c->socket)
                                    : -1;

    sup_sockets_drop(s, slot);
    if (connected >= 0)
        (void)sup_sockets_progress(connected, &given, len);
    sup_answer(s, id, err, 0);
}

/* Begin to connect the caller's socket; its end comes to sup_sockets_met(). */
void sup_sockets_meet(struct sup *s, struct sup_slot *slot)
{
    struct connect_state *c = slot->state;
    const uint64_t generation = slot->generation;
    int err;

    c->meet_ms = srt_clock_ms() + MEET_MS;
    err = sup_oneshot_connect(s, slot);
    if (!sup_slot_is(slot, generation))
        return; /* given up, or met, meanwhile */
    if (err == 0 && c->oneshot != NULL)
        sup_oneshot_accept(s, c->oneshot);
    else if (err != 0 && slot->id != 0)
        end(s, slot, err);
    else if (err != 0)
        sup_sockets_drop(s, slot);
}

/* Go on when both are there, the caller and the result of the dial. */
static void settle(struct sup *s, struct sup_slot *slot)
{
    const struct connect_state *c = slot->state;

    if (slot->id == 0 || !c->has_result || c->oneshot != NULL)
        return;
    if (c->result == 0 && !c->met)
        sup_sockets_meet(s, slot);
    else
        end(s, slot, c->result);
}

void sup_sockets_met(struct sup *s, struct sup_slot *slot, int accepted)
{
    struct connect_state *c = slot->state;

    tell(s, slot, CHANNEL_TUNNEL, &accepted);
    sup_oneshot_leave(c);
    c->met = true;
    if (slot->id == 0)
        srt_fd_close(&c->socket); /* it is the caller's alone to close */
    if (c->alone)
        sup_sockets_drop(s, slot);
    else
        settle(s, slot);
}

void sup_sockets_answer(struct sup *s, struct sup_slot *slot,
                        const struct channel_msg *m)
{
    struct connect_state *c = slot->state;

    if (m->type != CHANNEL_DIALED && m->type != CHANNEL_VERDICT)
        return;
    c->has_result = true;
    c->result = m->error;
    settle(s, slot);
}

/* ---- a notified connect ---- */

/* The connect of this thread on this socket that was interrupted, or NULL.  A
 * slot of that thread for another socket was given up. */
static struct sup_slot *interrupted(struct sup *s,
                                    const struct seccomp_notif *n, int socket)
{
    uint64_t cookie = u64_option(socket, SO_COOKIE);
    struct sup_slot *found = NULL;

    for (uint32_t i = 0; i < sup_slot_count(); i++) {
        struct sup_slot *slot = sup_slot_at(i);
        const struct connect_state *c = slot->state;

        if (slot->kind != SUP_SLOT_CONNECT || slot->id != 0 ||
            slot->tid != (pid_t)n->pid)
            continue;
        if (c->cookie == cookie && found == NULL)
            found = slot;
        else
            sup_sockets_drop(s, slot);
    }
    return found;
}

/* The restart of an interrupted call. */
static bool meets_its_slot(struct sup *s, const struct seccomp_notif *n,
                           int socket)
{
    struct sup_slot *slot = interrupted(s, n, socket);
    struct connect_state *c = slot != NULL ? slot->state : NULL;

    if (c == NULL)
        return false;
    slot->id = n->id;
    if (c->socket < 0)
        c->socket = srt_fd_dup_above(socket, 3);
    settle(s, slot);
    return true;
}

/* UDP; and AF_UNSPEC, which disconnects. */
static void connect_other(struct sup *s, const struct seccomp_notif *n,
                          int socket, const void *address, socklen_t len)
{
    struct sup_slot *slot = interrupted(s, n, socket);

    if (slot != NULL)
        sup_sockets_drop(s, slot);
    sup_answer(s, n->id, sup_sockets_connect_now(socket, address, len), 0);
}

bool sup_sockets_refuse_foreign(struct sup *s, const struct seccomp_notif *n,
                                int socket)
{
    static const struct policy_decision d = {
        POLICY_DENY, "builtin:foreign-socket",
        "a socket of another network cannot be used here", POLICY_BY_OTHER};
    static struct channel_msg m;
    char what[64];

    if (u64_option(socket, VND_SO_NETNS_COOKIE) == s->netns_cookie)
        return false;
    (void)snprintf(what, sizeof(what), "%s(a socket of another network)",
                   n->data.nr == SYS_bind ? "bind" : "connect");
    channel_msg_init(&m, CHANNEL_REFUSED, 0, 0);
    m.op = EVENTS_OP_SYSCALL;
    m.check = CHANNEL_CHECK_NONE;
    m.error = EACCES;
    (void)channel_msg_add(&m, "");
    (void)channel_msg_add(&m, what);
    sup_refuse(s, n, &m, &d);
    return true;
}

/* On a socket in any other state connect(2) has its own answer: EISCONN,
 * EALREADY.  One that was connected once is in TCP_CLOSE again when both sides
 * are done; only that it was shut down tells it from a fresh one. */
static bool may_connect(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    (void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_state == TCP_CLOSE &&
           (poll(&p, 1, 0) != 1 || (p.revents & POLLRDHUP) == 0);
}

static void connect_tcp(struct sup *s, const struct seccomp_notif *n,
                        int *socket, const union srt_sockaddr *given,
                        socklen_t len)
{
    union srt_sockaddr meant = sup_sockets_unwrap(given);
    struct sup_slot *slot;

    if (meets_its_slot(s, n, *socket))
        return;
    if (is_inside(&meant) || !may_connect(*socket) ||
        len < least_length(given)) {
        connect_inside(s, n, socket, given, len);
        return;
    }
    slot = new_slot(s, n, socket, given, len);
    if (slot != NULL)
        tell(s, slot, CHANNEL_CONNECT, NULL);
}

static void connect_inet(struct sup *s, const struct seccomp_notif *n,
                         int *socket, const void *address, socklen_t len)
{
    union srt_sockaddr given = {.sa.sa_family = AF_UNSPEC};

    if (sup_sockets_refuse_foreign(s, n, *socket))
        return;
    memcpy(&given, address, len < sizeof(given) ? len : sizeof(given));
    /* An address of the other family is the kernel's to refuse. */
    if (int_option(*socket, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
        given.sa.sa_family == int_option(*socket, SOL_SOCKET, SO_DOMAIN))
        connect_tcp(s, n, socket, &given, len);
    else
        connect_other(s, n, *socket, address, len);
}

bool sup_sockets_is_unix(int fd)
{
    return int_option(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX;
}

/* Netlink to others than the kernel: the supervisor's to do, not the caller's
 * (netlink_connect() of the kernel). */
static bool needs_capability(const struct sockaddr_storage *address)
{
    struct sockaddr_nl nl;

    memcpy(&nl, address, sizeof(nl));
    return nl.nl_family == AF_NETLINK && (nl.nl_pid != 0 || nl.nl_groups != 0);
}

void sup_sockets_call(struct sup *s, const struct seccomp_notif *n)
{
    struct sockaddr_storage address = {0};
    SRT_AUTO_FD int fd = -1;
    /* The kernel reads the length as an int. */
    int len = (int)n->data.args[2];
    int err;

    if (len < 0 || (size_t)len > sizeof(address)) {
        sup_answer(s, n->id, EINVAL, 0);
        return;
    }
    err = sup_caller_read((pid_t)n->pid, n->data.args[1], &address,
                          (size_t)len);
    fd = sup_caller_fd((pid_t)n->pid, (int)n->data.args[0]);
    if (err != 0 || fd < 0) {
        if (fd < 0)
            err = errno == EPERM || srt_fd_is_lack(errno) ? errno : EBADF;
        sup_answer(s, n->id, err == EPERM ? EACCES : err, 0);
        return;
    }
    switch (int_option(fd, SOL_SOCKET, SO_DOMAIN)) {
    case AF_UNIX:
        if (sup_sockets_refuse_foreign(s, n, fd))
            break;
        sup_unix_connect(s, n, fd, &address, (socklen_t)len);
        break;
    case AF_INET:
    case AF_INET6:
        connect_inet(s, n, &fd, &address, (socklen_t)len);
        break;
    case -1:
        sup_answer(s, n->id, ENOTSOCK, 0);
        break;
    default:
        err = needs_capability(&address)
                  ? EPERM
                  : sup_sockets_connect_now(fd, &address, (socklen_t)len);
        sup_answer(s, n->id, err, 0);
        break;
    }
}
