/* The SOCKS listener, and what "*" does not open: this host itself. */
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/macros.h"
#include "proxy/socks.h"
#include "tests/unit/proxy_bench.h"

static struct bench bench;

static int start(void **state)
{
    (void)state;
    bench_start(&bench,
                "{\"network\":{\"allowedDomains\":[\"ok.test\",\"bad.test\","
                "\"none.test\",\"never.test\",\"fail.test\","
                "\"*.wild.test:S\",\"localhost:S\"],"
                "\"allowedAddresses\":[\"127.0.0.1:S\",\"127.0.0.1:C\"],"
                "\"deniedDomains\":[\"denied.test\"]}}");
    return 0;
}

static int start_any(void **state)
{
    (void)state;
    bench_start(&bench, "{\"network\":{\"allowedDomains\":[\"*\"]}}");
    return 0;
}

static int start_localhost(void **state)
{
    (void)state;
    bench_start(&bench,
                "{\"network\":{\"allowedDomains\":[\"*\",\"localhost\"]}}");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    bench_stop(&bench);
    return 0;
}

enum { ANY = 0, V4 = 4, V6 = 6, SERVER = 1, CLOSED = 2 };

/* A request in out; its length. */
static size_t make(uint8_t *out, uint8_t command, const char *host,
                   unsigned port)
{
    struct in_addr v4;
    struct in6_addr v6;
    size_t n = 4;

    memcpy(out, (const uint8_t[]){5, command, 0, 1}, 4);
    if (host[0] == '=' && inet_pton(AF_INET, host + 1, &v4) == 1) {
        memcpy(out + n, &v4, 4);
        n += 4;
    } else if (host[0] == '=' && inet_pton(AF_INET6, host + 1, &v6) == 1) {
        out[3] = 4;
        memcpy(out + n, &v6, 16);
        n += 16;
    } else {
        out[3] = 3;
        out[n++] = (uint8_t)strlen(host);
        memcpy(out + n, host, strlen(host));
        n += strlen(host);
    }
    if (command == PROXY_SOCKS_CONNECT)
        port = port == SERVER   ? bench.server_port
               : port == CLOSED ? bench.closed_port
                                : port;
    out[n++] = (uint8_t)(port >> 8);
    out[n++] = (uint8_t)port;
    return n;
}

/* Greeting, request, and the reply's code; the address in ret (16 bytes). */
static int ask(uint8_t command, const char *host, unsigned port,
               uint8_t *ret_code, uint8_t *ret_type, uint8_t *ret)
{
    uint8_t request[300];
    uint8_t reply[4];
    int fd = bench_dial(bench.socks_port);
    size_t n = make(request, command, host, port);

    bench_send(fd, "\5\1\0", 3);
    bench_send(fd, request, n);
    bench_read(fd, reply, 2);
    assert_memory_equal(reply, "\5\0", 2);
    bench_read(fd, reply, 4);
    assert_int_equal(reply[0], 5);
    *ret_code = reply[1];
    *ret_type = reply[3];
    bench_read(fd, ret, reply[3] == 4 ? 18 : 6);
    return fd;
}

static void expect_not_served(const char *why)
{
    int fd = bench_accept(&bench, 50);

    if (fd >= 0)
        fail_msg("the server was reached: %s", why);
}

/* ---- CONNECT ---- */

static void talk(int client)
{
    int server = bench_accept(&bench, BENCH_WAIT_MS);

    assert_true(server >= 0);
    bench_say(client, "up");
    bench_expect(server, "up");
    (void)shutdown(client, SHUT_WR);
    bench_expect_end(server);
    bench_say(server, "down");
    (void)close(server);
    bench_expect(client, "down");
    bench_expect_end(client);
    (void)close(client);
}

static void test_connects(void **state)
{
    static const char *const hosts[] = {
        "=127.0.0.1", "127.0.0.1", "0x7f.1",      "=::ffff:127.0.0.1",
        "ok.test",    "OK.test.",  "a.wild.test", "localhost"};

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(hosts); i++) {
        uint8_t code, type, address[18];
        struct bench_event e;
        int fd = ask(PROXY_SOCKS_CONNECT, hosts[i], SERVER, &code, &type,
                     address);

        if (code != PROXY_SOCKS_OK)
            fail_msg("%s: %u", hosts[i], code);
        talk(fd);
        assert_int_equal(bench_take_events(&bench, &e), 0);
    }
}

