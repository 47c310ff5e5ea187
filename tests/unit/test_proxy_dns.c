/* Look-ups through a whole proxy, by datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/dns_world.h"

/* The addresses of an answer as text, or "". */
static const char *addresses_of(const uint8_t *m, size_t len, char *text)
{
    size_t at = 12;

    text[0] = '\0';
    while (m[at] != 0)
        at += 1u + m[at];
    at += 5;
    for (unsigned i = 0; i < m[7]; i++) {
        struct policy_addr a = {.family = m[at + 3] == 1 ? 4 : 6};
        size_t n = (size_t)(m[at + 10] << 8 | m[at + 11]);
        char one[POLICY_ADDR_TEXT_MAX];

        assert_true(at + 12 + n <= len);
        assert_int_equal(m[at], 0xc0); /* the name that was asked */
        assert_true(m[at + 6] == 0 && m[at + 7] == 0 && m[at + 8] == 0 &&
                    m[at + 9] >= 1 && m[at + 9] <= 60); /* TTL */
        if (n == 4 || n == 16) {
            memcpy(a.bytes, m + at + 12, n);
            (void)snprintf(text + strlen(text), 64, "%s ",
                           policy_addr_text(a, one));
        }
        at += 12 + n;
    }
    return text;
}

#define ALLOWED_RULE "/network/allowedDomains"
#define MALFORMED    "builtin:malformed-host"

static const struct {
    const char *name;
    uint16_t type;
    uint8_t rcode, count;
    const char *addresses; /* each with a space behind it */
    size_t asked;          /* queries upstream */
    const char *rule;      /* NULL: no event */
    const char *call, *host;
    bool probe;
} lookups[] = {
    {"allowed.test", 1, 0, 1, "203.0.113.10 ", 1, NULL, NULL, NULL, false},
    {"aLLowed.TEST", 1, 0, 1, "203.0.113.10 ", 1, NULL, NULL, NULL, false},
    {"allowed.test", 28, 0, 1, "2001:db8::10 ", 1, NULL, NULL, NULL, false},
    {"allowed.test", TXT, 0, 1, NULL, 1, NULL, NULL, NULL, false},
    {"x.wild.test", 1, 0, 1, "203.0.113.11 ", 1, NULL, NULL, NULL, false},
    {"x.wild.test", 12, 0, 1, NULL, 1, NULL, NULL, NULL, false},
    {"mixed.test", 1, 0, 1, "203.0.113.12 ", 1, NULL, NULL, NULL, false},
    {"half.test", 1, 0, 1, "203.0.113.12 ", 1, NULL, NULL, NULL, false},
    {"half.test", 28, 0, 0, "", 2, NULL, NULL, NULL, false},
    {"none.test", 1, 3, 0, "", 1, NULL, NULL, NULL, false},
    {"none.test", TXT, 3, 0, "", 1, NULL, NULL, NULL, false},
    {"empty.test", 1, 0, 0, "", 1, NULL, NULL, NULL, false},
    {"fail.test", 1, 2, 0, "", 3, NULL, NULL, NULL, false},
    {"allowed.test", 65, 0, 0, "", 0, NULL, NULL, NULL, false},
    {"allowed.test", 64, 0, 0, "", 0, NULL, NULL, NULL, false},
    {"allowed.test", 255, 4, 0, "", 0, NULL, NULL, NULL, false},
    {"allowed.test", 252, 4, 0, "", 0, NULL, NULL, NULL, false},
    {"allowed.test", 250, 4, 0, "", 0, NULL, NULL, NULL, false},
    {"allowed.test", 41, 4, 0, "", 0, NULL, NULL, NULL, false},
    {"localhost", 1, 0, 1, "127.0.0.1 ", 0, NULL, NULL, NULL, false},
    {"a.LocalHost", 28, 0, 1, "::1 ", 0, NULL, NULL, NULL, false},
    {"localhost", TXT, 0, 0, "", 0, NULL, NULL, NULL, false},
    {"127.0.0.1", 1, 3, 0, "", 0, NULL, NULL, NULL, false},
    {"1.0.0.127.in-addr.arpa", 12, 0, 1, NULL, 0, NULL, NULL, NULL, false},
    {"1.113.0.203.in-addr.arpa", 12, 3, 0, "", 0, NULL, NULL, NULL, false},
    {"denied.test", 1, 3, 0, "", 0, ALLOWED_RULE, "A", "denied.test", false},
    {"Other.test", 28, 3, 0, "", 0, ALLOWED_RULE, "AAAA", "other.test", false},
    {"denied.test", TXT, 3, 0, "", 0, ALLOWED_RULE, "TXT", "denied.test",
     false},
    {"denied.test", 12, 3, 0, "", 0, ALLOWED_RULE, "PTR", "denied.test", false},
    {"denied.test", 255, 3, 0, "", 0, ALLOWED_RULE, "ANY", "denied.test",
     false},
    {"wild.test", 1, 3, 0, "", 0, ALLOWED_RULE, "A", "wild.test", false},
    {"bad.wild.test", 1, 3, 0, "", 0, "/network/deniedDomains/0", "A",
     "bad.wild.test", false},
    {"1.113.0.203.in-addr.arpa", 1, 3, 0, "", 0, ALLOWED_RULE, "A",
     "1.113.0.203.in-addr.arpa", false},
    {"", 2, 3, 0, "", 0, MALFORMED, "NS", ".", false},
    {"a b.test", 1, 3, 0, "", 0, MALFORMED, "A", "a b.test", false},
    {"allowed.test.corp.example", 1, 3, 0, "", 0, ALLOWED_RULE, "A",
     "allowed.test.corp.example", true},
    {"denied.test.corp.example", 1, 3, 0, "", 0, ALLOWED_RULE, "A",
     "denied.test.corp.example", false},
    {"loop.test", 1, 3, 0, "", 2, "builtin:resolved-address", "A", "loop.test",
     false},
    {"mapped.test", 28, 3, 0, "", 2, "builtin:resolved-address", "AAAA",
     "mapped.test", false},
    {"both.corp.example", 1, 3, 0, "", 2, "builtin:resolved-address", "A",
     "both.corp.example", false},
};

