/*
 * One exchange: the rewritten head and the body as far as it is framed go up,
 * the answer comes down until the server closes (it was told to).  Not a byte
 * behind the body is passed on.  Each way holds one block at most; while it
 * waits nothing more is read from that side.
 */
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "proxy/http_parts.h"

static bool waits(const struct proxy_http_flow *f)
{
    return f->at < f->buf.len;
}

/* Body bytes for the server.  False: they are malformed, or memory is. */
static bool add_body(struct proxy_http_exchange *x, const char *bytes,
                     size_t len)
{
    size_t taken;

    if (!proxy_http_body_take(&x->body, bytes, len, &taken))
        return false;
    if (!x->up_failed)
        srt_buf_add(&x->up.buf, bytes, taken);
    x->excess = taken < len; /* a second request is not for this server */
    return !x->up.buf.overflow;
}

static bool wants_client(const struct proxy_http_exchange *x)
{
    return !x->client_eof && !x->excess && !waits(&x->up);
}

/* False: the exchange cannot go on. */
static bool pull_client(struct proxy_http_exchange *x)
{
    char block[PROXY_HTTP_BLOCK];
    ssize_t n;

    if (!wants_client(x))
        return true;
    n = proxy_http_read(x->client_fd, block);
    if (n == -2)
        return true;
    x->client_eof = n <= 0;
    if (n <= 0) /* in the body: the server must not take that for all of it */
        return n == 0 && x->body.done;
    return add_body(x, block, (size_t)n);
}

static void pull_server(struct proxy_http_exchange *x)
{
    char block[PROXY_HTTP_BLOCK];
    ssize_t n;

    if (x->server_eof || waits(&x->down))
        return;
    n = proxy_http_read(x->server_fd, block);
    if (n == -2)
        return;
    x->server_eof = n <= 0;
    x->server_reset = n < 0;
    if (n > 0)
        srt_buf_add(&x->down.buf, block, (size_t)n);
}

/* A watch that waits for nothing would still be woken, for ever, by HUP. */
static bool watch_server(struct proxy_http_exchange *x)
{
    struct srt_err err;
    unsigned interest = (waits(&x->up) ? (unsigned)PROXY_LOOP_WRITE : 0u);

    if (!x->server_eof && !waits(&x->down))
        interest |= PROXY_LOOP_READ;
    if (interest == 0)
        proxy_loop_remove(&x->server);
    else if (x->server.fd >= 0)
        proxy_loop_set(&x->server, interest);
    else
        return proxy_loop_add(x->p->loop, &x->server, x->server_fd, interest,
                              &err) == SRT_OK;
    return true;
}

static bool watch_again(struct proxy_http_exchange *x)
{
    unsigned interest = wants_client(x) ? (unsigned)PROXY_LOOP_READ : 0u;

    if (waits(&x->down))
        interest |= PROXY_LOOP_WRITE;
    proxy_loop_set(&x->client, interest);
    return watch_server(x);
}

static void send_up(struct proxy_http_exchange *x)
{
    if (!proxy_http_push(&x->up, x->server_fd)) {
        /* It answers without reading all: the rest is read and dropped. */
        x->up_failed = true;
        srt_buf_clear(&x->up.buf);
        x->up.at = 0;
    }
    if (x->client_eof && !waits(&x->up) && !x->up_closed) {
        x->up_closed = true;
        (void)shutdown(x->server_fd, SHUT_WR);
    }
}

/* The answer is whole, or the server broke off: then so do we, unless it only
 * did not want the rest of the body. */
static void end(struct proxy_http_exchange *x)
{
    if (x->server_reset && x->body.done && !x->up_failed) {
        int fd = srt_fd_take(&x->client_fd);

        proxy_loop_remove(&x->client);
        proxy_reset(&fd);
        proxy_release_connection(x->p);
        proxy_http_drop(x);
    } else {
        proxy_http_linger(x);
    }
}

static void relay(struct proxy_http_exchange *x)
{
    bool going;

    send_up(x);
    going = proxy_http_push(&x->down, x->client_fd) && !x->down.buf.overflow;
    if (going && x->server_eof && !waits(&x->down))
        end(x);
    else if (!going || !watch_again(x))
        proxy_http_drop(x);
}

static void on_server(struct proxy_watch *w, unsigned ready)
{
    struct proxy_http_exchange *x = SRT_CONTAINER_OF(
        w, struct proxy_http_exchange, server);

    if ((ready & PROXY_LOOP_READ) != 0)
        pull_server(x);
    relay(x);
}

void proxy_http_relay_client(struct proxy_http_exchange *x, unsigned ready)
{
    if ((ready & PROXY_LOOP_READ) != 0 && !pull_client(x))
        proxy_http_drop(x);
    else
        relay(x);
}

void proxy_http_relay_start(struct proxy_http_exchange *x, int server)
{
    const struct proxy_http_request *q = &x->request;

    x->state = PROXY_HTTP_RELAYING;
    x->server_fd = server;
    x->server.fn = on_server;
    proxy_http_rewrite(q, &x->up.buf);
    proxy_http_body_begin(&x->body, q);
    if (x->up.buf.overflow) {
        proxy_http_drop(x);
    } else if (!add_body(x, x->head.data + q->head_len,
                         x->head.len - q->head_len)) {
        proxy_http_answer(x, 400, "malformed body");
    } else {
        srt_buf_release(&x->head); /* request.* led into it */
        relay(x);
    }
}
