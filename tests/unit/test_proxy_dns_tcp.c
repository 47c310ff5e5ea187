/* Look-ups through a whole proxy, by TCP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dns_world.h"

static size_t frame(uint8_t *to, unsigned id, const char *name, uint16_t type)
{
    size_t n = make_query(to + 2, id, name, type, 0);

    put16(to, (unsigned)n);
    return n + 2;
}

static void receive_whole(int fd, uint8_t *m, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = receive(fd, m + at, len - at);

        assert_true(n > 0);
        at += n;
    }
}

/* One framed answer; its length. */
static size_t receive_frame(int fd, uint8_t *m)
{
    uint8_t head[2];
    size_t n;

    receive_whole(fd, head, 2);
    n = (size_t)(head[0] << 8 | head[1]);
    assert_true(n >= 12 && n <= MAX);
    receive_whole(fd, m, n);
    return n;
}

static void use_tcp(void)
{
    (void)close(w.client);
    w.client = connect_to("127.0.0.9", SOCK_STREAM, w.tcp);
}

static void test_tcp_pipeline(void **state)
{
    uint8_t m[MAX];
    size_t n = frame(m, 1, "hold.test", 1);

    (void)state;
    use_tcp();
    n += frame(m + n, 2, "allowed.test", 1);
    n += frame(m + n, 3, BIG, TXT);
    for (size_t i = 0; i < n; i++) { /* byte by byte */
        assert_int_equal(send(w.client, m + i, 1, 0), 1);
        step(0);
    }
    for (unsigned id = 2; id <= 3; id++) { /* the held one does not block */
        (void)receive_frame(w.client, m);
        assert_int_equal(m[1], id);
        assert_int_equal(m[7], id == 2 ? 1 : 3);
    }
    n = frame(m, 4, "denied.test", 1);
    assert_int_equal(send(w.client, m, n, 0), n);
    (void)receive_frame(w.client, m);
    assert_int_equal(m[3] & 15, PROXY_DNSMSG_NXDOMAIN);
    assert_int_equal(w.ntold, 1);
    assert_int_equal(w.told[0].client.proto, IPPROTO_TCP);
}

/* Who sends no more still gets his answers, then the end. */
static void test_tcp_half_close(void **state)
{
    uint8_t m[MAX];
    size_t n = frame(m, 1, "allowed.test", 1);

    (void)state;
    use_tcp();
    assert_int_equal(send(w.client, m, n, 0), n);
    assert_int_equal(shutdown(w.client, SHUT_WR), 0);
    (void)receive_frame(w.client, m);
    assert_int_equal(m[7], 1);
    assert_int_equal(receive(w.client, m, 1), 0);
    assert_int_equal(w.proxy->connections, 0);
}

/* Gone before the answer: nothing is sent, nothing is lost. */
static void test_tcp_reset(void **state)
{
    uint8_t m[MAX];
    size_t n = frame(m, 1, "hold.test", 1);

    (void)state;
    use_tcp();
    assert_int_equal(send(w.client, m, n, 0), n);
    settle();
    assert_int_equal(w.proxy->connections, 1);
    proxy_reset(&w.client);
    w.client = connect_to("127.0.0.9", SOCK_DGRAM, w.udp4);
    settle();
    assert_int_equal(w.proxy->connections, 0);
}

static void test_tcp_too_long(void **state)
{
    uint8_t m[MAX];

    (void)state;
    use_tcp();
    assert_int_equal(send(w.client, "\xff\xff", 2, 0), 2);
    assert_int_equal(receive(w.client, m, 1), 0);
    assert_int_equal(w.proxy->connections, 0);
}

static void test_tcp_share(void **state)
{
    uint8_t m[MAX];

    (void)state;
    use_tcp();
    for (unsigned i = 0; i < 65; i++) {
        size_t n = frame(m, i, "hold.test", 1);

        assert_int_equal(send(w.client, m, n, 0), n);
        step(0);
    }
    (void)receive_frame(w.client, m);
    assert_int_equal(m[1], 64);
    assert_int_equal(m[3] & 15, PROXY_DNSMSG_SERVFAIL);
    assert_false(is_readable(w.client));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tcp_pipeline), TEST(test_tcp_half_close),
        TEST(test_tcp_reset),    TEST(test_tcp_too_long),
        TEST(test_tcp_share),
    };

    return RUN_IN_WORLD(tests);
}
