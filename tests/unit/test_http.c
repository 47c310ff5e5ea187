/* Heads, rewriting and body framing: each at once and split at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "proxy/http.h"

#define G "GET http://a.test/ HTTP/1.1\r\n"
#define H "Host: a.test\r\n"

static const struct {
    const char *head;
    int status; /* 0: fine */
    const char *host;
    unsigned port;
    const char *why;
} heads[] = {
    {G H "\r\n", 0, "a.test", 80, "the plain case"},
    {"GET HTTP://a.test HTTP/1.1\r\n" H "\r\n", 0, "a.test", 80,
     "a scheme has no case, a path may be empty"},
    {"GET http://a.test:8080/x?y HTTP/1.1\r\n" H "\r\n", 0, "a.test", 8080,
     "a port"},
    {"GET http://[::1]:81/ HTTP/1.1\r\n" H "\r\n", 0, "::1", 81, "IPv6"},
    {"GET http://[::1]/ HTTP/1.0\r\n\r\n", 0, "::1", 80, "1.0 needs no Host"},
    {"CONNECT a.test:443 HTTP/1.1\r\n" H "\r\n", 0, "a.test", 443, "CONNECT"},
    {"CONNECT [2001:db8::1]:443 HTTP/1.0\r\n\r\n", 0, "2001:db8::1", 443,
     "CONNECT to IPv6"},
    {"CONNECT a.test:443 HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 0,
     "a.test", 443, "CONNECT that says it has no body"},
    {G "Host: b.test\r\n\r\n", 0, "a.test", 80, "the target decides"},
    {G H "X:\r\nY: \t v \t\r\n\r\n", 0, "a.test", 80, "values are trimmed"},
    {"POST http://a.test/ HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n",
     0, "a.test", 80, "a coding has no case"},
    {"GET / HTTP/1.1\r\n" H "\r\n", 400, "", 0, "origin form"},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", 400, "", 0, "asterisk form"},
    {"GET https://a.test/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "other scheme"},
    {"GET http:///x HTTP/1.1\r\n" H "\r\n", 400, "", 0, "no host"},
    {"GET http://:80/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "a port alone"},
    {"GET http://a.test:/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "no port"},
    {"GET http://a.test:0/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "port 0"},
    {"GET http://a.test:65536/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "65536"},
    {"GET http://a.test:80-90/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "a range"},
    {"GET http://a.test:80:443/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "two"},
    {"GET http://a.test:+80/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "a sign"},
    {"GET http://u@a.test/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "a user"},
    {"GET http://u:p@a.test/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "password"},
    {"GET http://a.test/#f HTTP/1.1\r\n" H "\r\n", 400, "", 0, "fragment"},
    {"GET http://[::1/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "open bracket"},
    {"GET http://[::1]x/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "after bracket"},
    {"GET http://[a.test]/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "no IPv6"},
    {"GET http://::1/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "no brackets"},
    {"CONNECT a.test HTTP/1.1\r\n" H "\r\n", 400, "", 0, "CONNECT, no port"},
    {"CONNECT a.test: HTTP/1.1\r\n" H "\r\n", 400, "", 0, "empty port"},
    {"CONNECT http://a.test:443/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "URL"},
    {"connect a.test:443 HTTP/1.1\r\n" H "\r\n", 400, "", 0,
     "methods have case"},
    {"CONNECT a.test:443 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 400, "",
     0, "CONNECT with a body"},
    {"CONNECT a.test:443 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
     400, "", 0, "CONNECT with chunks"},
    {G "\r\n", 400, "", 0, "1.1 wants Host"},
    {"CONNECT a.test:443 HTTP/1.1\r\n\r\n", 400, "", 0, "CONNECT, too"},
    {G H H "\r\n", 400, "", 0, "two Hosts"},
    {G H "hOST: b.test\r\n\r\n", 400, "", 0, "two Hosts by other case"},
    {G H "X : v\r\n\r\n", 400, "", 0, "blank before the colon"},
    {G H "X: a\r\n b\r\n\r\n", 400, "", 0, "folded"},
    {G " X: a\r\n" H "\r\n", 400, "", 0, "folded first line"},
    {G H "X\r\n\r\n", 400, "", 0, "no colon"},
    {G H ": v\r\n\r\n", 400, "", 0, "no name"},
    {G H "X\xc3: v\r\n\r\n", 400, "", 0, "a name beyond ASCII"},
    {G H "X: a\rb\r\n\r\n", 400, "", 0, "bare CR"},
    {G H "X: a\nContent-Length: 3\r\n\r\n", 400, "", 0, "bare LF"},
    {"GET http://a.test/ HTTP/1.1\nHost: a.test\n\n", 400, "", 0, "LF alone"},
    {G H "X: a\x01\r\n\r\n", 400, "", 0, "control character"},
    {"GET  http://a.test/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "two blanks"},
    {"GET http://a.test/ x HTTP/1.1\r\n" H "\r\n", 505, "", 0, "blank inside"},
    {"GET http://a.test/\tx HTTP/1.1\r\n" H "\r\n", 400, "", 0, "tab inside"},
    {"G(T http://a.test/ HTTP/1.1\r\n" H "\r\n", 400, "", 0, "no token"},
    {"\r\n" G H "\r\n", 400, "", 0, "an empty line first"},
    {"\x16\x03\x01", 400, "", 0, "TLS"},
    {"\x05\x01", 400, "", 0, "SOCKS"},
    {"GET http://a.test/ HTTP/2.0\r\n" H "\r\n", 505, "", 0, "HTTP/2"},
    {"GET http://a.test/ HTTP/1.1 \r\n" H "\r\n", 505, "", 0, "a blank more"},
    {"GET http://a.test/ http/1.1\r\n" H "\r\n", 505, "", 0, "lower case"},
    {G H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400, "", 0, "twice"},
    {G H "Content-Length: 3, 3\r\n\r\n", 400, "", 0, "a list"},
    {G H "Content-Length: +3\r\n\r\n", 400, "", 0, "a sign"},
    {G H "Content-Length: -1\r\n\r\n", 400, "", 0, "negative"},
    {G H "Content-Length: 0x3\r\n\r\n", 400, "", 0, "hexadecimal"},
    {G H "Content-Length: 3 3\r\n\r\n", 400, "", 0, "a blank"},
    {G H "Content-Length:\r\n\r\n", 400, "", 0, "empty"},
    {G H "Content-Length: 18446744073709551617\r\n\r\n", 400, "", 0, "huge"},
    {G H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "", 0,
     "both"},
    {G H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400, "", 0,
     "both, the other way"},
    {G H "Transfer-Encoding: gzip\r\n\r\n", 501, "", 0, "another coding"},
    {G H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "", 0, "two codings"},
    {G H "Transfer-Encoding: chunked, identity\r\n\r\n", 501, "", 0,
     "not last"},
    {G H "Transfer-Encoding: \x0b"
         "chunked\r\n\r\n",
     400, "", 0, "vertical tab"},
    {G H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400, "", 0, "chunked twice"},
    {G H "Transfer-Encoding : chunked\r\n\r\n", 400, "", 0, "blank and coding"},
    {"GET http://a.test/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     "", 0, "1.0 has no chunks"},
    {G H "Connection: x, content-length\r\nContent-Length: 1\r\n\r\n", 400, "",
     0, "framing dropped as hop-by-hop"},
    {G H "Connection: Transfer-Encoding\r\n\r\n", 400, "", 0, "likewise"},
    {G H "Connection: close , host\r\n\r\n", 400, "", 0, "Host, too"},
};

static void check_head(size_t i, bool split)
{
    const char *head = heads[i].head;
    size_t len = strlen(head);
    struct proxy_http_request r;
    struct proxy_http_problem p = {0};
    enum proxy_http_parsed got = PROXY_HTTP_MORE;
    size_t scanned = 0;

    for (size_t n = split ? 1 : len; n <= len && got == PROXY_HTTP_MORE; n++)
        got = proxy_http_parse(head, n, &scanned, &r, &p);
    if (heads[i].status != 0) {
        if (got != PROXY_HTTP_BAD || p.status != heads[i].status ||
            p.text == NULL)
            fail_msg("%s: got %d, status %d", heads[i].why, (int)got, p.status);
        return;
    }
    if (got != PROXY_HTTP_DONE)
        fail_msg("%s: got %d, %s", heads[i].why, (int)got, p.text);
    assert_int_equal(r.head_len, len);
    assert_int_equal(r.port, heads[i].port);
    assert_int_equal(r.host.len, strlen(heads[i].host));
    assert_memory_equal(r.host.at, heads[i].host, r.host.len);
}

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(heads); i++) {
        check_head(i, false);
        check_head(i, true);
    }
}

static void test_nul_is_refused(void **state)
{
    static const char nul[] = G "Host: a\0b\r\n\r\n";
    struct proxy_http_request r;
    struct proxy_http_problem p;
    size_t scanned = 0;

    (void)state;
    assert_int_equal(proxy_http_parse(nul, sizeof(nul) - 1, &scanned, &r, &p),
                     PROXY_HTTP_BAD);
    assert_int_equal(p.status, 400);
}

/* A head of exactly `len` bytes. */
static char *long_head(size_t len)
{
    static const char front[] = G H "X: ";
    char *head = malloc(len);

    assert_non_null(head);
    memset(head, 'x', len);
    memcpy(head, front, sizeof(front) - 1);
    memcpy(head + len - 4, "\r\n\r\n", 4);
    return head;
}

static void test_length_limit(void **state)
{
    struct proxy_http_request r;
    struct proxy_http_problem p;
    size_t scanned = 0;
    char *head = long_head(PROXY_HTTP_HEAD_MAX);

    (void)state;
    assert_int_equal(
        proxy_http_parse(head, PROXY_HTTP_HEAD_MAX, &scanned, &r, &p),
        PROXY_HTTP_DONE);
    free(head);
    head = long_head(PROXY_HTTP_HEAD_MAX + 1);
    scanned = 0;
    assert_int_equal(
        proxy_http_parse(head, PROXY_HTTP_HEAD_MAX - 1, &scanned, &r, &p),
        PROXY_HTTP_MORE);
    assert_int_equal(
        proxy_http_parse(head, PROXY_HTTP_HEAD_MAX + 1, &scanned, &r, &p),
        PROXY_HTTP_BAD);
    assert_int_equal(p.status, 431);
    free(head);
}

static const struct {
    const char *in, *out, *why;
} rewrites[] = {
    {G H "\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
     "origin form"},
    {"GET http://a.test:81?q HTTP/1.1\r\n" H "\r\n",
     "GET /?q HTTP/1.1\r\nHost: a.test:81\r\nConnection: close\r\n\r\n",
     "a path is made, the port kept"},
    {G "Host: evil.test\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
     "Host is the target's"},
    {"GET http://[::1]:8/ HTTP/1.0\r\n\r\n",
     "GET / HTTP/1.0\r\nHost: [::1]:8\r\nConnection: close\r\n\r\n",
     "brackets come back"},
    {G H "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n"
         "Proxy-Connection: x\r\nProxy-Authorization: y\r\nProxy-Odd: z\r\n"
         "TE: trailers\r\nTrailer: T\r\nUpgrade: websocket\r\nX-Kept: 2\r\n"
         "\r\n",
     "GET / HTTP/1.1\r\nHost: a.test\r\nX-Kept: 2\r\n"
     "Connection: close\r\n\r\n",
     "hop-by-hop fields go"},
    {"POST http://a.test/ HTTP/1.1\r\nContent-Length: 3\r\n" H
     "Expect: 100-continue\r\n\r\n",
     "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n"
     "Expect: 100-continue\r\nConnection: close\r\n\r\n",
     "framing and expectations stay"},
};

static void test_rewrite(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rewrites); i++) {
        struct proxy_http_request r;
        struct proxy_http_problem p;
        struct srt_buf out = {0};
        size_t scanned = 0;

        assert_int_equal(proxy_http_parse(rewrites[i].in,
                                          strlen(rewrites[i].in), &scanned, &r,
                                          &p),
                         PROXY_HTTP_DONE);
        proxy_http_rewrite(&r, &out);
        if (strcmp(srt_buf_str(&out), rewrites[i].out) != 0)
            fail_msg("%s:\n%s", rewrites[i].why, srt_buf_str(&out));
        srt_buf_release(&out);
    }
}

enum verdict { WHOLE, PART, BAD };

static const struct {
    enum proxy_http_body_kind kind;
    uint64_t len;
    const char *body;
    enum verdict want;
    size_t taken;
    const char *why;
} bodies[] = {
    {PROXY_HTTP_BODY_NONE, 0, "GET /", WHOLE, 0, "no body takes nothing"},
    {PROXY_HTTP_BODY_LENGTH, 0, "x", WHOLE, 0, "length 0"},
    {PROXY_HTTP_BODY_LENGTH, 3, "abcd", WHOLE, 3, "not a byte more"},
    {PROXY_HTTP_BODY_LENGTH, 5, "abcd", PART, 4, "more is to come"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "0\r\n\r\nG", WHOLE, 5, "the empty body"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3\r\nabc\r\n0\r\n\r\nGET", WHOLE, 13, "one"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "a;x=\"y\"\r\n0123456789\r\n00\r\n\r\n", WHOLE,
     27, "an extension"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "0\r\nT: v\r\nU: w\r\n\r\nX", WHOLE, 17,
     "trailers"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3\r\nab", PART, 5, "cut"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "0\r\n", PART, 3, "no end yet"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3\nabc\r\n0\r\n\r\n", BAD, 0, "bare LF"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3\r\nabc\n0\r\n\r\n", BAD, 0, "after data"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3\r\nabcd\r\n", BAD, 0, "longer than said"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3;x\ny\r\nabc\r\n", BAD, 0, "LF in it"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3;x\rX\r\nabc\r\n", BAD, 0, "CR in it"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "\r\n", BAD, 0, "no size"},
    {PROXY_HTTP_BODY_CHUNKED, 0, ";x\r\n", BAD, 0, "an extension alone"},
    {PROXY_HTTP_BODY_CHUNKED, 0, " 3\r\nabc\r\n", BAD, 0, "blank before"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "3 \r\nabc\r\n", BAD, 0, "blank behind"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "0x3\r\nabc\r\n", BAD, 0, "0x"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "-3\r\nabc\r\n", BAD, 0, "a sign"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "10000000000000003\r\n", BAD, 0, "overflow"},
    {PROXY_HTTP_BODY_CHUNKED, 0, "0\r\nT: v\nU\r\n\r\n", BAD, 0, "LF trailer"},
};

static void check_body(size_t i, size_t step)
{
    const struct proxy_http_request r = {.body = bodies[i].kind,
                                         .body_len = bodies[i].len};
    const size_t len = strlen(bodies[i].body);
    struct proxy_http_body b;
    size_t total = 0;
    bool good = true;

    proxy_http_body_begin(&b, &r);
    for (size_t at = 0; at < len && good; at += step) {
        size_t n = len - at < step ? len - at : step;
        size_t taken = 0;

        good = proxy_http_body_take(&b, bodies[i].body + at, n, &taken);
        total += good ? taken : 0;
    }
    if (good != (bodies[i].want != BAD) ||
        (good &&
         (b.done != (bodies[i].want == WHOLE) || total != bodies[i].taken)))
        fail_msg("%s, by %zu: good %d, done %d, %zu bytes", bodies[i].why, step,
                 good, b.done, total);
}

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(bodies); i++)
        for (size_t step = 1; step <= strlen(bodies[i].body); step++)
            check_body(i, step);
}

static void test_endless_lines(void **state)
{
    static const char *const fronts[] = {"1;", "0\r\nT: "};
    char block[1024];

    (void)state;
    memset(block, 'x', sizeof(block));
    for (size_t i = 0; i < SRT_ARRAY_LEN(fronts); i++) {
        const struct proxy_http_request r = {.body = PROXY_HTTP_BODY_CHUNKED};
        struct proxy_http_body b;
        size_t taken;
        int blocks = 0;

        proxy_http_body_begin(&b, &r);
        assert_true(
            proxy_http_body_take(&b, fronts[i], strlen(fronts[i]), &taken));
        while (blocks < 100 &&
               proxy_http_body_take(&b, block, sizeof(block), &taken))
            blocks++;
        assert_true(blocks < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_nul_is_refused),
        cmocka_unit_test(test_length_limit),
        cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_endless_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