static void check_told(size_t i, size_t before)
{
    const struct told *t = &w.told[before % SRT_ARRAY_LEN(w.told)];

    if (w.ntold - before != (lookups[i].rule != NULL))
        fail_msg("%s/%u: %zu events", lookups[i].name,
                 (unsigned)lookups[i].type, w.ntold - before);
    if (lookups[i].rule == NULL)
        return;
    assert_string_equal(t->rule, lookups[i].rule);
    assert_string_equal(t->call, lookups[i].call);
    assert_string_equal(t->host, lookups[i].host);
    assert_int_equal(t->probe, lookups[i].probe);
    assert_int_equal(t->client.via, PROXY_VIA_DNS);
    assert_int_equal(t->client.family, AF_INET);
    assert_int_equal(t->client.proto, IPPROTO_UDP);
}

static void test_lookups(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(lookups); i++) {
        const size_t told = w.ntold;
        const size_t asked = w.nasked;
        uint8_t query[512];
        uint8_t m[MAX];
        char text[256];
        size_t n = make_query(query, (unsigned)i, lookups[i].name,
                              lookups[i].type, 0);
        size_t len;

        assert_int_equal(send(w.client, query, n, 0), n);
        len = receive(w.client, m, sizeof(m));
        assert_true(len >= n);
        assert_memory_equal(m, query, 2);
        assert_memory_equal(m + 12, query + 12, n - 12);
        if ((m[3] & 15) != lookups[i].rcode || m[7] != lookups[i].count ||
            w.nasked - asked != lookups[i].asked)
            fail_msg("%s/%u: rcode %d, %d records, asked %zu times",
                     lookups[i].name, (unsigned)lookups[i].type, m[3] & 15,
                     m[7], w.nasked - asked);
        if (lookups[i].addresses != NULL)
            assert_string_equal(addresses_of(m, len, text),
                                lookups[i].addresses);
        check_told(i, told);
    }
    assert_int_equal(w.nwarnings, 0);
}

