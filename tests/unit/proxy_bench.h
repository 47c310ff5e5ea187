/* A proxy in a thread of its own; its resolver is a table (what is defined here
 * keeps proxy/resolve.c out of the link).  Clients and servers are the test's,
 * blocking, on loopback.  For one source file of a program only. */
#ifndef SRT_TESTS_UNIT_PROXY_BENCH_H
#define SRT_TESTS_UNIT_PROXY_BENCH_H

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"
#include "proxy/internal.h"
#include "tests/unit/fake_host.h"

enum { BENCH_EVENTS = 64, BENCH_WAIT_MS = 8000 };

struct bench_event {
    enum proxy_via via;
    char host[256], call[16], rule[64];
    unsigned port, client_port;
    bool address, allowed;
    int err;
};

struct bench {
    struct fake_host fake;
    struct policy_host host;
    struct policy_settings settings;
    struct policy policy;
    struct proxy_loop *loop;
    struct proxy *proxy;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock;
    struct bench_event events[BENCH_EVENTS];
    size_t nevents;
    int server, closed; /* closed: bound, nobody listens */
    uint16_t server_port, closed_port, http_port, socks_port;
};

static inline int bench_socket(int type, uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

/* ---- names ---- */

static const struct {
    const char *name;
    uint8_t last[2]; /* of 127.0.0.last; 0: none */
    int status;
    bool later; /* by a timer, as a name server would */
} bench_names[] = {
    {"ok.test", {1}, 0, true},      {"bad.test", {9}, 0, true},
    {"denied.test", {1}, 0, false}, {"a.wild.test", {9, 1}, 0, false},
    {"localhost", {1}, 0, false},   {"fail.test", {0}, ARES_ESERVFAIL, true},
    {"never.test", {0}, 0, true},   {"none.test", {0}, ARES_ENOTFOUND, false},
};

enum { BENCH_LOOKUP_MS = 10 };

struct bench_lookup {
    struct proxy_timer timer;
    size_t row;
    int family;
    proxy_resolved_fn *fn;
    void *ctx;
};

static void bench_give(struct bench_lookup *l)
{
    struct policy_addr list[2];
    size_t n = 0;

    while (l->family != AF_INET6 && n < 2 && bench_names[l->row].last[n] != 0) {
        list[n] = (struct policy_addr){.family = 4, .bytes = {127}};
        list[n].bytes[3] = bench_names[l->row].last[n];
        n++;
    }
    l->fn(l->ctx, bench_names[l->row].status, list, n, 30);
}

static void bench_give_later(struct proxy_timer *t)
{
    struct bench_lookup *l = SRT_CONTAINER_OF(t, struct bench_lookup, timer);

    bench_give(l);
    free(l);
}

void proxy_resolve(struct proxy *p, const char *host, int family,
                   proxy_resolved_fn *fn, void *ctx)
{
    struct bench_lookup l = {.family = family, .fn = fn, .ctx = ctx};
    struct bench_lookup *kept;

    while (l.row < SRT_ARRAY_LEN(bench_names) &&
           strcmp(bench_names[l.row].name, host) != 0)
        l.row++;
    if (l.row == SRT_ARRAY_LEN(bench_names)) {
        fn(ctx, ARES_ENOTFOUND, NULL, 0, 0);
        return;
    }
    if (!bench_names[l.row].later) {
        bench_give(&l);
        return;
    }
    kept = malloc(sizeof(*kept));
    assert_non_null(kept);
    *kept = l;
    kept->timer.fn = bench_give_later;
    assert_true(proxy_loop_after(p->loop, &kept->timer, BENCH_LOOKUP_MS));
}

void proxy_resolve_raw(struct proxy *p, const char *host, int type,
                       proxy_answer_fn *fn, void *ctx)
{
    (void)p;
    (void)host;
    (void)type;
    fn(ctx, ARES_ENOTIMP, NULL, 0);
}

enum srt_rc proxy_resolver_new(struct proxy *p, const struct proxy_options *o,
                               struct proxy_resolver **ret, struct srt_err *err)
{
    (void)p;
    (void)o;
    (void)err;
    *ret = NULL;
    return SRT_OK;
}

void proxy_resolver_free(struct proxy_resolver *r)
{
    (void)r;
}

/* ---- the proxy ---- */

static inline void bench_refused(void *ctx, const struct proxy_refusal *r)
{
    struct bench *b = ctx;
    struct bench_event *e = &b->events[b->nevents];

    pthread_mutex_lock(&b->lock);
    if (b->nevents < BENCH_EVENTS) {
        e->via = r->client.via;
        e->client_port = r->client.port;
        e->port = r->port;
        e->err = r->err;
        e->address = r->address.family != 0;
        e->allowed = r->decision.verdict == POLICY_ALLOW;
        (void)snprintf(e->host, sizeof(e->host), "%s", r->host);
        (void)snprintf(e->call, sizeof(e->call), "%s", r->call);
        (void)snprintf(e->rule, sizeof(e->rule), "%s", r->decision.rule);
        b->nevents++;
    }
    pthread_mutex_unlock(&b->lock);
}

static inline void bench_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

/* The events since the last call; the last of them. */
static inline size_t bench_take_events(struct bench *b, struct bench_event *ret)
{
    size_t n;

    pthread_mutex_lock(&b->lock);
    n = b->nevents;
    if (n > 0)
        *ret = b->events[n - 1];
    b->nevents = 0;
    pthread_mutex_unlock(&b->lock);
    return n;
}

static inline void *bench_run(void *arg)
{
    struct bench *b = arg;
    struct srt_err err;

    while (!atomic_load(&b->stop))
        if (proxy_loop_step(b->loop, 20, &err) != SRT_OK)
            break;
    return NULL;
}

static inline uint16_t bench_listen(struct bench *b,
                                    enum srt_rc (*serve)(struct proxy *, int,
                                                         struct srt_err *))
{
    struct srt_err err;
    uint16_t port;
    int fd = bench_socket(SOCK_STREAM | SOCK_NONBLOCK, &port);

    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(serve(b->proxy, fd, &err), SRT_OK);
    return port;
}

static inline void bench_compile(struct bench *b, const char *format)
{
    struct srt_buf diags = {0};
    struct srt_buf json = {0};

    /* "S" and "C" in the policy stand for the two ports. */
    for (const char *c = format; *c != '\0'; c++)
        if (*c == 'S' || *c == 'C')
            srt_buf_addf(
                &json, "%u",
                (unsigned)(*c == 'S' ? b->server_port : b->closed_port));
        else
            srt_buf_add_char(&json, *c);
    fake_init(&b->fake, &b->host);
    policy_settings_init(&b->settings);
    if (policy_settings_parse("bench", srt_buf_str(&json), json.len,
                              &b->settings, &diags) != SRT_OK ||
        policy_compile(&b->settings, &b->host, NULL, &b->policy, &diags) !=
            SRT_OK)
        fail_msg("%s", srt_buf_str(&diags));
    srt_buf_release(&json);
    srt_buf_release(&diags);
}

static inline void bench_start(struct bench *b, const char *policy)
{
    struct proxy_options o = {
        .ops = {.ctx = b, .refused = bench_refused, .warning = bench_warning}};
    struct srt_err err;

    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    b->server = bench_socket(SOCK_STREAM, &b->server_port);
    assert_int_equal(listen(b->server, 16), 0);
    b->closed = bench_socket(SOCK_STREAM, &b->closed_port);
    bench_compile(b, policy);
    o.image = b->policy.image;
    o.resolv_conf = "/dev/null";
    assert_int_equal(proxy_loop_new(&b->loop, &err), SRT_OK);
    if (proxy_new(b->loop, &o, &b->proxy, &err) != SRT_OK)
        fail_msg("%s", err.msg);
    b->http_port = bench_listen(b, proxy_serve_http);
    b->socks_port = bench_listen(b, proxy_serve_socks);
    assert_int_equal(pthread_create(&b->thread, NULL, bench_run, b), 0);
}

/* Every connection must have ended by itself. */
static inline void bench_stop(struct bench *b)
{
    struct srt_err err;

    atomic_store(&b->stop, true);
    pthread_join(b->thread, NULL);
    for (int i = 0; i < BENCH_WAIT_MS / 20 && b->proxy->connections > 0; i++)
        assert_int_equal(proxy_loop_step(b->loop, 20, &err), SRT_OK);
    assert_int_equal(b->proxy->connections, 0);
    proxy_free(b->proxy);
    proxy_loop_free(b->loop);
    policy_release(&b->policy);
    policy_settings_release(&b->settings);
    (void)close(b->server);
    (void)close(b->closed);
}

/* ---- blocking ends, with a limit ---- */

static inline void bench_limit(int fd)
{
    const struct timeval t = {.tv_sec = BENCH_WAIT_MS / 1000};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static inline int bench_dial(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    bench_limit(fd);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* The next connection to the server, or -1 when none comes in time. */
static inline int bench_accept(struct bench *b, int wait_ms)
{
    struct pollfd p = {.fd = b->server, .events = POLLIN};
    int fd;

    if (poll(&p, 1, wait_ms) != 1)
        return -1;
    fd = accept4(b->server, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    bench_limit(fd);
    return fd;
}

static inline void bench_send(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            fail_msg("send: %s", strerror(errno));
        at += n;
        len -= (size_t)n;
    }
}

static inline void bench_say(int fd, const char *text)
{
    bench_send(fd, text, strlen(text));
}

/* Read exactly len bytes. */
static inline void bench_read(int fd, void *bytes, size_t len)
{
    char *at = bytes;

    while (len > 0) {
        ssize_t n = recv(fd, at, len, 0);

        if (n <= 0)
            fail_msg("recv: %s", n == 0 ? "end" : strerror(errno));
        at += n;
        len -= (size_t)n;
    }
}

/* What comes must be this text. */
static inline void bench_expect(int fd, const char *text)
{
    char got[4096] = "";
    size_t len = strlen(text);

    assert_true(len < sizeof(got));
    bench_read(fd, got, len);
    if (memcmp(got, text, len) != 0)
        fail_msg("got '%s', not '%s'", got, text);
}

/* Read to the end; returns the bytes, -1 when it ends with an error. */
static inline ssize_t bench_drain(int fd, struct srt_buf *into)
{
    ssize_t total = 0;
    char block[16384];
    ssize_t n;

    while ((n = recv(fd, block, sizeof(block), 0)) > 0) {
        if (into != NULL)
            srt_buf_add(into, block, (size_t)n);
        total += n;
    }
    return n == 0 ? total : -1;
}

/* Nothing more may come, and it must end. */
static inline void bench_expect_end(int fd)
{
    assert_int_equal(bench_drain(fd, NULL), 0);
}

#endif