/* As slowly as can be, and the first bytes for the server too early. */
static void test_byte_by_byte(void **state)
{
    uint8_t all[320] = {5, 2, 2, 0};
    size_t n = 4 + make(all + 4, PROXY_SOCKS_CONNECT, "ok.test", SERVER);
    int client = bench_dial(bench.socks_port);
    int server;

    (void)state;
    memcpy(all + n, "early", 5);
    for (size_t i = 0; i < n + 5; i++) {
        bench_send(client, all + i, 1);
        (void)poll(NULL, 0, 1);
    }
    server = bench_accept(&bench, BENCH_WAIT_MS);
    assert_true(server >= 0);
    bench_expect(server, "early");
    (void)close(server);
    bench_read(client, all, 12);
    assert_memory_equal(all, "\5\0\5\0\0\1\0\0\0\0\0\0", 12);
    bench_expect_end(client);
    (void)close(client);
}

static const struct {
    uint8_t command;
    const char *host;
    unsigned port;
    enum proxy_socks_reply reply;
    const char *rule; /* its beginning; NULL: no event */
    const char *call, *event_host;
} refusals[] = {
    {PROXY_SOCKS_CONNECT, "other.test", 443, PROXY_SOCKS_NOT_ALLOWED,
     "/network/allowedDomains", "connect", "other.test"},
    {PROXY_SOCKS_CONNECT, "DENIED.test", SERVER, PROXY_SOCKS_NOT_ALLOWED,
     "/network/deniedDomains/0", "connect", "denied.test"},
    {PROXY_SOCKS_CONNECT, "a.wild.test", 22, PROXY_SOCKS_NOT_ALLOWED,
     "/network/allowedDomains", "connect", "a.wild.test"},
    {PROXY_SOCKS_CONNECT, "=127.0.0.1", 22, PROXY_SOCKS_NOT_ALLOWED,
     "/network/allowedDomains", "connect", "127.0.0.1"},
    {PROXY_SOCKS_CONNECT, "2130706433", 22, PROXY_SOCKS_NOT_ALLOWED,
     "/network/allowedDomains", "connect", "127.0.0.1"},
    {PROXY_SOCKS_CONNECT, "=::1", SERVER, PROXY_SOCKS_NOT_ALLOWED,
     "/network/allowedDomains", "connect", "::1"},
    {PROXY_SOCKS_CONNECT, "localhost", 22, PROXY_SOCKS_NOT_ALLOWED,
     "/network/allowedDomains", "connect", "localhost"},
    {PROXY_SOCKS_CONNECT, "bad.test", SERVER, PROXY_SOCKS_NOT_ALLOWED,
     "builtin:", "connect", "bad.test"},
    {PROXY_SOCKS_CONNECT, "ok.test", 22, PROXY_SOCKS_NOT_ALLOWED,
     "builtin:", "connect", "ok.test"},
    {PROXY_SOCKS_CONNECT, "a b.test", 80, PROXY_SOCKS_NOT_ALLOWED,
     "builtin:malformed-host", "connect", "a b.test"},
    {PROXY_SOCKS_CONNECT, "ok.test", CLOSED, PROXY_SOCKS_REFUSED, NULL, NULL,
     NULL},
    {PROXY_SOCKS_CONNECT, "=127.0.0.1", CLOSED, PROXY_SOCKS_REFUSED, NULL, NULL,
     NULL},
    {PROXY_SOCKS_CONNECT, "none.test", 80, PROXY_SOCKS_HOST_UNREACHABLE, NULL,
     NULL, NULL},
    {PROXY_SOCKS_CONNECT, "fail.test", 80, PROXY_SOCKS_TTL_EXPIRED, NULL, NULL,
     NULL},
    {PROXY_SOCKS_CONNECT, "ok.test", 0, PROXY_SOCKS_FAILURE, NULL, NULL, NULL},
    {PROXY_SOCKS_RESOLVE, "other.test", ANY, PROXY_SOCKS_NOT_ALLOWED,
     "/network/allowedDomains", "getaddrinfo", "other.test"},
    {PROXY_SOCKS_RESOLVE, "bad.test", V4, PROXY_SOCKS_NOT_ALLOWED,
     "builtin:", "getaddrinfo", "bad.test"},
    {PROXY_SOCKS_RESOLVE, "ok.test", V6, PROXY_SOCKS_HOST_UNREACHABLE, NULL,
     NULL, NULL},
    {PROXY_SOCKS_RESOLVE, "none.test", ANY, PROXY_SOCKS_HOST_UNREACHABLE, NULL,
     NULL, NULL},
    {PROXY_SOCKS_RESOLVE, "never.test", ANY, PROXY_SOCKS_HOST_UNREACHABLE, NULL,
     NULL, NULL},
    {PROXY_SOCKS_RESOLVE, "fail.test", ANY, PROXY_SOCKS_TTL_EXPIRED, NULL, NULL,
     NULL},
    {2 /* BIND */, "ok.test", 80, PROXY_SOCKS_NO_COMMAND, NULL, NULL, NULL},
    {3 /* UDP */, "=0.0.0.0", 0, PROXY_SOCKS_NO_COMMAND, NULL, NULL, NULL},
    {0xf1, "=192.0.2.1", 0, PROXY_SOCKS_NO_COMMAND, NULL, NULL, NULL},
};