/* One getaddrinfo(3) asks for both families: one event, also when the process
 * is known to ask from two sockets.  The same type again, another socket,
 * another name: events of their own. */
static void test_both_families(void **state)
{
    static const struct {
        const char *name;
        uint16_t type;
        bool other;  /* from another socket */
        pid_t who;   /* 0: not known */
        size_t told; /* in all, after it */
    } asked[] = {
        {"denied.test", 28, false, 0, 1}, {"Denied.test", 1, false, 0, 1},
        {"denied.test", 1, false, 0, 2},  {"denied.test", 1, false, 0, 3},
        {"denied.test", 28, true, 0, 4},  {"denied.test", 1, true, 0, 4},
        {"other.test", 1, true, 0, 5},    {"denied.test", TXT, true, 0, 6},
        {"loop.test", 1, false, 0, 7},    {"loop.test", 28, false, 0, 7},
        {"go.test", 1, false, 70, 8},     {"go.test", 28, true, 70, 8},
        {"go.test", 28, true, 70, 9},     {"go.test", 1, false, 71, 10},
    };

    const int first = w.client;
    const int second = connect_to("127.0.0.9", SOCK_DGRAM, w.udp4);
    uint8_t m[MAX];

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(asked); i++) {
        w.client = asked[i].other ? second : first;
        w.who = asked[i].who;
        send_query(w.client, (unsigned)i, asked[i].name, asked[i].type);
        (void)receive(w.client, m, sizeof(m));
        assert_int_equal(m[3] & 15, PROXY_DNSMSG_NXDOMAIN);
        if (w.ntold != asked[i].told)
            fail_msg("row %zu: %zu events", i, w.ntold);
    }
    w.client = first;
    w.who = 0;
    (void)close(second);
}

/* What is given out is remembered, and nothing else. */
static void test_name_memory(void **state)
{
    static const struct {
        const char *address, *name;
    } known[] = {
        {"203.0.113.10", "allowed.test"},
        {"2001:db8::10", "allowed.test"},
        {"203.0.113.12", "mixed.test"},
        {"169.254.169.254", NULL},
        {"1.2.3.4", NULL}, /* came with a TXT answer */
    };

    uint8_t m[MAX];

    (void)state;
    send_query(w.client, 1, "ALLOWED.test", 1);
    (void)receive(w.client, m, sizeof(m));
    send_query(w.client, 2, "allowed.test", 28);
    (void)receive(w.client, m, sizeof(m));
    send_query(w.client, 3, "allowed.test", TXT);
    (void)receive(w.client, m, sizeof(m));
    send_query(w.client, 4, "mixed.test", 1);
    (void)receive(w.client, m, sizeof(m));
    for (size_t i = 0; i < SRT_ARRAY_LEN(known); i++) {
        struct policy_addr a;
        const char *name;

        assert_true(
            policy_addr_parse(known[i].address, strlen(known[i].address), &a));
        name = proxy_names_get(w.proxy->names, a, 0);
        if (known[i].name == NULL)
            assert_null(name);
        else
            assert_string_equal(name, known[i].name);
        assert_null(proxy_names_get(w.proxy->names, a, 1));
    }
    send_query(w.client, 5, "10.113.0.203.in-addr.arpa", 12);
    (void)receive(w.client, m, sizeof(m));
    assert_int_equal(m[7], 1);
    assert_int_equal(w.nasked, 4);
}

static void test_why_an_address_is_refused(void **state)
{
    uint8_t m[MAX];

    (void)state;
    send_query(w.client, 1, "loop.test", 1);
    (void)receive(w.client, m, sizeof(m));
    assert_int_equal(w.ntold, 1);
    assert_non_null(strstr(w.told[0].reason, "loopback"));
    assert_int_equal(w.told[0].address.family, 4);
    assert_int_equal(w.told[0].address.bytes[0], 127);
}

