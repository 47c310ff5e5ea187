/* The HTTP listener of a bench (proxy_bench.h), and what its clients say and
 * hear.  For one source file of a program only. */
#ifndef SRT_TESTS_UNIT_HTTP_BENCH_H
#define SRT_TESTS_UNIT_HTTP_BENCH_H

#include <stdlib.h>

#include "tests/unit/proxy_bench.h"

static struct bench bench;

static inline int start(void **state)
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

static inline int stop(void **state)
{
    (void)state;
    bench_stop(&bench);
    return 0;
}

/* Text with "S" as the server's port and "C" as the closed one: "%S". */
static inline const char *fill(const char *text)
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

static inline int ask(const char *request)
{
    int fd = bench_dial(bench.http_port);

    bench_say(fd, fill(request));
    return fd;
}

/* The whole answer, until the proxy ends. */
static inline const char *answer_of(int fd)
{
    static struct srt_buf b;

    srt_buf_clear(&b);
    if (bench_drain(fd, &b) < 0)
        fail_msg("the answer ends with %s after '%s'", strerror(errno),
                 srt_buf_str(&b));
    (void)close(fd);
    return srt_buf_str(&b);
}

static inline void expect_no_event(void)
{
    struct bench_event e;

    if (bench_take_events(&bench, &e) != 0)
        fail_msg("refused: %s:%u by %s", e.host, e.port, e.rule);
}

static inline int served(void)
{
    int fd = bench_accept(&bench, BENCH_WAIT_MS);

    assert_true(fd >= 0);
    return fd;
}

static inline void expect_not_served(const char *why)
{
    int fd = bench_accept(&bench, 50);

    if (fd >= 0)
        fail_msg("the server was reached: %s", why);
}

enum { BIG = 6 << 20 };

struct sending {
    int fd;
    size_t len;
    bool close;
    size_t sent;
};

/* May stop early: the other side need not take all. */
static inline void *send_big(void *arg)
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

#endif