static void check_refusal(size_t i)
{
    struct bench_event e = {0};
    uint8_t code, type, address[18];
    int fd = ask(refusals[i].command, refusals[i].host, refusals[i].port, &code,
                 &type, address);
    size_t n = bench_take_events(&bench, &e); /* told before the reply */
    const bool connect = refusals[i].command == PROXY_SOCKS_CONNECT;

    if (code != refusals[i].reply || n != (refusals[i].rule != NULL))
        fail_msg("row %zu, %s: reply %u, %zu events", i, refusals[i].host, code,
                 n);
    bench_expect_end(fd);
    (void)close(fd);
    expect_not_served(refusals[i].host);
    if (n == 0)
        return;
    assert_int_equal(
        strncmp(e.rule, refusals[i].rule, strlen(refusals[i].rule)), 0);
    assert_string_equal(e.call, refusals[i].call);
    assert_string_equal(e.host, refusals[i].event_host);
    assert_int_equal(e.via, PROXY_VIA_SOCKS);
    assert_int_equal(e.err, connect ? EACCES : 0);
    assert_int_equal(e.port == 0, !connect);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(refusals); i++)
        check_refusal(i);
}

/* A55: what a C string would end at the NUL. */
static void test_nul_in_name(void **state)
{
    static const char request[] = "\5\1\0\5\1\0\3\17ok.test\0.bad.te\0\120";
    uint8_t reply[12];
    struct bench_event e;
    int fd = bench_dial(bench.socks_port);

    (void)state;
    bench_send(fd, request, sizeof(request) - 1);
    bench_read(fd, reply, sizeof(reply));
    assert_int_equal(reply[3], PROXY_SOCKS_NOT_ALLOWED);
    assert_int_equal(bench_take_events(&bench, &e), 1);
    assert_string_equal(e.rule, "builtin:malformed-host");
    assert_string_equal(e.host, "ok.test?.bad.te");
    (void)close(fd);
}

static void test_greetings(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *want;
    } rows[] = {
        {"\5\1\2", 3, "\5\xff"},
        {"\5\0", 2, "\5\xff"},
        {"\4\1\0\120\177\0\0\1\0", 9, ""},
        {"GET / HTTP/1.1\r\n\r\n", 18, ""},
    };

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        int fd = bench_dial(bench.socks_port);

        bench_send(fd, rows[i].bytes, rows[i].len);
        bench_expect(fd, rows[i].want);
        bench_expect_end(fd);
        (void)close(fd);
    }
}

static void test_aborts(void **state)
{
    uint8_t all[320] = {5, 1, 0};
    const size_t len = 3 + make(all + 3, PROXY_SOCKS_CONNECT, "ok.test", 22);
    struct bench_event e;

    (void)state;
    for (size_t n = 0; n <= len; n++) {
        int fd = bench_dial(bench.socks_port);

        bench_send(fd, all, n);
        if (n % 2 == 0)
            proxy_reset(&fd);
        else
            (void)close(fd);
    }
    (void)poll(NULL, 0, 100);
    (void)bench_take_events(&bench, &e);
}

