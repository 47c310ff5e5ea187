/* What the HTTP listener refuses, and what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/http_bench.h"

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
