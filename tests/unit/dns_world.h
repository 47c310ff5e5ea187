/*
 * The world of a look-up's test: a policy, the loop, a whole proxy with its
 * sockets, and a name server of our own on port 53 of a network namespace.
 */
#ifndef SRT_TESTS_UNIT_DNS_WORLD_H
#define SRT_TESTS_UNIT_DNS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "proxy/dnsmsg.h"
#include "proxy/internal.h"
#include "tests/unit/fake_host.h"

static const char settings_text[] =
    "{\"network\":{\"allowedDomains\":[\"allowed.test\",\"*.wild.test\","
    "\"loop.test\",\"mixed.test\",\"mapped.test\",\"half.test\",\"none.test\","
    "\"empty.test\","
    "\"fail.test\",\"hold.test\",\"both\",\"both.corp.example\"],"
    "\"deniedDomains\":[\"bad.wild.test\"]}}";

enum { TXT = 16, MAX = 4096, TRIES_MS = 5000 };

/* ---- the name server ---- */

struct record {
    uint16_t type;
    const char *data;
    size_t len;
};

#define DATA(s) s, sizeof(s) - 1
#define AT20    "aaaaaaaaaaaaaaaaaaaa"
#define AT101   "\x64" AT20 AT20 AT20 AT20 AT20
/* Each record of the answer repeats it: more than 512 bytes of what took less
 * compressed.  (For a longer one c-ares would ask again by TCP.) */
#define BIG AT20 AT20 AT20 ".wild.test"

static const struct {
    const char *name;
    uint16_t asked;
    uint8_t rcode;
    struct record records[3];
} zone[] = {
    {"allowed.test", 1, 0, {{1, DATA("\xcb\0\x71\x0a")}}},
    {"allowed.test",
     28,
     0,
     {{28, DATA("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x10")}}},
    {"allowed.test",
     TXT,
     0,
     {{TXT, DATA("\2hi")}, {1, DATA("\1\2\3\4")}, {28, DATA(AT20)}}},
    {"x.wild.test", 1, 0, {{1, DATA("\xcb\0\x71\x0b")}}},
    {"x.wild.test", 12, 0, {{12, DATA("\1a\4test\0")}}},
    {"loop.test", 1, 0, {{1, DATA("\x7f\0\0\1")}}},
    {"loop.test", 28, 0, {{28, DATA("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")}}},
    {"mapped.test",
     28,
     0,
     {{28, DATA("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1")}}},
    {"half.test", 1, 0, {{1, DATA("\xcb\0\x71\x0c")}}},
    {"half.test", 28, 0, {{28, DATA("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")}}},
    {"mixed.test",
     1,
     0,
     {{1, DATA("\xa9\xfe\xa9\xfe")}, {1, DATA("\xcb\0\x71\x0c")}}},
    {"both.corp.example", 1, 0, {{1, DATA("\x7f\0\0\1")}}},
    {"none.test", 1, 3, {{0}}},
    {"empty.test", 1, 0, {{0}}},
    {"fail.test", 1, 2, {{0}}},
    {BIG, TXT, 0, {{TXT, DATA(AT101)}, {TXT, DATA(AT101)}, {TXT, DATA(AT101)}}},
};

/* ---- the world of one test ---- */

struct told {
    char host[PROXY_DNSMSG_NAME], call[16], rule[64], reason[128];
    struct proxy_client client;
    struct policy_addr address;
    bool probe;
};

static struct {
    struct fake_host fake;
    struct policy_settings settings;
    struct policy policy;
    int resolv_fd, server_fd;
    struct proxy_loop *loop;
    struct proxy *proxy;
    struct proxy_watch server;
    uint16_t udp4, udp6, tcp; /* ports of what is tested */
    int client;
    struct told told[8];
    size_t ntold, nwarnings, nasked;
    pid_t who; /* behind every question; 0: not known */
} w;

static inline pid_t who(void *ctx, const struct proxy_client *c)
{
    (void)ctx;
    (void)c;
    return w.who;
}

static inline size_t put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
    return 2;
}

static inline size_t answer_record(uint8_t *at, const struct record *r)
{
    size_t n = put16(at, 0xc00c);

    n += put16(at + n, r->type);
    n += put16(at + n, 1);
    n += put16(at + n, 0);
    n += put16(at + n, 3600);
    n += put16(at + n, (unsigned)r->len);
    memcpy(at + n, r->data, r->len);
    return n + r->len;
}