/* ---- RESOLVE ---- */

static void expect_address(const char *host, unsigned family, uint8_t type,
                           const char *address)
{
    uint8_t code, got_type, got[18];
    struct bench_event e;
    int fd = ask(PROXY_SOCKS_RESOLVE, host, family, &code, &got_type, got);

    if (code != PROXY_SOCKS_OK || got_type != type)
        fail_msg("%s: reply %u, type %u", host, code, got_type);
    assert_memory_equal(got, address, type == 4 ? 16 : 4);
    bench_expect_end(fd);
    (void)close(fd);
    assert_int_equal(bench_take_events(&bench, &e), 0);
}

static void test_resolve(void **state)
{
    static const char v4[] = "\177\0\0\1";
    static const char v6[16] = {[15] = 1};

    (void)state;
    expect_address("ok.test", ANY, 1, v4);
    expect_address("ok.test", V4, 1, v4);
    expect_address("a.wild.test", ANY, 1, v4); /* 127.0.0.9 is dropped */
    expect_address("localhost", ANY, 1, v4);
    expect_address("localhost", V6, 4, v6);
    expect_address("x.localhost", V4, 1, v4);
    expect_address("=192.0.2.7", ANY, 1, "\300\0\2\7");
    expect_address("192.0.2.7", ANY, 1, "\300\0\2\7");
}

/* ---- what "*" opens ---- */

static void connect_http(const char *target, bool allowed)
{
    struct srt_buf request = {0};
    char first[13] = "";
    struct bench_event e;
    int fd = bench_dial(bench.http_port);
    size_t n;

    srt_buf_addf(&request, "CONNECT %s:%u HTTP/1.0\r\n\r\n", target,
                 (unsigned)bench.server_port);
    bench_say(fd, srt_buf_str(&request));
    srt_buf_release(&request);
    bench_read(fd, first, 12);
    n = bench_take_events(&bench, &e);
    if (strcmp(first + 9, allowed ? "200" : "403") != 0 || n != !allowed)
        fail_msg("%s: %s, %zu events", target, first, n);
    (void)close(fd);
}

static void test_any_is_not_this_host(void **state)
{
    static const char *const hosts[] = {
        "localhost", "x.localhost", "=127.0.0.1", "=::1",
        "ok.test",   "0x7f.1",      "=0.0.0.0",   "=::"};
    uint8_t code, type, address[18];
    struct bench_event e;

    (void)state;
    expect_address("localhost", ANY, 1, "\177\0\0\1"); /* must not be learnt */
    for (size_t i = 0; i < SRT_ARRAY_LEN(hosts); i++) {
        int fd = ask(PROXY_SOCKS_CONNECT, hosts[i], SERVER, &code, &type,
                     address);

        if (code != PROXY_SOCKS_NOT_ALLOWED ||
            bench_take_events(&bench, &e) != 1)
            fail_msg("%s: %u", hosts[i], code);
        (void)close(fd);
    }
    connect_http("localhost", false);
    connect_http("127.0.0.1", false);
    connect_http("[::ffff:127.0.0.1]", false);
    expect_not_served("by *");
}

/* An entry for the name alone opens nothing of the host; one for the address
 * does (start()). */
static void test_localhost_is_the_sandboxs(void **state)
{
    struct policy_addr loopback[] = {{4, {127, 0, 0, 1}}};
    struct proxy_admitted leads;

    (void)state;
    assert_int_equal(
        policy_decide_named(bench.proxy->image, "localhost", bench.server_port)
            .verdict,
        POLICY_ALLOW);
    proxy_admit_resolved(bench.proxy, "localhost", bench.server_port, loopback,
                         1, &leads);
    assert_int_equal(leads.n, 0);
    assert_string_equal(leads.why.rule, "builtin:localhost");
    connect_http("localhost", false);
    expect_not_served("by its name");
}