static void test_extended_error(void **state)
{
    uint8_t query[512];
    uint8_t m[MAX];
    size_t n = make_query(query, 1, "denied.test", 1, 1232);
    size_t len;

    (void)state;
    assert_int_equal(send(w.client, query, n, 0), n);
    len = receive(w.client, m, sizeof(m));
    assert_int_equal(m[11], 1); /* the OPT record, its option, the code */
    assert_true(len > n + 6);
    assert_memory_equal(m + n, "\0\x0f", 2);
    assert_memory_equal(m + n + 4, "\0\x11", 2);
    assert_int_equal(w.ntold, 1);
}

/* Too long for 512 bytes, not for EDNS. */
static void test_big_answer(void **state)
{
    uint8_t query[512];
    uint8_t m[MAX];
    size_t n;

    (void)state;
    send_query(w.client, 1, BIG, TXT);
    assert_true(receive(w.client, m, sizeof(m)) <= 512);
    assert_int_equal(m[2] & 2, 2);
    assert_int_equal(m[7], 0);
    n = make_query(query, 2, BIG, TXT, 4096);
    assert_int_equal(send(w.client, query, n, 0), n);
    assert_true(receive(w.client, m, sizeof(m)) > 600);
    assert_int_equal(m[2] & 2, 0);
    assert_int_equal(m[7], 3);
}

static void test_ipv6_client(void **state)
{
    uint8_t m[MAX];

    (void)state;
    (void)close(w.client);
    w.client = connect_to("::1", SOCK_DGRAM, w.udp6);
    send_query(w.client, 1, "denied.test", 1);
    (void)receive(w.client, m, sizeof(m));
    assert_int_equal(w.told[0].client.family, AF_INET6);
    send_query(w.client, 2, "allowed.test", 1);
    (void)receive(w.client, m, sizeof(m));
    assert_int_equal(m[7], 1);
}

static void test_malformed(void **state)
{
    uint8_t query[512];
    uint8_t m[MAX];
    size_t n = make_query(query, 0x4321, "allowed.test", 1, 0);

    (void)state;
    assert_int_equal(send(w.client, query, n - 1, 0), n - 1);
    assert_int_equal(receive(w.client, m, sizeof(m)), 12);
    assert_memory_equal(m, "\x43\x21\x81\x81", 4);
    query[2] |= 0x80; /* a response, and an empty datagram: no answer */
    assert_int_equal(send(w.client, query, n, 0), n);
    assert_int_equal(send(w.client, query, 0, 0), 0);
    settle();
    assert_false(is_readable(w.client));
    assert_int_equal(w.nasked, 0);
}

/* A client that asks again while we wait is asked for once. */
static void test_retransmission(void **state)
{
    int other = connect_to("127.0.0.9", SOCK_DGRAM, w.udp4);

    (void)state;
    send_query(w.client, 7, "hold.test", 1);
    send_query(w.client, 7, "hold.test", 1);
    settle();
    assert_int_equal(w.nasked, 1);
    send_query(w.client, 7, "hold.test", 28);
    send_query(w.client, 8, "hold.test", 1);
    send_query(other, 7, "hold.test", 1);
    settle();
    assert_int_equal(w.nasked, 4);
    (void)close(other);
}

/* More than is allowed at once fails with one warning, and what is answered
 * from here goes on. */
static void test_budget(void **state)
{
    uint8_t m[MAX];

    (void)state;
    for (unsigned i = 0; i < 514; i++) {
        send_query(w.client, i, "hold.test", 1);
        step(0);
    }
    settle();
    for (int i = 0; i < 2; i++) {
        (void)receive(w.client, m, sizeof(m));
        assert_int_equal(m[3] & 15, PROXY_DNSMSG_SERVFAIL);
    }
    assert_false(is_readable(w.client));
    assert_int_equal(w.nwarnings, 1);
    send_query(w.client, 1000, "localhost", 1);
    (void)receive(w.client, m, sizeof(m));
    assert_int_equal(m[7], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lookups),        TEST(test_both_families),
        TEST(test_name_memory),    TEST(test_why_an_address_is_refused),
        TEST(test_extended_error), TEST(test_big_answer),
        TEST(test_ipv6_client),    TEST(test_malformed),
        TEST(test_retransmission), TEST(test_budget),
    };

    return RUN_IN_WORLD(tests);
}