/* Answer what the zone has; never what begins with "hold". */
static inline void on_question(struct proxy_watch *watch, unsigned ready)
{
    uint8_t m[MAX];
    char name[256] = "";
    union srt_sockaddr peer;
    socklen_t peer_len = sizeof(peer);
    ssize_t len = recvfrom(watch->fd, m, 512, 0, &peer.sa, &peer_len);
    size_t at = 12;
    size_t used = 0;

    (void)ready;
    assert_true(len > 12);
    w.nasked++;
    while (m[at] != 0) {
        used += (size_t)snprintf(name + used, sizeof(name) - used, "%s%.*s",
                                 used > 0 ? "." : "", m[at],
                                 (const char *)m + at + 1);
        at += 1u + m[at];
    }
    if (strncmp(name, "hold", 4) == 0)
        return;
    m[2] = 0x81;
    m[3] = 0x83;
    memset(m + 6, 0, 6);
    at += 5;
    for (size_t i = 0; i < SRT_ARRAY_LEN(zone); i++) {
        if (strcmp(zone[i].name, name) != 0 || zone[i].asked != m[at - 3])
            continue;
        m[3] = 0x80 | zone[i].rcode;
        for (size_t k = 0; k < 3 && zone[i].records[k].data != NULL; k++) {
            at += answer_record(m + at, &zone[i].records[k]);
            m[7]++;
        }
        break;
    }
    (void)sendto(watch->fd, m, at, 0, &peer.sa, peer_len);
}

static inline void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
}

/* The client must not have its answer yet. */
static inline void on_refused(void *ctx, const struct proxy_refusal *r)
{
    struct told *t = &w.told[w.ntold++ % SRT_ARRAY_LEN(w.told)];
    char byte;

    (void)ctx;
    assert_int_equal(recv(w.client, &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(r->port, 0);
    assert_int_equal(r->decision.verdict, POLICY_DENY);
    copy_text(t->host, sizeof(t->host), r->host);
    copy_text(t->call, sizeof(t->call), r->call);
    copy_text(t->rule, sizeof(t->rule), r->decision.rule);
    copy_text(t->reason, sizeof(t->reason), r->decision.reason);
    t->client = r->client;
    t->address = r->address;
    t->probe = r->probe;
}

static inline void on_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
    w.nwarnings++;
}

/* A socket on a free port of every address; its port. */
static inline int make_socket(int family, int type, uint16_t *ret_port)
{
    union srt_sockaddr a = {.sa = {.sa_family = (sa_family_t)family}};
    socklen_t len = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;

    assert_true(fd >= 0);
    if (family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    (void)setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                     family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &on,
                     sizeof(on));
    assert_int_equal(bind(fd, &a.sa, len), 0);
    assert_int_equal(getsockname(fd, &a.sa, &len), 0);
    *ret_port = ntohs(a.v4.sin_port);
    return fd;
}

static inline int connect_to(const char *address, int type, uint16_t port)
{
    union srt_sockaddr a;
    struct policy_addr to;
    socklen_t len;
    int fd;

    assert_true(policy_addr_parse(address, strlen(address), &to));
    proxy_to_sockaddr(to, port, &a, &len);
    fd = socket(a.sa.sa_family, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &a.sa, len), 0);
    return fd;
}

static inline int start(void **state)
{
    char resolv_conf[64];
    const struct proxy_options o = {
        .image = w.policy.image,
        .ops = {.who = who, .refused = on_refused, .warning = on_warning},
        .resolv_conf = resolv_conf,
    };
    struct srt_err err;
    int tcp;

    (void)state;
    (void)snprintf(resolv_conf, sizeof(resolv_conf), "/proc/self/fd/%d",
                   w.resolv_fd);
    w.ntold = w.nwarnings = w.nasked = 0;
    assert_int_equal(proxy_loop_new(&w.loop, &err), SRT_OK);
    assert_int_equal(proxy_new(w.loop, &o, &w.proxy, &err), SRT_OK);
    assert_int_equal(
        proxy_serve_dns_udp(w.proxy, make_socket(AF_INET, SOCK_DGRAM, &w.udp4),
                            &err),
        SRT_OK);
    assert_int_equal(
        proxy_serve_dns_udp(w.proxy, make_socket(AF_INET6, SOCK_DGRAM, &w.udp6),
                            &err),
        SRT_OK);
    tcp = make_socket(AF_INET, SOCK_STREAM, &w.tcp);
    assert_int_equal(listen(tcp, 8), 0);
    assert_int_equal(proxy_serve_dns_tcp(w.proxy, tcp, &err), SRT_OK);
    w.server = (struct proxy_watch){.fn = on_question, .fd = -1};
    assert_int_equal(
        proxy_loop_add(w.loop, &w.server, w.server_fd, PROXY_LOOP_READ, &err),
        SRT_OK);
    w.client = connect_to("127.0.0.9", SOCK_DGRAM, w.udp4);
    return 0;
}

