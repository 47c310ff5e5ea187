/*
 * A client of the HTTP listener: its head, and the way to the host it names.
 * CONNECT becomes a tunnel; a request in absolute form is one exchange
 * (http_relay.c), and then the connection ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "proxy/http_parts.h"

enum { HEAD_MS = 30000, LINGER_MS = 5000 };

static void free_exchange(void *what)
{
    struct proxy_http_exchange *x = what;

    srt_buf_release(&x->head);
    srt_buf_release(&x->up.buf);
    srt_buf_release(&x->down.buf);
    free(x);
}

static void close_server(struct proxy_http_exchange *x)
{
    proxy_reach_cancel(x->reach);
    x->reach = NULL;
    proxy_loop_remove(&x->server);
    srt_fd_close(&x->server_fd);
}

void proxy_http_drop(struct proxy_http_exchange *x)
{
    close_server(x);
    proxy_loop_cancel(&x->limit);
    proxy_loop_remove(&x->client);
    if (x->client_fd >= 0)
        proxy_release_connection(x->p);
    srt_fd_close(&x->client_fd);
    proxy_loop_defer(x->p->loop, free_exchange, x);
}

void proxy_http_linger(struct proxy_http_exchange *x)
{
    close_server(x);
    x->state = PROXY_HTTP_LINGERING;
    (void)shutdown(x->client_fd, SHUT_WR);
    proxy_loop_set(&x->client, PROXY_LOOP_READ);
    if (!proxy_loop_after(x->p->loop, &x->limit, LINGER_MS))
        proxy_http_drop(x);
}

ssize_t proxy_http_read(int fd, char *block)
{
    ssize_t n = read(fd, block, PROXY_HTTP_BLOCK);

    return n < 0 && (errno == EAGAIN || errno == EINTR) ? -2 : n;
}

bool proxy_http_push(struct proxy_http_flow *f, int fd)
{
    while (f->at < f->buf.len) {
        ssize_t n = send(fd, f->buf.data + f->at, f->buf.len - f->at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n <= 0)
            return false;
        f->at += (size_t)n;
    }
    srt_buf_clear(&f->buf);
    f->at = 0;
    return true;
}

/* ---- reached ---- */

