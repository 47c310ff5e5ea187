/*
 * The sockets of the look-ups: one UDP socket a family, answers from the
 * address that was asked; TCP connections (RFC 7766), queries one after
 * another, answers in any order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "proxy/dns_parts.h"

enum {
    STREAM_OUT_MAX = 256 * 1024, /* a client that does not read */
    STREAM_IDLE_MS = 10000,
    BATCH = 64,
};

static void send_datagram(const struct proxy_dns_endpoint *e,
                          const struct proxy_dns_back *b,
                          uint8_t *bytes, /* NOLINT: iov_base is not const */
                          size_t len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec v = {bytes, len};
    union srt_sockaddr peer = b->peer;
    struct msghdr m = {.msg_name = &peer,
                       .msg_namelen = b->peer_len,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes};
    struct cmsghdr *c = &control.align;

    if (b->peer.sa.sa_family == AF_INET) {
        const struct in_pktinfo info = {.ipi_spec_dst = b->v4};

        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(c), &info, sizeof(info));
        m.msg_controllen = CMSG_SPACE(sizeof(info));
    } else {
        const struct in6_pktinfo info = {.ipi6_addr = b->v6};

        c->cmsg_level = IPPROTO_IPV6;
        c->cmsg_type = IPV6_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(info));
        memcpy(CMSG_DATA(c), &info, sizeof(info));
        m.msg_controllen = CMSG_SPACE(sizeof(info));
    }
    (void)sendmsg(e->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void free_endpoint(void *what)
{
    struct proxy_dns_endpoint *e = what;

    free(e->out);
    free(e);
}

/* Nothing more comes or goes; its memory stays while queries are under way. */
static void close_endpoint(struct proxy_dns_endpoint *e)
{
    struct proxy_dns_endpoint **at = &e->p->dns->endpoints;

    if (e->fd >= 0) {
        proxy_loop_cancel(&e->idle);
        proxy_loop_remove(&e->watch);
        srt_fd_close(&e->fd);
        if (e->stream)
            proxy_release_connection(e->p);
    }
    if (e->pending > 0)
        return;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    proxy_loop_defer(e->p->loop, free_endpoint, e);
}

/* After each whole answer; an incomplete query does not count as life. */
static void restart_idle(struct proxy_dns_endpoint *e)
{
    if (!proxy_loop_after(e->p->loop, &e->idle, STREAM_IDLE_MS))
        close_endpoint(e);
}

static void watch_stream(struct proxy_dns_endpoint *e)
{
    const bool unsent = e->out_at < e->out_len;

    proxy_loop_set(&e->watch, (e->ended ? 0u : (unsigned)PROXY_LOOP_READ) |
                                  (unsent ? (unsigned)PROXY_LOOP_WRITE : 0u));
}

static void flush_stream(struct proxy_dns_endpoint *e)
{
    while (e->out_at < e->out_len) {
        ssize_t n = send(e->fd, e->out + e->out_at, e->out_len - e->out_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            watch_stream(e);
            return;
        }
        if (n <= 0) {
            close_endpoint(e);
            return;
        }
        e->out_at += (size_t)n;
    }
    e->out_at = 0;
    e->out_len = 0;
    watch_stream(e);
}

static void send_stream(struct proxy_dns_endpoint *e, const uint8_t *bytes,
                        size_t len)
{
    const uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    uint8_t *grown = NULL;

    if (e->out_len < STREAM_OUT_MAX)
        grown = realloc(e->out, e->out_len + 2 + len);
    if (grown == NULL) {
        close_endpoint(e);
        return;
    }
    e->out = grown;
    memcpy(e->out + e->out_len, head, 2);
    memcpy(e->out + e->out_len + 2, bytes, len);
    e->out_len += 2 + len;
    flush_stream(e);
    if (e->fd >= 0)
        restart_idle(e);
}

void proxy_dns_send(struct proxy_dns_endpoint *e,
                    const struct proxy_dns_back *b, uint8_t *bytes, size_t len)
{
    if (e->fd < 0)
        return;
    if (e->stream)
        send_stream(e, bytes, len);
    else
        send_datagram(e, b, bytes, len);
}

void proxy_dns_release(struct proxy_dns_endpoint *e)
{
    e->pending--;
    if (e->fd < 0 || (e->ended && e->pending == 0 && e->out_len == 0))
        close_endpoint(e);
}

/* ---- UDP ---- */

static void read_control(struct msghdr *m, struct proxy_dns_back *b)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
         c = CMSG_NXTHDR(m, c)) {
        struct in_pktinfo v4;
        struct in6_pktinfo v6;

        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&v4, CMSG_DATA(c), sizeof(v4));
            b->v4 = v4.ipi_addr;
        } else if (c->cmsg_level == IPPROTO_IPV6 &&
                   c->cmsg_type == IPV6_PKTINFO) {
            memcpy(&v6, CMSG_DATA(c), sizeof(v6));
            b->v6 = v6.ipi6_addr;
        }
    }
}

