/* The HTTP listener: real connections through a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/proxy_bench.h"

static struct bench bench;

static int start(void **state)
{
    (void)state;
    bench_start(&bench,
                "{\"network\":{\"allowedDomains\":[\"ok.test\",\"bad.test\","
                "\"none.test\",\"never.test\",\"fail.test\",\"*.wild.test:S\","
                "\"localhost:S\"],"
                "\"allowedAddresses\":[\"127.0.0.1:S\",\"127.0.0.1:C\"],"
                "\"deniedDomains\":[\"denied.test\"],"
                "\"deniedDomainReasons\":{\"denied.test\":\"use ok.test\"}}}");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    bench_stop(&bench);
    return 0;
}

/* Text with "S" as the server's port and "C" as the closed one: "%S". */
static const char *fill(const char *text)
{
    static struct srt_buf b;

    srt_buf_clear(&b);
    for (; *text != '\0'; text++)
        if (text[0] == '%' && (text[1] == 'S' || text[1] == 'C'))
            srt_buf_addf(&b, "%u",
                         (unsigned)(*++text == 'S' ? bench.server_port
                                                   : bench.closed_port));
        else
            srt_buf_add_char(&b, *text);
    return srt_buf_str(&b);
}

static int ask(const char *request)
{
    int fd = bench_dial(bench.http_port);

    bench_say(fd, fill(request));
    return fd;
}

/* The whole answer, until the proxy ends. */
static const char *answer_of(int fd)
{
    static struct srt_buf b;

    srt_buf_clear(&b);
    if (bench_drain(fd, &b) < 0)
        fail_msg("the answer ends with %s after '%s'", strerror(errno),
                 srt_buf_str(&b));
    (void)close(fd);
    return srt_buf_str(&b);
}

static void expect_no_event(void)
{
    struct bench_event e;

    if (bench_take_events(&bench, &e) != 0)
        fail_msg("refused: %s:%u by %s", e.host, e.port, e.rule);
}

static int served(void)
{
    int fd = bench_accept(&bench, BENCH_WAIT_MS);

    assert_true(fd >= 0);
    return fd;
}

static void expect_not_served(const char *why)
{
    int fd = bench_accept(&bench, 50);

    if (fd >= 0)
        fail_msg("the server was reached: %s", why);
}

/* ---- tunnels ---- */

static const char *const ways[] = {
    "CONNECT 127.0.0.1:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
    "CONNECT 127.0.0.1:%S HTTP/1.0\r\n\r\nearly",
    "CONNECT 0x7f.1:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
    "CONNECT 2130706433:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
    "CONNECT [::ffff:127.0.0.1]:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
    "CONNECT ok.test:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
    "CONNECT OK.Test.:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
    "CONNECT a.wild.test:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
    "CONNECT localhost:%S HTTP/1.1\r\nHost: x\r\n\r\nearly",
};

static void test_tunnel(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(ways); i++) {
        int client = ask(ways[i]);
        int server = served();

        bench_expect(client, "HTTP/1.1 200 Connection Established\r\n\r\n");
        bench_expect(server, "early");
        bench_say(client, "up");
        bench_expect(server, "up");
        (void)shutdown(client, SHUT_WR);
        bench_expect_end(server);
        bench_say(server, "down, after the client's end");
        (void)close(server);
        bench_expect(client, "down, after the client's end");
        bench_expect_end(client);
        (void)close(client);
    }
    expect_no_event();
}

/* ---- exchanges ---- */