static inline int stop(void **state)
{
    char unread[512];

    (void)state;
    proxy_free(w.proxy);
    proxy_loop_remove(&w.server);
    proxy_loop_free(w.loop);
    (void)close(w.client);
    while (recv(w.server_fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
        ;
    return 0;
}

/* ---- asking ---- */

static inline size_t make_query(uint8_t *m, unsigned id, const char *name,
                                uint16_t type, uint16_t edns)
{
    size_t at = 12;

    memset(m, 0, at);
    put16(m, id);
    m[2] = 1;
    m[5] = 1;
    while (*name != '\0') {
        size_t n = strcspn(name, ".");

        m[at++] = (uint8_t)n;
        memcpy(m + at, name, n);
        at += n;
        name += n + (name[n] == '.');
    }
    m[at++] = 0;
    at += put16(m + at, type);
    at += put16(m + at, 1);
    if (edns == 0)
        return at;
    m[11] = 1;
    memset(m + at, 0, 11);
    put16(m + at + 1, PROXY_DNSMSG_OPT);
    put16(m + at + 3, edns);
    return at + 11;
}

static inline void step(int ms)
{
    struct srt_err err;

    assert_int_equal(proxy_loop_step(w.loop, ms, &err), SRT_OK);
}

static inline bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* Run the loop until there is something; what it is. */
static inline size_t receive(int fd, uint8_t *m, size_t max)
{
    const uint64_t until = srt_clock_ms() + TRIES_MS;
    ssize_t n;

    while (!is_readable(fd)) {
        step(20);
        assert_true(srt_clock_ms() < until);
    }
    n = recv(fd, m, max, 0);
    assert_true(n >= 0);
    return (size_t)n;
}

/* Run the loop while it has something to do. */
static inline void settle(void)
{
    for (int i = 0; i < 20; i++)
        step(2);
}

static inline void send_query(int fd, unsigned id, const char *name,
                              uint16_t type)
{
    uint8_t m[512];
    size_t n = make_query(m, id, name, type, 0);

    assert_int_equal(send(fd, m, n, 0), n);
}

/* ---- beginning and end of all of them ---- */

static inline bool enter_network(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    union srt_sockaddr a = {.v4 = {.sin_family = AF_INET,
                                   .sin_port = htons(53),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}}};

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    w.server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return w.server_fd >= 0 && ioctl(w.server_fd, SIOCSIFFLAGS, &lo) == 0 &&
           bind(w.server_fd, &a.sa, sizeof(a.v4)) == 0;
}

static inline int load(void **state)
{
    struct policy_host host;
    struct srt_buf diags = {0};

    (void)state;
    fake_init(&w.fake, &host);
    policy_settings_init(&w.settings);
    if (policy_settings_parse("dns", settings_text, strlen(settings_text),
                              &w.settings, &diags) != SRT_OK ||
        policy_compile(&w.settings, &host, NULL, &w.policy, &diags) != SRT_OK)
        fail_msg("%s", srt_buf_str(&diags));
    w.resolv_fd = memfd_create("resolv.conf", MFD_CLOEXEC);
    assert_true(w.resolv_fd >= 0);
    assert_true(dprintf(w.resolv_fd,
                        "nameserver 127.0.0.1\n"
                        "search other.example corp.example\n") > 0);
    return 0;
}

static inline int unload(void **state)
{
    (void)state;
    policy_release(&w.policy);
    policy_settings_release(&w.settings);
    (void)close(w.resolv_fd);
    (void)close(w.server_fd);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
/* Where there are no user namespaces: skipped. */
#define RUN_IN_WORLD(tests)                                                    \
 (enter_network() ? cmocka_run_group_tests(tests, load, unload) : 77)

#endif