static void on_datagram(struct proxy_watch *w, unsigned ready)
{
    struct proxy_dns_endpoint *e = SRT_CONTAINER_OF(
        w, struct proxy_dns_endpoint, watch);

    (void)ready;
    for (int i = 0; i < BATCH && e->fd >= 0; i++) {
        union {
            char bytes[256];
            struct cmsghdr align;
        } control;
        struct proxy_dns_back b = {.peer_len = sizeof(b.peer)};
        struct iovec v = {e->in, sizeof(e->in)};
        struct msghdr m = {.msg_name = &b.peer,
                           .msg_namelen = sizeof(b.peer),
                           .msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
        ssize_t n = recvmsg(e->fd, &m, MSG_DONTWAIT);

        if (n < 0)
            return;
        b.peer_len = m.msg_namelen;
        read_control(&m, &b);
        if ((m.msg_flags & MSG_TRUNC) == 0)
            proxy_dns_handle(e, &b, e->in, (size_t)n);
    }
}

/* ---- TCP: RFC 7766, queries one after another, answers in any order ---- */

static void take_queries(struct proxy_dns_endpoint *e)
{
    const struct proxy_dns_back back = {.peer = e->peer,
                                        .peer_len = sizeof(e->peer)};

    while (e->fd >= 0 && e->in_len >= 2) {
        size_t n = (size_t)e->in[0] << 8 | e->in[1];
        uint8_t one[sizeof(e->in)];

        if (n + 2 > sizeof(e->in)) {
            close_endpoint(e); /* no query is that long */
            return;
        }
        if (e->in_len < 2 + n)
            return;
        memcpy(one, e->in + 2, n);
        e->in_len -= 2 + n;
        memmove(e->in, e->in + 2 + n, e->in_len);
        proxy_dns_handle(e, &back, one, n);
    }
}

static void read_stream(struct proxy_dns_endpoint *e)
{
    ssize_t n = read(e->fd, e->in + e->in_len, sizeof(e->in) - e->in_len);

    if (n > 0) {
        e->in_len += (size_t)n;
        take_queries(e);
    } else if (n == 0 && !e->ended) {
        e->ended = true; /* proxy_dns_release() closes when all is sent */
        watch_stream(e);
    } else if (n == 0 || errno != EAGAIN) {
        close_endpoint(e);
    }
}

static void on_stream(struct proxy_watch *w, unsigned ready)
{
    struct proxy_dns_endpoint *e = SRT_CONTAINER_OF(
        w, struct proxy_dns_endpoint, watch);

    e->pending++; /* holds its memory while it is handled here */
    if ((ready & PROXY_LOOP_WRITE) != 0 && e->out_len > 0)
        flush_stream(e);
    if ((ready & PROXY_LOOP_READ) != 0 && e->fd >= 0)
        read_stream(e);
    proxy_dns_release(e);
}

static void on_idle(struct proxy_timer *t)
{
    struct proxy_dns_endpoint *e = SRT_CONTAINER_OF(
        t, struct proxy_dns_endpoint, idle);

    if (e->pending > 0)
        restart_idle(e); /* it is we who are slow */
    else
        close_endpoint(e);
}

/* Takes fd. */
static enum srt_rc add_endpoint(struct proxy *p, int fd, bool stream,
                                const union srt_sockaddr *peer,
                                struct srt_err *err)
{
    struct proxy_dns_endpoint *e = calloc(1, sizeof(*e));
    enum srt_rc rc;

    if (e == NULL) {
        srt_fd_close(&fd);
        return srt_err_sys(err, ENOMEM, "DNS");
    }
    e->p = p;
    e->fd = fd;
    e->stream = stream;
    e->watch.fd = -1;
    e->watch.fn = stream ? on_stream : on_datagram;
    e->idle.fn = on_idle;
    if (peer != NULL)
        e->peer = *peer;
    rc = proxy_loop_add(p->loop, &e->watch, fd, PROXY_LOOP_READ, err);
    if (rc == SRT_OK && stream &&
        !proxy_loop_after(p->loop, &e->idle, STREAM_IDLE_MS))
        rc = srt_err_sys(err, ENOMEM, "DNS");
    if (rc != SRT_OK) {
        proxy_loop_remove(&e->watch);
        srt_fd_close(&e->fd);
        free(e);
        return rc;
    }
    e->next = p->dns->endpoints;
    p->dns->endpoints = e;
    return SRT_OK;
}

enum srt_rc proxy_serve_dns_udp(struct proxy *p, int fd, struct srt_err *err)
{
    return add_endpoint(p, fd, false, NULL, err);
}

void proxy_dns_accept(struct proxy *p, int fd, const union srt_sockaddr *peer)
{
    struct srt_err err;

    if (add_endpoint(p, fd, true, peer, &err) != SRT_OK)
        proxy_release_connection(p);
}

void proxy_dns_close(struct proxy *p)
{
    struct proxy_dns_endpoint *next;

    for (struct proxy_dns_endpoint *e = p->dns->endpoints; e != NULL;
         e = next) {
        next = e->next;
        close_endpoint(e);
    }
}
