/*
 * A client of the HTTP listener.  CONNECT becomes a tunnel.  A request in
 * absolute form is one exchange: the head is rewritten, the body passed on as
 * far as it is framed, the answer passed back until the server closes (it was
 * told to), and then the connection ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "proxy/http.h"
#include "proxy/reach.h"

enum { HEAD_MS = 30000, BLOCK = 16384 };

/* Bytes on their way from one descriptor to another. */
struct flow {
    struct srt_buf buf;
    size_t at; /* sent of buf */
};

struct exchange {
    struct proxy *p;
    struct proxy_watch client, server;
    struct proxy_timer limit;
    struct proxy_reach *reach; /* NULL: none under way */
    int client_fd, server_fd;  /* owned, or -1 */
    uint16_t port;             /* the client's, inside */
    sa_family_t family;
    size_t scanned;
    struct srt_buf head; /* as it came, and what came with it */
    struct proxy_http_request request;
    struct proxy_http_body body;
    struct flow up, down;
    bool client_eof, server_eof;
};

static void free_exchange(void *what)
{
    struct exchange *x = what;

    srt_buf_release(&x->head);
    srt_buf_release(&x->up.buf);
    srt_buf_release(&x->down.buf);
    free(x);
}

static void drop(struct exchange *x)
{
    proxy_reach_cancel(x->reach);
    x->reach = NULL;
    proxy_loop_cancel(&x->limit);
    proxy_loop_remove(&x->client);
    proxy_loop_remove(&x->server);
    if (x->client_fd >= 0)
        proxy_release_connection(x->p);
    srt_fd_close(&x->client_fd);
    srt_fd_close(&x->server_fd);
    proxy_loop_defer(x->p->loop, free_exchange, x);
}

/* ---- moving ---- */

/* Send what waits.  False: the other side is gone. */
static bool push(struct flow *f, int fd)
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

static bool waits(const struct flow *f)
{
    return f->at < f->buf.len;
}

/* Body bytes for the server.  False: they are malformed. */
static bool add_body(struct exchange *x, const char *bytes, size_t len)
{
    size_t taken;

    if (!proxy_http_body_take(&x->body, bytes, len, &taken))
        return false;
    srt_buf_add(&x->up.buf, bytes, taken); /* a second request is not read */
    return true;
}

static ssize_t read_block(int fd, char *block)
{
    ssize_t n = read(fd, block, BLOCK);

    return n < 0 && (errno == EAGAIN || errno == EINTR) ? -2 : n;
}

static bool pull_client(struct exchange *x)
{
    char block[BLOCK];
    ssize_t n;

    if (x->client_eof || x->body.done || waits(&x->up))
        return true;
    n = read_block(x->client_fd, block);
    if (n == -2)
        return true;
    if (n <= 0) { /* an incomplete body: the server must not take it for one */
        x->client_eof = true;
        return false;
    }
    return add_body(x, block, (size_t)n);
}

static bool pull_server(struct exchange *x)
{
    char block[BLOCK];
    ssize_t n;

    if (x->server_eof || waits(&x->down))
        return true;
    n = read_block(x->server_fd, block);
    if (n == -2)
        return true;
    if (n < 0)
        return false;
    x->server_eof = n == 0;
    srt_buf_add(&x->down.buf, block, (size_t)n);
    return true;
}

static void watch_again(struct exchange *x)
{
    unsigned client = 0;
    unsigned server = 0;

    if (!x->client_eof && !x->body.done && !waits(&x->up))
        client |= PROXY_LOOP_READ;
    if (waits(&x->down))
        client |= PROXY_LOOP_WRITE;
    if (!x->server_eof && x->server_fd >= 0 && !waits(&x->down))
        server |= PROXY_LOOP_READ;
    if (waits(&x->up))
        server |= PROXY_LOOP_WRITE;
    proxy_loop_set(&x->client, client);
    if (x->server_fd >= 0)
        proxy_loop_set(&x->server, server);
}

static void relay(struct exchange *x)
{
    if (!push(&x->up, x->server_fd))
        x->body.done = true; /* it answers without reading: let it */
    if (!push(&x->down, x->client_fd) || (x->server_eof && !waits(&x->down)))
        drop(x);
    else
        watch_again(x);
}

/* ---- answers of our own ---- */

/* Send and end; a client that does not read is not waited for. */
static void answer(struct exchange *x, int status, const char *phrase,
                   const char *marker, const char *text)
{
    srt_buf_clear(&x->down.buf);
    srt_buf_addf(&x->down.buf,
                 "HTTP/1.1 %d %s\r\nContent-Type: text/plain; "
                 "charset=utf-8\r\nContent-Length: %zu\r\nConnection: "
                 "close\r\n%s%s%s\r\n%s\n",
                 status, phrase, strlen(text) + 1,
                 marker != NULL ? "X-Proxy-Error: " : "",
                 marker != NULL ? marker : "", marker != NULL ? "\r\n" : "",
                 text);
    (void)push(&x->down, x->client_fd);
    (void)shutdown(x->client_fd, SHUT_WR);
    drop(x);
}