static const struct {
    const char *request, *seen, *why;
} exchanges[] = {
    {"GET http://127.0.0.1:%S/a?b HTTP/1.1\r\nHost: x\r\n\r\n",
     "GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:%S\r\nConnection: close\r\n\r\n",
     "origin form, the target's Host"},
    {"GET http://OK.Test.:%S HTTP/1.1\r\nHost: evil.test\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: ok.test:%S\r\nConnection: close\r\n\r\n",
     "the host as it was judged"},
    {"GET http://0x7f.1:%S/ HTTP/1.1\r\nHost: x\r\nProxy-Connection: a\r\n"
     "Upgrade: websocket\r\nConnection: Upgrade, X-A\r\nX-A: 1\r\nB: 2\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: 127.0.0.1:%S\r\nB: 2\r\nConnection: close\r\n"
     "\r\n",
     "hop-by-hop fields go"},
    {"POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
     "abcGET http://denied.test/ HTTP/1.1\r\nHost: y\r\n\r\n",
     "POST / HTTP/1.1\r\nHost: ok.test:%S\r\nContent-Length: 3\r\n"
     "Connection: close\r\n\r\nabc",
     "nothing behind the body"},
    {"GET http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n\r\n"
     "GET http://denied.test/ HTTP/1.1\r\nHost: y\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: ok.test:%S\r\nConnection: close\r\n\r\n",
     "no second request"},
    {"POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
     "chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.1\r\n\r\n",
     "POST / HTTP/1.1\r\nHost: ok.test:%S\r\nTransfer-Encoding: chunked\r\n"
     "Connection: close\r\n\r\n3;e=1\r\nabc\r\n0\r\nT: v\r\n\r\n",
     "chunks as they came, nothing behind"},
};

static void exchange(size_t i, bool slowly)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\n\r\nhello";
    int client = bench_dial(bench.http_port);
    const char *request = fill(exchanges[i].request);
    int server;
    struct srt_buf seen = {0};

    if (!slowly)
        bench_say(client, request);
    for (size_t k = 0; slowly && request[k] != '\0'; k++) {
        bench_send(client, request + k, 1);
        if (k % 8 == 0)
            (void)poll(NULL, 0, 1);
    }
    server = served();
    (void)poll(NULL, 0, 20); /* what is too much would come by now */
    bench_say(server, reply);
    (void)shutdown(server, SHUT_WR);
    bench_expect(client, reply);
    bench_expect_end(client);
    (void)close(client);
    (void)bench_drain(server, &seen);
    (void)close(server);
    if (strcmp(srt_buf_str(&seen), fill(exchanges[i].seen)) != 0)
        fail_msg("%s: '%s'", exchanges[i].why, srt_buf_str(&seen));
    srt_buf_release(&seen);
}

static void test_exchanges(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(exchanges); i++) {
        exchange(i, false);
        exchange(i, true);
    }
    expect_no_event();
}

