/*
 * Where a caller's socket is connected to: a listener at exactly its
 * destination, which every address of this namespace can be.  The accepted end
 * goes to the launcher.
 *
 * The connection is there at once, as a rule, and the listener gone again.  But
 * the kernel may be late (ksoftirqd), and the caller can hinder it (a filter on
 * its socket, TCP_MD5SIG, another thread): so nobody waits here.  The slot is
 * MEETING, and the listener, shared by all who connect to that destination, is
 * watched through s->oneshots.  What is accepted belongs to the slot whose
 * socket is its other end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "launcher/linux/supervisor/connect.h"

#ifndef IPV6_FREEBIND
# define IPV6_FREEBIND 78 /* Linux 4.15 */
#endif
#ifndef TCP_FASTOPEN_CONNECT
# define TCP_FASTOPEN_CONNECT 30 /* Linux 4.11 */
#endif

enum { BACKLOG = 64, SPARE_PORT_FIRST = 600, SPARE_PORT_LAST = 1023 };

struct oneshot {
    struct oneshot *next;
    int listener;          /* owned */
    unsigned users;        /* slots that are MEETING here */
    union srt_sockaddr to; /* the destination */
    uint16_t port;         /* where it listens, in network byte order */
};

static struct oneshot *all;

static socklen_t length_of(const union srt_sockaddr *a)
{
    return a->sa.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static bool same_address(const union srt_sockaddr *a,
                         const union srt_sockaddr *b)
{
    if (a->sa.sa_family != b->sa.sa_family ||
        a->v4.sin_port != b->v4.sin_port) /* the same place in both forms */
        return false;
    return a->sa.sa_family == AF_INET
               ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
               : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr,
                        sizeof(a->v6.sin6_addr)) == 0;
}

/* ---- listeners ---- */

static int listener_at(const union srt_sockaddr *a)
{
    SRT_AUTO_FD int fd = socket(a->sa.sa_family,
                                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->sa.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
    }
    if (bind(fd, &a->sa, length_of(a)) != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    return srt_fd_take(&fd);
}

/* Listen exactly at the destination; where a program's own listener has that
 * port, on a spare port of the same address: only getpeername's port differs
 * then. */
static int listen_for(const union srt_sockaddr *to, uint16_t *ret_port)
{
    union srt_sockaddr at = *to;
    int fd = listener_at(&at);

    for (uint16_t port = SPARE_PORT_FIRST;
         fd < 0 && errno == EADDRINUSE && port <= SPARE_PORT_LAST; port++) {
        at.v4.sin_port = htons(port);
        fd = listener_at(&at);
    }
    *ret_port = at.v4.sin_port;
    return fd;
}

static void release(struct oneshot *o)
{
    struct oneshot **at = &all;

    if (--o->users > 0)
        return;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    srt_fd_close(&o->listener); /* which leaves s->oneshots with it */
    free(o);
}

/* The listener for a destination, with one user more; NULL with errno. */
static struct oneshot *oneshot_for(struct sup *s, const union srt_sockaddr *to)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct oneshot *o;
    int saved;

    for (o = all; o != NULL; o = o->next)
        if (same_address(&o->to, to)) {
            o->users++;
            return o;
        }
    o = calloc(1, sizeof(*o));
    if (o == NULL)
        return NULL;
    *o = (struct oneshot){.next = all, .users = 1, .to = *to};
    all = o;
    o->listener = listen_for(to, &o->port);
    event.data.ptr = o;
    if (o->listener >= 0 &&
        epoll_ctl(s->oneshots, EPOLL_CTL_ADD, o->listener, &event) == 0)
        return o;
    saved = errno;
    release(o);
    errno = saved;
    return NULL;
}

/* ---- meeting ---- */

int sup_oneshot_connect(struct sup *s, struct sup_slot *slot)
{
    struct connect_state *c = slot->state;
    union srt_sockaddr address = c->given;
    const socklen_t len = c->given_len;
    const uint64_t generation = slot->generation;
    SRT_AUTO_FD int socket = srt_fd_dup_above(c->socket, 3);
    const int off = 0;
    int err;

    if (socket < 0)
        return errno;
    c->oneshot = oneshot_for(s, &c->meant);
    if (c->oneshot == NULL) {
        c->failed = errno == EADDRNOTAVAIL ? ENETUNREACH : errno;
        return c->failed;
    }
    address.v4.sin_port = c->oneshot->port;
    /* It would connect with the first write, when we no longer look. */
    (void)setsockopt(socket, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &off,
                     sizeof(off));
    err = sup_sockets_connect_now(socket, &address, len);
    if (err == 0 || err == EINPROGRESS)
        return 0;
    if (sup_slot_is(slot, generation))
        sup_oneshot_leave(c);
    return err;
}

void sup_oneshot_leave(struct connect_state *c)
{
    if (c->oneshot != NULL)
        release(c->oneshot);
    c->oneshot = NULL;
}

/* Is `client` the other end of `accepted`? */
static bool is_other_end(int client, int accepted)
{
    union srt_sockaddr peer = {.sa.sa_family = AF_UNSPEC};
    union srt_sockaddr mine = {.sa.sa_family = AF_UNSPEC};
    socklen_t a = sizeof(peer);
    socklen_t b = sizeof(mine);
    union srt_sockaddr x;
    union srt_sockaddr y;

    if (getpeername(accepted, &peer.sa, &a) != 0 ||
        getsockname(client, &mine.sa, &b) != 0)
        return false;
    x = sup_sockets_unwrap(&peer);
    y = sup_sockets_unwrap(&mine);
    return same_address(&x, &y);
}

static struct sup_slot *whose(const struct oneshot *o, int accepted)
{
    for (uint32_t i = 0; i < sup_slot_count(); i++) {
        struct sup_slot *slot = sup_slot_at(i);
        const struct connect_state *c = slot->state;

        if (slot->kind == SUP_SLOT_CONNECT && c->oneshot == o &&
            is_other_end(c->socket, accepted))
            return slot;
    }
    return NULL;
}

void sup_oneshot_accept(struct sup *s, struct oneshot *o)
{
    o->users++; /* it must outlive its last slot */
    for (;;) {
        SRT_AUTO_FD int fd = accept4(o->listener, NULL, NULL,
                                     SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct sup_slot *slot;

        if (fd < 0 && errno != ECONNABORTED)
            break;
        slot = fd >= 0 ? whose(o, fd) : NULL;
        if (slot != NULL)
            sup_sockets_met(s, slot, fd);
    }
    release(o);
}

void sup_oneshots_ready(struct sup *s)
{
    struct epoll_event event;

    /* One at a time: accepting ends others, too. */
    if (epoll_wait(s->oneshots, &event, 1, 0) == 1)
        sup_oneshot_accept(s, event.data.ptr);
}