static void answer_refused(struct exchange *x, const struct proxy_reached *r)
{
    const struct proxy_http_request *q = &x->request;
    struct srt_buf text = {0};

    srt_buf_add_str(&text, r->resolved ? "Connection to "
                                       : "Connection blocked by network "
                                         "allowlist: ");
    srt_buf_add(&text, q->host.at, q->host.len);
    srt_buf_addf(&text, ":%u%s: %s (%s)", (unsigned)q->port,
                 r->resolved ? " blocked" : "", r->decision.reason,
                 r->decision.rule);
    answer(x, 403, "Forbidden",
           r->resolved ? "blocked-by-sandbox-runtime" : "blocked-by-allowlist",
           srt_buf_str(&text));
    srt_buf_release(&text);
}

static void answer_unreachable(struct exchange *x,
                               const struct proxy_reached *r)
{
    struct srt_buf text = {0};

    srt_buf_add(&text, x->request.host.at, x->request.host.len);
    if (r->outcome == PROXY_REACH_NO_NAME)
        srt_buf_add_str(&text, ": no such host");
    else
        srt_buf_addf(&text, ":%u: %s", (unsigned)x->request.port,
                     strerror(r->err));
    if (r->err == ETIMEDOUT)
        answer(x, 504, "Gateway Timeout", NULL, srt_buf_str(&text));
    else
        answer(x, 502, "Bad Gateway", NULL, srt_buf_str(&text));
    srt_buf_release(&text);
}

static const char *phrase_of(int status)
{
    switch (status) {
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

/* ---- reached ---- */

static void begin_tunnel(struct exchange *x, int server)
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
}

static void on_server(struct proxy_watch *w, unsigned ready)
{
    struct exchange *x = SRT_CONTAINER_OF(w, struct exchange, server);

    if (w->interest == 0 ||
        ((ready & PROXY_LOOP_READ) != 0 && !pull_server(x))) {
        proxy_loop_remove(w); /* reset: what there is of the answer goes out */
        x->server_eof = true;
    }
    relay(x);
}

static bool begin_exchange(struct exchange *x, int server)
{
    const struct proxy_http_request *q = &x->request;
    struct srt_err err;

    x->server_fd = server;
    proxy_http_rewrite(q, &x->up.buf);
    proxy_http_body_begin(&x->body, q);
    return add_body(x, x->head.data + q->head_len, x->head.len - q->head_len) &&
           proxy_loop_add(x->p->loop, &x->server, server, PROXY_LOOP_READ,
                          &err) == SRT_OK;
}

static void on_reached(void *ctx, const struct proxy_reached *r)
{
    struct exchange *x = ctx;

    x->reach = NULL;
    switch (r->outcome) {
    case PROXY_REACH_CONNECTED:
        if (x->request.connect) {
            begin_tunnel(x, r->fd);
            drop(x);
        } else if (begin_exchange(x, r->fd)) {
            relay(x);
        } else {
            answer(x, 400, phrase_of(400), NULL, "malformed body");
        }
        break;
    case PROXY_REACH_REFUSED:
        answer_refused(x, r);
        break;
    case PROXY_REACH_MALFORMED:
        answer(x, 400, phrase_of(400), NULL, "not a host");
        break;
    default:
        answer_unreachable(x, r);
        break;
    }
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

static void take_head(struct exchange *x)
{
    struct proxy_http_problem problem = {0};
    enum proxy_http_parsed parsed = proxy_http_parse(
        x->head.data, x->head.len, &x->scanned, &x->request, &problem);

    if (parsed == PROXY_HTTP_MORE)
        return;
    if (parsed == PROXY_HTTP_BAD) {
        answer(x, problem.status, phrase_of(problem.status), NULL,
               problem.text);
        return;
    }
    proxy_loop_cancel(&x->limit);
    proxy_loop_set(&x->client, 0); /* the body waits in the socket */
    x->reach = proxy_reach_start(x->p,
                                 &(struct proxy_reach_request){
                                     .client = {.via = PROXY_VIA_HTTP,
                                                .family = x->family,
                                                .proto = IPPROTO_TCP,
                                                .port = x->port},
                                     .host = x->request.host.at,
                                     .host_len = x->request.host.len,
                                     .port = x->request.port,
                                     .call = method_word(x->request.method),
                                 },
                                 on_reached, x);
    if (x->reach == NULL)
        drop(x);
}

static void on_client(struct proxy_watch *w, unsigned ready)
{
    struct exchange *x = SRT_CONTAINER_OF(w, struct exchange, client);
    char block[BLOCK];
    ssize_t n;

    if (w->interest == 0) { /* nothing is waited for: it was reset */
        drop(x);
        return;
    }
    if (x->server_fd >= 0) {
        if ((ready & PROXY_LOOP_READ) != 0 && !pull_client(x))
            drop(x);
        else
            relay(x);
        return;
    }
    n = read_block(x->client_fd, block);
    if (n == -2)
        return;
    if (n <= 0) {
        drop(x);
        return;
    }
    srt_buf_add(&x->head, block, (size_t)n);
    take_head(x);
}

static void on_limit(struct proxy_timer *t)
{
    answer(SRT_CONTAINER_OF(t, struct exchange, limit), 408, "Request Timeout",
           NULL, "no request within 30 seconds");
}

void proxy_http_accept(struct proxy *p, int fd,
                       const union proxy_sockaddr *peer)
{
    struct exchange *x = calloc(1, sizeof(*x));
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
    x->server.fn = on_server;
    x->server.fd = -1;
    x->limit.fn = on_limit;
    if (proxy_loop_add(p->loop, &x->client, fd, PROXY_LOOP_READ, &err) !=
            SRT_OK ||
        !proxy_loop_after(p->loop, &x->limit, HEAD_MS))
        drop(x);
}