/* Takes both descriptors. */
static void begin_tunnel(struct proxy_http_exchange *x, int server)
{
    static const char ok[] = "HTTP/1.1 200 Connection Established\r\n\r\n";
    const char *early = x->head.data + x->request.head_len;
    size_t n = x->head.len - x->request.head_len;
    int client;

    /* The socket's buffer is empty: this fits. */
    (void)send(x->client_fd, ok, sizeof(ok) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    proxy_loop_remove(&x->client);
    client = srt_fd_take(&x->client_fd);
    (void)proxy_tunnel_start(x->p, client, server, early, n);
    proxy_http_drop(x);
}

static void on_reached(void *ctx, const struct proxy_reached *r)
{
    struct proxy_http_exchange *x = ctx;

    x->reach = NULL;
    if (r->outcome != PROXY_REACH_CONNECTED)
        proxy_http_answer_reached(x, r);
    else if (x->request.connect)
        begin_tunnel(x, r->fd);
    else
        proxy_http_relay_start(x, r->fd);
}

/* ---- the head ---- */

/* The word for the event; constants live on. */
static const char *method_word(struct proxy_http_slice m)
{
    static const char *const words[] = {"CONNECT", "GET",   "HEAD",
                                        "POST",    "PUT",   "DELETE",
                                        "OPTIONS", "PATCH", "PROPFIND"};

    for (size_t i = 0; i < SRT_ARRAY_LEN(words); i++)
        if (strlen(words[i]) == m.len && memcmp(words[i], m.at, m.len) == 0)
            return words[i];
    return "HTTP";
}

static void begin_reach(struct proxy_http_exchange *x)
{
    const struct proxy_reach_request q = {
        .client = {.via = PROXY_VIA_HTTP,
                   .family = x->family,
                   .proto = IPPROTO_TCP,
                   .port = x->port},
        .host = x->request.host.at,
        .host_len = x->request.host.len,
        .port = x->request.port,
        .call = method_word(x->request.method),
    };

    x->state = PROXY_HTTP_REACHING;
    proxy_loop_cancel(&x->limit);
    proxy_loop_set(&x->client, 0); /* the body waits in the socket */
    x->reach = proxy_reach_start(x->p, &q, on_reached, x);
    /* What the server is told is what was judged; a malformed one never gets
     * there. */
    if (policy_host_canonical(x->request.host.at, x->request.host.len, x->host,
                              sizeof(x->host)))
        x->request.host = (struct proxy_http_slice){x->host, strlen(x->host)};
    if (x->reach == NULL)
        proxy_http_drop(x);
}

static void take_head(struct proxy_http_exchange *x)
{
    struct proxy_http_problem problem = {0};

    switch (proxy_http_parse(x->head.data, x->head.len, &x->scanned,
                             &x->request, &problem)) {
    case PROXY_HTTP_MORE:
        break;
    case PROXY_HTTP_BAD:
        proxy_http_answer(x, problem.status, problem.text);
        break;
    case PROXY_HTTP_DONE:
        begin_reach(x);
        break;
    }
}

static void read_head(struct proxy_http_exchange *x)
{
    char block[PROXY_HTTP_BLOCK];
    ssize_t n = proxy_http_read(x->client_fd, block);

    if (n == -2)
        return;
    if (n > 0)
        srt_buf_add(&x->head, block, (size_t)n);
    if (n <= 0 || x->head.overflow)
        proxy_http_drop(x);
    else
        take_head(x);
}

/* What still comes from a client that was answered. */
static void discard(struct proxy_http_exchange *x)
{
    char block[PROXY_HTTP_BLOCK];
    ssize_t n = proxy_http_read(x->client_fd, block);

    if (n != -2 && n <= 0)
        proxy_http_drop(x);
}

static void on_client(struct proxy_watch *w, unsigned ready)
{
    struct proxy_http_exchange *x = SRT_CONTAINER_OF(
        w, struct proxy_http_exchange, client);

    if (w->interest == 0) { /* nothing is waited for: it was reset */
        proxy_http_drop(x);
        return;
    }
    switch (x->state) {
    case PROXY_HTTP_HEAD:
        read_head(x);
        break;
    case PROXY_HTTP_REACHING:
        break;
    case PROXY_HTTP_RELAYING:
        proxy_http_relay_client(x, ready);
        break;
    case PROXY_HTTP_LINGERING:
        discard(x);
        break;
    }
}

static void on_limit(struct proxy_timer *t)
{
    struct proxy_http_exchange *x = SRT_CONTAINER_OF(
        t, struct proxy_http_exchange, limit);

    if (x->state == PROXY_HTTP_HEAD)
        proxy_http_answer(x, 408, "no request within 30 seconds");
    else
        proxy_http_drop(x);
}

void proxy_http_accept(struct proxy *p, int fd, const union srt_sockaddr *peer)
{
    struct proxy_http_exchange *x = calloc(1, sizeof(*x));
    struct srt_err err;

    if (x == NULL) {
        srt_fd_close(&fd);
        proxy_release_connection(p);
        return;
    }
    x->p = p;
    x->client_fd = fd;
    x->server_fd = -1;
    x->family = peer->sa.sa_family;
    (void)proxy_from_sockaddr(&peer->sa, &x->port);
    x->client.fn = on_client;
    x->client.fd = -1;
    x->server.fd = -1;
    x->limit.fn = on_limit;
    if (proxy_loop_add(p->loop, &x->client, fd, PROXY_LOOP_READ, &err) !=
            SRT_OK ||
        !proxy_loop_after(p->loop, &x->limit, HEAD_MS))
        proxy_http_drop(x);
}
