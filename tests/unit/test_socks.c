/* SOCKS 5 greetings and requests: at once and split at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "proxy/socks.h"

#define BYTES(s) s, sizeof(s) - 1

static const struct {
    const char *bytes;
    size_t len;
    enum proxy_socks_parsed want;
    size_t used;
    unsigned method;
    const char *why;
} greetings[] = {
    {BYTES("\5\1\0"), PROXY_SOCKS_DONE, 3, 0, "no authentication"},
    {BYTES("\5\2\2\0rest"), PROXY_SOCKS_DONE, 4, 0, "among others"},
    {BYTES("\5\1\2"), PROXY_SOCKS_DONE, 3, 0xff, "passwords alone"},
    {BYTES("\5\0"), PROXY_SOCKS_DONE, 2, 0xff, "no method at all"},
    {BYTES("\5\1\2\0"), PROXY_SOCKS_DONE, 3, 0xff, "what follows is no method"},
    {BYTES("\5\2\0"), PROXY_SOCKS_MORE, 0, 0, "one is to come"},
    {BYTES("\5"), PROXY_SOCKS_MORE, 0, 0, "no count yet"},
    {BYTES("\4\1\0\120\1\2\3\4\0"), PROXY_SOCKS_BAD, 0, 0, "SOCKS 4"},
    {BYTES("GET "), PROXY_SOCKS_BAD, 0, 0, "HTTP"},
    {BYTES("\0"), PROXY_SOCKS_BAD, 0, 0, "nothing known"},
};

static void test_greetings(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(greetings); i++)
        for (size_t n = 0; n <= greetings[i].len; n++) {
            const uint8_t *bytes = (const uint8_t *)greetings[i].bytes;
            enum proxy_socks_parsed want = greetings[i].want;
            size_t used = 0;
            uint8_t method = 1;
            enum proxy_socks_parsed got = proxy_socks_greeting(bytes, n, &used,
                                                               &method);

            if (n == 0 || (want == PROXY_SOCKS_DONE && n < greetings[i].used))
                want = PROXY_SOCKS_MORE;
            if (got != want ||
                (got == PROXY_SOCKS_DONE &&
                 (used != greetings[i].used || method != greetings[i].method)))
                fail_msg("%s, %zu bytes: %d, %zu used, method %u",
                         greetings[i].why, n, (int)got, used, method);
        }
}

static const struct {
    const char *bytes;
    size_t len;
    enum proxy_socks_parsed want;
    size_t used;
    const char *host; /* DONE */
    unsigned port;
    enum proxy_socks_reply reply; /* BAD */
    const char *why;
} requests[] = {
    {BYTES("\5\1\0\1\300\0\2\7\1\273more"), PROXY_SOCKS_DONE, 10, "192.0.2.7",
     443, 0, "IPv4"},
    {BYTES("\5\1\0\4 \1\r\270\0\0\0\0\0\0\0\0\0\0\0\1\0\120"), PROXY_SOCKS_DONE,
     22, "2001:db8::1", 80, 0, "IPv6"},
    {BYTES("\5\1\0\3\6a.test\0\26"), PROXY_SOCKS_DONE, 13, "a.test", 22, 0,
     "a name"},
    {BYTES("\5\1\0\3\t127.0.0.1\0\26"), PROXY_SOCKS_DONE, 16, "127.0.0.1", 22,
     0, "an address as text"},
    {BYTES("\5\360\0\3\6a.test\0\0"), PROXY_SOCKS_DONE, 13, "a.test", 0, 0,
     "RESOLVE"},
    {BYTES("\5\360\0\3\6a.test\0\6"), PROXY_SOCKS_DONE, 13, "a.test", 6, 0,
     "RESOLVE to IPv6"},
    {BYTES("\5\1\0\3\6a.test"), PROXY_SOCKS_MORE, 0, NULL, 0, 0, "no port"},
    {BYTES("\5\1\0\3\6a.t"), PROXY_SOCKS_MORE, 0, NULL, 0, 0, "half a name"},
    {BYTES("\5\1\0\3\0\0\120"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_FAILURE, "an empty name"},
    {BYTES("\5\1\0\1\300\0\2\7\0\0"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_FAILURE, "port 0"},
    {BYTES("\5\2\0\1\300\0\2\7\1\273"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_NO_COMMAND, "BIND"},
    {BYTES("\5\3\0\1\0\0\0\0\0\0"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_NO_COMMAND, "UDP ASSOCIATE"},
    {BYTES("\5\361\0\1\300\0\2\7\0\0"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_NO_COMMAND, "RESOLVE_PTR"},
    {BYTES("\5\1\0\2\6a.test\0\26"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_NO_ADDRESS_TYPE, "a type that is none"},
    {BYTES("\5\1\1\1\300\0\2\7\1\273"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_FAILURE, "the reserved byte"},
    {BYTES("\4\1\0\1\300\0\2\7\1\273"), PROXY_SOCKS_BAD, 0, NULL, 0,
     PROXY_SOCKS_FAILURE, "another version"},
};

static void check_request(size_t i, size_t n)
{
    const uint8_t *bytes = (const uint8_t *)requests[i].bytes;
    struct proxy_socks_request untouched;
    struct proxy_socks_request q;
    enum proxy_socks_reply reply = PROXY_SOCKS_TTL_EXPIRED; /* never one */
    size_t used = 999;
    enum proxy_socks_parsed got;

    memset(&untouched, 0x5a, sizeof(untouched));
    q = untouched;
    got = proxy_socks_request(bytes, n, &used, &q, &reply);
    if (n < 4 || (requests[i].want == PROXY_SOCKS_DONE && n < requests[i].used))
        assert_int_equal(got, PROXY_SOCKS_MORE);
    else if (n == requests[i].len && got != requests[i].want)
        fail_msg("%s: got %d", requests[i].why, (int)got);
    if (got == PROXY_SOCKS_DONE) {
        assert_int_equal(used, requests[i].used);
        assert_int_equal(q.host_len, strlen(requests[i].host));
        assert_memory_equal(q.host, requests[i].host, q.host_len);
        assert_int_equal(q.port, requests[i].port);
        assert_int_equal(q.command, bytes[1]);
    } else if (got == PROXY_SOCKS_BAD && reply != requests[i].reply) {
        fail_msg("%s: reply %d", requests[i].why, (int)reply);
    }
    if (got != PROXY_SOCKS_DONE) {
        assert_int_equal(used, 999);
        assert_memory_equal(&q, &untouched, sizeof(q));
    }
    if (got != PROXY_SOCKS_BAD)
        assert_int_equal(reply, PROXY_SOCKS_TTL_EXPIRED);
}

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(requests); i++)
        for (size_t n = 0; n <= requests[i].len; n++)
            check_request(i, n);
}

static void test_longest_name(void **state)
{
    uint8_t bytes[PROXY_SOCKS_MAX] = {5, 1, 0, 3, 255};
    struct proxy_socks_request q;
    enum proxy_socks_reply reply;
    size_t used = 0;

    (void)state;
    memset(bytes + 5, 'a', 255);
    bytes[6] = 0; /* bytes are passed on as they are; the policy judges */
    bytes[PROXY_SOCKS_MAX - 1] = 80;
    assert_int_equal(
        proxy_socks_request(bytes, sizeof(bytes), &used, &q, &reply),
        PROXY_SOCKS_DONE);
    assert_int_equal(used, sizeof(bytes));
    assert_int_equal(q.host_len, 255);
    assert_memory_equal(q.host, bytes + 5, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greetings),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_longest_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
