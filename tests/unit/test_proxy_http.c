/* The HTTP listener forwards: real connections through a real loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/http_bench.h"

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
    };

    return cmocka_run_group_tests(tests, start, stop);
}