static void test_continue(void **state)
{
    int client = ask("PUT http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    int server = served();

    (void)state;
    bench_expect(server, fill("PUT / HTTP/1.1\r\nHost: ok.test:%S\r\n"
                              "Content-Length: 4\r\nExpect: 100-continue\r\n"
                              "Connection: close\r\n\r\n"));
    bench_say(server, "HTTP/1.1 100 Continue\r\n\r\n");
    bench_expect(client, "HTTP/1.1 100 Continue\r\n\r\n");
    bench_say(client, "body");
    bench_expect(server, "body");
    bench_say(server, "HTTP/1.1 204 No Content\r\n\r\n");
    (void)close(server);
    bench_expect(client, "HTTP/1.1 204 No Content\r\n\r\n");
    bench_expect_end(client);
    (void)close(client);
}

/* The client's end is passed on; the answer still comes. */
static void test_half_close(void **state)
{
    int client = ask("GET http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n\r\n");
    int server = served();

    (void)state;
    (void)shutdown(client, SHUT_WR);
    assert_true(bench_drain(server, NULL) > 0);
    bench_say(server, "late");
    (void)close(server);
    bench_expect(client, "late");
    bench_expect_end(client);
    (void)close(client);
}

enum { BIG = 6 << 20 };

struct sending {
    int fd;
    size_t len;
    bool close;
    size_t sent;
};

/* May stop early: the other side need not take all. */
static void *send_big(void *arg)
{
    struct sending *s = arg;
    char block[16384];

    memset(block, 'x', sizeof(block));
    while (s->sent < s->len) {
        ssize_t n = send(s->fd, block, sizeof(block), MSG_NOSIGNAL);

        if (n <= 0)
            break;
        s->sent += (size_t)n;
    }
    if (s->close)
        (void)close(s->fd);
    return NULL;
}

static void test_slow_reader_gets_all(void **state)
{
    int client = ask("GET http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n\r\n");
    struct sending s = {.fd = served(), .len = BIG, .close = true};
    pthread_t thread;

    (void)state;
    (void)shutdown(client, SHUT_WR); /* both ways ended: HUP while it waits */
    assert_true(bench_drain(s.fd, NULL) > 0);
    assert_int_equal(pthread_create(&thread, NULL, send_big, &s), 0);
    (void)poll(NULL, 0, 300);
    assert_int_equal(bench_drain(client, NULL), BIG);
    pthread_join(thread, NULL);
    (void)close(client);
}

static void test_big_upload(void **state)
{
    struct srt_buf request = {0};
    struct sending s = {.len = BIG};
    pthread_t thread;
    int server;
    char block[16384];
    size_t total = 0;

    (void)state;
    srt_buf_addf(&request,
                 "POST http://ok.test:%%S/ HTTP/1.1\r\nHost: x\r\n"
                 "Content-Length: %d\r\n\r\n",
                 BIG);
    s.fd = ask(srt_buf_str(&request));
    srt_buf_release(&request);
    assert_int_equal(pthread_create(&thread, NULL, send_big, &s), 0);
    server = served();
    (void)poll(NULL, 0, 200);
    while (total < BIG) {
        ssize_t n = recv(server, block, sizeof(block), 0);

        assert_true(n > 0);
        if (total == 0) { /* the head came first */
            char *end = memmem(block, (size_t)n, "\r\n\r\n", 4);

            assert_non_null(end);
            n -= end + 4 - block;
        }
        total += (size_t)n;
    }
    assert_int_equal(total, BIG);
    pthread_join(thread, NULL);
    bench_say(server, "done");
    (void)close(server);
    bench_expect(s.fd, "done");
    bench_expect_end(s.fd);
    (void)close(s.fd);
}

/* A server that answers without reading: its answer is not lost. */
static void test_early_answer(void **state)
{
    struct sending s = {.len = BIG};
    pthread_t thread;
    int server;

    (void)state;
    s.fd = ask("POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n"
               "Content-Length: 99999999\r\n\r\n");
    server = served();
    assert_int_equal(pthread_create(&thread, NULL, send_big, &s), 0);
    (void)poll(NULL, 0, 100);
    bench_say(server, "HTTP/1.1 413 Too Large\r\n\r\n");
    (void)close(server); /* with unread bytes: a reset */
    bench_expect(s.fd, "HTTP/1.1 413 Too Large\r\n\r\n");
    pthread_join(thread, NULL);
    (void)close(s.fd);
}

static void test_reset_is_passed_on(void **state)
{
    int client = ask("GET http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n\r\n");
    int server = served();
    char head[16];

    (void)state;
    bench_read(server, head, sizeof(head));
    (void)poll(NULL, 0, 50);
    bench_say(server, "part");
    bench_expect(client, "part");
    proxy_reset(&server);
    assert_int_equal(bench_drain(client, NULL), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)close(client);
}

/* An upload that breaks off is not taken for a whole one. */
static void test_cut_body(void **state)
{
    static const char *const requests[] = {
        "POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 9\r\n\r\nabc",
        "POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(requests); i++) {
        int client = ask(requests[i]);
        int server = served();
        struct srt_buf seen = {0};

        (void)close(client);
        (void)bench_drain(server, &seen);
        assert_null(strstr(srt_buf_str(&seen), "\r\n0\r\n"));
        srt_buf_release(&seen);
        (void)close(server);
    }
}

static void test_broken_chunk(void **state)
{
    int client = ask("POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    int server = served();
    struct srt_buf seen = {0};

    (void)state;
    (void)poll(NULL, 0, 100); /* the good part is on its way */
    bench_say(client, "5 \r\nGET / HTTP/1.1\r\n\r\n");
    (void)bench_drain(server, &seen);
    assert_non_null(strstr(srt_buf_str(&seen), "3\r\nabc\r\n"));
    assert_null(strstr(srt_buf_str(&seen), "GET"));
    srt_buf_release(&seen);
    (void)close(server);
    (void)close(client);
}

/* ---- refusals ---- */

static const struct {
    const char *request, *marker, *host;
    unsigned port; /* 0: the server's */
    const char *call, *rule, *body;
} refusals[] = {
    {"CONNECT other.test:443 HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-allowlist", "other.test", 443, "CONNECT",
     "/network/allowedDomains",
     "Connection blocked by network allowlist: other.test:443: no "},
    {"GET http://other.test/ HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-allowlist", "other.test", 80, "GET", "/network/allowedDomains",
     "hint: "},
    {"GET http://other.test:%S/ HTTP/1.1\r\nHost: ok.test\r\n\r\n",
     "blocked-by-allowlist", "other.test", 0, "GET", "/network/allowedDomains",
     "other.test:%S"},
    {"POST http://DENIED.test:8080/ HTTP/1.1\r\nHost: x\r\nContent-Length: "
     "5\r\n\r\nabcde",
     "blocked-by-allowlist", "denied.test", 8080, "POST",
     "/network/deniedDomains/0", "use ok.test"},
    {"CONNECT denied.test:%S HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-allowlist", "denied.test", 0, "CONNECT",
     "/network/deniedDomains/0", "use ok.test"},
    {"CONNECT a.wild.test:22 HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-allowlist", "a.wild.test", 22, "CONNECT",
     "/network/allowedDomains", "other ports"},
    {"CONNECT localhost:22 HTTP/1.1\r\nHost: x\r\n\r\n", "blocked-by-allowlist",
     "localhost", 22, "CONNECT", "/network/allowedDomains", "localhost:22"},
    {"CONNECT 2130706433:22 HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-allowlist", "127.0.0.1", 22, "CONNECT",
     "/network/allowedDomains", "127.0.0.1:22"},
    {"GET http://[::1]:%S/ HTTP/1.1\r\nHost: x\r\n\r\n", "blocked-by-allowlist",
     "::1", 0, "GET", "/network/allowedDomains", "[::1]:%S"},
    {"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-allowlist", "169.254.169.254", 80, "GET",
     "/network/allowedDomains", "169.254.169.254:80"},
    {"GET http://bad.test:%S/ HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-sandbox-runtime", "bad.test", 0, "GET",
     "builtin:", "loopback"},
    {"CONNECT ok.test:22 HTTP/1.1\r\nHost: x\r\n\r\n",
     "blocked-by-sandbox-runtime", "ok.test", 22, "CONNECT",
     "builtin:", "Connection to ok.test:22 blocked: resolved to"},
};

static void check_refusal(size_t i)
{
    int client = ask(refusals[i].request);
    struct sockaddr_in own;
    socklen_t len = sizeof(own);
    struct bench_event e = {0};
    char first[14] = "";
    size_t n;
    const char *rest;
    unsigned port = refusals[i].port;

    assert_int_equal(getsockname(client, (struct sockaddr *)&own, &len), 0);
    bench_read(client, first, 13);
    n = bench_take_events(&bench, &e); /* told before it was answered */
    rest = answer_of(client);
    if (n != 1 || strcmp(first, "HTTP/1.1 403 ") != 0)
        fail_msg("%s: %zu events, %s%s", refusals[i].request, n, first, rest);
    if (strstr(rest, refusals[i].marker) == NULL ||
        strstr(rest, fill(refusals[i].body)) == NULL ||
        strstr(rest, e.rule) == NULL)
        fail_msg("%s: %s", refusals[i].request, rest);
    assert_string_equal(e.host, refusals[i].host);
    assert_string_equal(e.call, refusals[i].call);
    assert_int_equal(e.port, port != 0 ? port : bench.server_port);
    assert_int_equal(
        strncmp(e.rule, refusals[i].rule, strlen(refusals[i].rule)), 0);
    assert_int_equal(e.via, PROXY_VIA_HTTP);
    assert_int_equal(e.err, 0);
    assert_int_equal(e.client_port, ntohs(own.sin_port));
    expect_not_served(refusals[i].request);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(refusals); i++)
        check_refusal(i);
}

/* No write of the client fails before it could read the answer. */
static void test_refused_upload(void **state)
{
    struct sending s = {.len = BIG};
    struct bench_event e;

    (void)state;
    s.fd = ask("POST http://denied.test/ HTTP/1.1\r\nHost: x\r\n"
               "Content-Length: 6291456\r\n\r\n");
    (void)send_big(&s);
    assert_int_equal(s.sent, BIG);
    assert_non_null(strstr(answer_of(s.fd), "403 Forbidden"));
    assert_int_equal(bench_take_events(&bench, &e), 1);
}

static void test_refused_head(void **state)
{
    struct bench_event e;
    const char *answer = answer_of(
        ask("HEAD http://denied.test/ HTTP/1.1\r\nHost: x\r\n\r\n"));

    (void)state;
    assert_non_null(strstr(answer, "403 Forbidden"));
    assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");
    assert_int_equal(bench_take_events(&bench, &e), 1);
    assert_string_equal(e.call, "HEAD");
}

static const struct {
    const char *request, *status;
    size_t events;
} failures[] = {
    {"GET http://127.0.0.1:%C/ HTTP/1.1\r\nHost: x\r\n\r\n", "502 Bad", 0},
    {"CONNECT ok.test:%C HTTP/1.1\r\nHost: x\r\n\r\n", "Connection refused", 0},
    {"GET http://none.test/ HTTP/1.1\r\nHost: x\r\n\r\n", "no such host", 0},
    {"GET http://never.test/ HTTP/1.1\r\nHost: x\r\n\r\n", "no such host", 0},
    {"GET http://fail.test/ HTTP/1.1\r\nHost: x\r\n\r\n", "did not answer", 0},
    {"GET http://a..test/ HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad", 1},
    {"GET http://a%00.test/ HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad", 1},
    {"CONNECT ok.test:%S:80 HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad", 0},
    {"CONNECT ok.test HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad", 0},
    {"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n", "400 Bad", 0},
    {"POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "400 Bad", 0},
    {"POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
     "xchunked\r\n\r\n0\r\n\r\n",
     "501 Not", 0},
    {"GET http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
     "400 Bad", 0},
    {"GET http://ok.test:%S/ HTTP/1.1\nHost: x\n\n", "400 Bad", 0},
    {"GET http://ok.test:%S/ HTTP/2.0\r\n\r\n", "505 HTTP", 0},
    {"\x16\x03\x01", "400 Bad", 0},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(failures); i++) {
        const char *answer = answer_of(ask(failures[i].request));
        struct bench_event e;
        size_t n = bench_take_events(&bench, &e);

        if (strstr(answer, failures[i].status) == NULL ||
            n != failures[i].events)
            fail_msg("%s: %zu events, %s", failures[i].request, n, answer);
        expect_not_served(failures[i].request);
    }
}

static void test_malformed_first_chunk(void **state)
{
    const char *answer = answer_of(
        ask("POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"));
    int server = served(); /* dialled, but told nothing */

    (void)state;
    assert_non_null(strstr(answer, "400 Bad Request"));
    bench_expect_end(server);
    (void)close(server);
}

static void test_huge_head(void **state)
{
    struct sending s = {.len = 80000};

    (void)state;
    s.fd = ask("GET http://ok.test/ HTTP/1.1\r\nHost: x\r\nX: ");
    (void)send_big(&s);
    assert_non_null(strstr(answer_of(s.fd), "HTTP/1.1 431 "));
}

/* Clients that go away at any moment leave nothing behind (stop() counts). */
static void test_aborts(void **state)
{
    const char *text = "POST http://ok.test:%S/ HTTP/1.1\r\nHost: x\r\n"
                       "Content-Length: 4\r\n\r\nabcd";
    const size_t len = strlen(fill(text));

    (void)state;
    for (size_t n = 0; n <= len; n += 3) {
        int fd = bench_dial(bench.http_port);

        bench_send(fd, fill(text), n);
        if (n % 2 == 0)
            proxy_reset(&fd);
        else
            (void)close(fd);
    }
    for (int fd; (fd = bench_accept(&bench, 200)) >= 0;)
        (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_exchanges),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_slow_reader_gets_all),
        cmocka_unit_test(test_big_upload),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_reset_is_passed_on),
        cmocka_unit_test(test_cut_body),
        cmocka_unit_test(test_broken_chunk),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_refused_upload),
        cmocka_unit_test(test_refused_head),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_malformed_first_chunk),
        cmocka_unit_test(test_huge_head),
        cmocka_unit_test(test_aborts),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