/* The name memory may know it by a look-up (RFC 6761 is answered inside). */
static void test_memory_is_not_enough(void **state)
{
    const struct policy_addr loopback = {4, {127, 0, 0, 1}};
    char text[POLICY_ADDR_TEXT_MAX];
    const char *host;

    (void)state;
    assert_true(proxy_names_add(bench.proxy->names, loopback, "localhost"));
    assert_true(proxy_names_add(bench.proxy->names, loopback, "ok.test"));
    assert_int_equal(
        proxy_admit_address(bench.proxy, loopback, 22, text, &host).verdict,
        POLICY_DENY);
    assert_string_equal(host, "localhost");
    connect_http("127.0.0.1", false);
}

/* Give the loopback device of a network of our own an address. */
static void add_address(const char *device, const char *text)
{
    struct ifreq r = {.ifr_flags = IFF_UP};
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "lo");
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
    memcpy(&r.ifr_addr, &a, sizeof(a));
    assert_int_equal(ioctl(fd, SIOCSIFADDR, &r), 0);
    /* Of the loopback device, the whole net is local. */
    memset(&a.sin_addr, 0xff, sizeof(a.sin_addr));
    memcpy(&r.ifr_netmask, &a, sizeof(a));
    assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &r), 0);
    (void)close(fd);
}

/* What an interface gets during the run counts; so does the hundredth. */
static void check_own_address(void)
{
    const struct policy_addr own = {4, {192, 0, 2, 77}};
    const struct policy_addr other = {4, {192, 0, 2, 78}};
    const struct policy_addr list[] = {own, other};
    struct proxy_admitted kept;
    char text[POLICY_ADDR_TEXT_MAX];
    const char *host;

    assert_int_equal(
        proxy_admit_address(bench.proxy, own, 22, text, &host).verdict,
        POLICY_ALLOW);
    for (int i = 1; i < 100; i++) {
        char device[16];
        char address[16];

        (void)snprintf(device, sizeof(device), "lo:%d", i);
        (void)snprintf(address, sizeof(address), "198.51.100.%d", i);
        add_address(device, address);
    }
    add_address("lo:100", "192.0.2.77");
    assert_int_equal(
        proxy_admit_address(bench.proxy, own, 22, text, &host).verdict,
        POLICY_DENY);
    assert_int_equal(
        proxy_admit_address(bench.proxy, other, 22, text, &host).verdict,
        POLICY_ALLOW);
    proxy_admit_resolved(bench.proxy, "a.test", 22, list, 2, &kept);
    assert_int_equal(kept.n, 1);
    assert_true(policy_addr_equal(kept.list[0], other));
    assert_string_equal(kept.why.rule, "builtin:own-address");
}

/* In a network namespace, which takes a process without threads. */
static void test_own_address(void **state)
{
    int status = -1;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
            _exit(errno);
        check_own_address();
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
}

/* An exempted address, for its port alone, whoever asks. */
static void test_exemption_has_a_port(void **state)
{
    const struct policy_addr loopback = {4, {127, 0, 0, 1}};
    const struct policy_addr list[] = {loopback};
    struct proxy_admitted kept;
    char text[POLICY_ADDR_TEXT_MAX];
    const char *host;

    (void)state;
    proxy_admit_resolved(bench.proxy, "ok.test", 0, list, 1, &kept);
    assert_int_equal(kept.n, 1);
    assert_true(proxy_names_add(bench.proxy->names, loopback, "ok.test"));
    assert_int_equal(proxy_admit_address(bench.proxy, loopback,
                                         bench.server_port, text, &host)
                         .verdict,
                     POLICY_ALLOW);
    assert_int_equal(
        proxy_admit_address(bench.proxy, loopback, 22, text, &host).verdict,
        POLICY_DENY);
}

int main(void)
{
    const struct CMUnitTest named[] = {
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nul_in_name),
        cmocka_unit_test(test_greetings),
        cmocka_unit_test(test_aborts),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_exemption_has_a_port),
    };
    const struct CMUnitTest any[] = {
        cmocka_unit_test(test_any_is_not_this_host),
        cmocka_unit_test(test_memory_is_not_enough),
        cmocka_unit_test(test_own_address),
    };
    const struct CMUnitTest localhost[] = {
        cmocka_unit_test(test_localhost_is_the_sandboxs),
    };
    int failed = cmocka_run_group_tests(named, start, stop);

    failed += cmocka_run_group_tests(any, start_any, stop);
    return failed + cmocka_run_group_tests(localhost, start_localhost, stop);
}
