/* The DNS codec: what is taken for a query, and every byte of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "proxy/dnsmsg.h"

/* Four-character names, so that tables can be read. */
#define ID       "\x12\x34"
#define ASK      "\x01\x00" /* RD */
#define COUNT(n) "\0" n
#define HEAD(flags, qd, an, ns, ar)                                            \
 ID flags COUNT(qd) COUNT(an) COUNT(ns) COUNT(ar)
#define USUAL    HEAD(ASK, "\1", "\0", "\0", "\0")
#define EDNS     HEAD(ASK, "\1", "\0", "\0", "\1")
#define NAME     "\1a\4test\0"
#define IN_A     "\0\1\0\1"
#define TWICE(x) x x
#define L63                                                                    \
 "\x3f"                                                                        \
 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61                                                                    \
 "\x3d"                                                                        \
 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L62                                                                    \
 "\x3e"                                                                        \
 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L64                                                                    \
 "\x40"                                                                        \
 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OPT(size) "\0\0\x29" size "\0\0\0\0\0\0"
#define COOKIE    "\0\0\x29\x10\0\0\0\0\0\0\x04\0\x0a\0\0"

#define BYTES(s) s, sizeof(s) - 1

static const struct {
    const char *bytes;
    size_t len;
    enum proxy_dnsmsg_parsed want;
    enum proxy_dnsmsg_rcode rcode;
    const char *name; /* of one that is OK */
    uint16_t type, udp_size;
    const char *why;
} parses[] = {

#define GOOD(b, name, type, size, why)                                         \
 {                                                                             \
  BYTES(b), PROXY_DNSMSG_OK, 0, name, type, size, why                          \
 }
#define BAD(b, rcode, why)                                                     \
 {                                                                             \
  BYTES(b), PROXY_DNSMSG_ERROR, PROXY_DNSMSG_##rcode, NULL, 0, 0, why          \
 }
#define NONE(b, why)                                                           \
 {                                                                             \
  BYTES(b), PROXY_DNSMSG_SILENT, 0, NULL, 0, 0, why                            \
 }
    GOOD(USUAL NAME IN_A, "a.test", 1, 512, "the usual"),
    GOOD(USUAL "\1A\4TesT\0\0\x1c\0\1", "A.TesT", 28, 512, "as it was asked"),
    GOOD(USUAL "\0" IN_A, "", 1, 512, "the root"),
    GOOD(USUAL L63 L63 L63 L61 "\0" IN_A, NULL, 1, 512, "the longest name"),
    GOOD(EDNS NAME IN_A OPT("\x04\xd0"), "a.test", 1, 1232, "EDNS"),
    GOOD(EDNS NAME IN_A OPT("\xff\xff"), "a.test", 1, 1232, "too much"),
    GOOD(EDNS NAME IN_A OPT("\0\x01"), "a.test", 1, 512, "too little"),
    GOOD(EDNS NAME IN_A OPT("\x02\x58"), "a.test", 1, 600, "in between"),
    GOOD(EDNS NAME IN_A COOKIE, "a.test", 1, 1232, "an option"),
    GOOD(EDNS NAME IN_A "\1x\0" IN_A "\0\0\0\0\0\4\1\2\3\4", "a.test", 1, 512,
         "an additional record that is none of ours"),
    GOOD(EDNS NAME IN_A "\xc0\x0c" IN_A "\0\0\0\0\0\0", "a.test", 1, 512,
         "one with a compressed name"),
    NONE("", "nothing"),
    NONE(ID ASK "\0\1\0\0\0\0\0", "eleven bytes"),
    NONE(HEAD("\x81\x80", "\1", "\0", "\0", "\0") NAME IN_A, "a response"),
    BAD(HEAD("\x29\x00", "\1", "\0", "\0", "\0") NAME IN_A, NOTIMP, "UPDATE"),
    BAD(HEAD("\x11\x00", "\1", "\0", "\0", "\0") NAME IN_A, NOTIMP, "STATUS"),
    BAD(HEAD(ASK, "\0", "\0", "\0", "\0"), FORMERR, "no question"),
    BAD(HEAD(ASK, "\2", "\0", "\0", "\0") TWICE(NAME IN_A), FORMERR, "two"),
    BAD(HEAD(ASK, "\1", "\1", "\0", "\0") NAME IN_A NAME IN_A "\0\0\0\0\0\0",
        FORMERR, "an answer in a query"),
    BAD(HEAD(ASK, "\1", "\0", "\1", "\0") NAME IN_A NAME IN_A "\0\0\0\0\0\0",
        FORMERR, "an authority in a query"),
    BAD(USUAL NAME IN_A "x", FORMERR, "a byte behind it"),
    BAD(USUAL "\xc0\x0c" IN_A, FORMERR, "a pointer to itself"),
    BAD(USUAL "\1a\xc0\x0c" IN_A, FORMERR, "a pointer within the name"),
    BAD(USUAL L64 "\0" IN_A, FORMERR, "a label of 64"),
    BAD(USUAL "\x80"
              "a\0" IN_A,
        FORMERR, "a reserved kind of label"),
    BAD(USUAL L63 L63 L63 L62 "\0" IN_A, FORMERR, "256 bytes of name"),
    BAD(USUAL L63 L63 L63 L63 "\0" IN_A, FORMERR, "257 bytes of name"),
    BAD(USUAL "\x05"
              "ab",
        FORMERR, "a label that is cut off"),
    BAD(USUAL "\1a\4test", FORMERR, "no end of the name"),
    BAD(USUAL NAME "\0\1\0", FORMERR, "half a class"),
    BAD(EDNS NAME IN_A, FORMERR, "an additional record that is missing"),
    BAD(EDNS NAME IN_A "\1x\0\0\x29\x04\xd0\0\0\0\0\0\0", FORMERR,
        "an OPT record with a name"),
    BAD(EDNS NAME IN_A "\0\0\x29\x04\xd0\0\0\0\0\0\5x", FORMERR,
        "an OPT record that is cut off"),
    BAD(HEAD(ASK, "\1", "\0", "\0", "\2") NAME IN_A TWICE(OPT("\x04\xd0")),
        FORMERR, "two OPT records"),
    BAD(USUAL NAME "\0\x10\0\3", REFUSED, "class CHAOS"),
    BAD(USUAL NAME "\0\1\0\xff", REFUSED, "class ANY"),
};

/* From a block of exactly that size, so that ASan sees a byte too many. */
static enum proxy_dnsmsg_parsed parse(const char *bytes, size_t len,
                                      struct proxy_dnsmsg_query *ret,
                                      enum proxy_dnsmsg_rcode *ret_rcode)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    enum proxy_dnsmsg_parsed got;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    got = proxy_dnsmsg_parse(copy, len, ret, ret_rcode);
    free(copy);
    return got;
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(parses); i++) {
        struct proxy_dnsmsg_query q;
        enum proxy_dnsmsg_rcode rcode = PROXY_DNSMSG_NOERROR;

        if (parse(parses[i].bytes, parses[i].len, &q, &rcode) != parses[i].want)
            fail_msg("%s: parsed otherwise", parses[i].why);
        if (parses[i].want != PROXY_DNSMSG_SILENT && q.id != 0x1234)
            fail_msg("%s: id %x", parses[i].why, (unsigned)q.id);
        if (parses[i].want == PROXY_DNSMSG_ERROR &&
            (rcode != parses[i].rcode || q.edns || q.udp_size != 512))
            fail_msg("%s: rcode %d", parses[i].why, (int)rcode);
        if (parses[i].want != PROXY_DNSMSG_OK)
            continue;
        if (q.type != parses[i].type || q.udp_size != parses[i].udp_size ||
            q.odd_name ||
            (parses[i].name != NULL && strcmp(q.name, parses[i].name) != 0))
            fail_msg("%s: type %u, size %u, name '%s'", parses[i].why,
                     (unsigned)q.type, (unsigned)q.udp_size, q.name);
    }
}

static void test_every_prefix_is_refused(void **state)
{
    static const char whole[] = EDNS NAME IN_A COOKIE;

    (void)state;
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        struct proxy_dnsmsg_query q;
        enum proxy_dnsmsg_rcode rcode;
        enum proxy_dnsmsg_parsed want = len < 12 ? PROXY_DNSMSG_SILENT
                                                 : PROXY_DNSMSG_ERROR;

        if (parse(whole, len, &q, &rcode) != want)
            fail_msg("a prefix of %zu bytes", len);
    }
}

static void test_longest_name(void **state)
{
    struct proxy_dnsmsg_query q;
    enum proxy_dnsmsg_rcode rcode;

    (void)state;
    assert_int_equal(parse(BYTES(USUAL L63 L63 L63 L61 "\0" IN_A), &q, &rcode),
                     PROXY_DNSMSG_OK);
    assert_int_equal(strlen(q.name), 253);
    assert_int_equal(q.question_len, 255 + 4);
}

/* Two names must not look the same as text. */
static void test_odd_labels(void **state)
{
    struct proxy_dnsmsg_query q;
    enum proxy_dnsmsg_rcode rcode;

    (void)state;
    assert_int_equal(parse(BYTES(USUAL "\6a.test\0" IN_A), &q, &rcode),
                     PROXY_DNSMSG_OK);
    assert_true(q.odd_name);
    assert_int_equal(parse(BYTES(USUAL "\2a\0\4test\0" IN_A), &q, &rcode),
                     PROXY_DNSMSG_OK);
    assert_true(q.odd_name);
    assert_string_equal(q.name, "a?.test");
}

/* ---- answers ---- */

static uint8_t out[PROXY_DNSMSG_MAX];

static struct proxy_dnsmsg_query asked(const char *bytes, size_t len)
{
    struct proxy_dnsmsg_query q;
    enum proxy_dnsmsg_rcode rcode;

    assert_int_equal(parse(bytes, len, &q, &rcode), PROXY_DNSMSG_OK);
    return q;
}

static void expect(size_t len, const char *want, size_t want_len)
{
    assert_int_equal(len, want_len);
    assert_memory_equal(out, want, want_len);
}

static void test_addresses(void **state)
{
    struct proxy_dnsmsg_query q = asked(BYTES(USUAL "\1A\4TesT\0" IN_A));
    struct proxy_dnsmsg_answer a;

    (void)state;
    proxy_dnsmsg_begin(&a, &q, PROXY_DNSMSG_NOERROR, out, q.udp_size);
    proxy_dnsmsg_add(&a, PROXY_DNSMSG_A, 60, (const uint8_t *)"\xcb\0\x71\1",
                     4);
    proxy_dnsmsg_add(&a, PROXY_DNSMSG_A, 60, (const uint8_t *)"\xcb\0\x71\2",
                     4);
    expect(proxy_dnsmsg_end(&a, &q, 0, ""),
           BYTES(HEAD("\x81\x80", "\1", "\2", "\0",
                      "\0") "\1A\4TesT\0" IN_A "\xc0\x0c" IN_A
                            "\0\0\0\x3c\0\4\xcb\0\x71\1"
                            "\xc0\x0c" IN_A "\0\0\0\x3c\0\4\xcb\0\x71\2"));
}

static void test_refusal_with_edns(void **state)
{
    struct proxy_dnsmsg_query q = asked(BYTES(EDNS NAME IN_A COOKIE));
    struct proxy_dnsmsg_answer a;

    (void)state;
    proxy_dnsmsg_begin(&a, &q, PROXY_DNSMSG_NXDOMAIN, out, q.udp_size);
    expect(proxy_dnsmsg_end(&a, &q, PROXY_DNSMSG_EDE_FILTERED, "no"),
           BYTES(HEAD("\x81\x83", "\1", "\0", "\0", "\1") NAME IN_A
                 "\0\0\x29\x04\xd0\0\0\0\0\0\x08"
                 "\0\x0f\0\4\0\x11no"));
}

static void test_refusal_without_edns(void **state)
{
    struct proxy_dnsmsg_query q = asked(BYTES(USUAL NAME IN_A));
    struct proxy_dnsmsg_answer a;

    (void)state;
    proxy_dnsmsg_begin(&a, &q, PROXY_DNSMSG_NXDOMAIN, out, q.udp_size);
    expect(proxy_dnsmsg_end(&a, &q, PROXY_DNSMSG_EDE_FILTERED, "no"),
           BYTES(HEAD("\x81\x83", "\1", "\0", "\0", "\0") NAME IN_A));
}

/* An error repeats the question when there was one. */
static void test_errors(void **state)
{
    struct proxy_dnsmsg_query q;
    struct proxy_dnsmsg_answer a;
    enum proxy_dnsmsg_rcode rcode;

    (void)state;
    assert_int_equal(parse(BYTES(USUAL NAME IN_A "x"), &q, &rcode),
                     PROXY_DNSMSG_ERROR);
    proxy_dnsmsg_begin(&a, &q, rcode, out, q.udp_size);
    expect(proxy_dnsmsg_end(&a, &q, 0, ""),
           BYTES(HEAD("\x81\x81", "\1", "\0", "\0", "\0") NAME IN_A));
    assert_int_equal(
        parse(BYTES(HEAD(ASK, "\0", "\0", "\0", "\0")), &q, &rcode),
        PROXY_DNSMSG_ERROR);
    proxy_dnsmsg_begin(&a, &q, rcode, out, q.udp_size);
    expect(proxy_dnsmsg_end(&a, &q, 0, ""),
           BYTES(HEAD("\x81\x81", "\0", "\0", "\0", "\0")));
}

/* What fits to the last byte is whole; one more record, and none is. */
static void test_truncation(void **state)
{
    struct proxy_dnsmsg_query q = asked(BYTES(EDNS NAME IN_A OPT("\x02\0")));
    const size_t question = 12 + q.question_len;
    const size_t fit = (512 - question - 11) / 16;

    (void)state;
    for (size_t n = fit; n <= fit + 1; n++) {
        struct proxy_dnsmsg_answer a;
        size_t len;

        proxy_dnsmsg_begin(&a, &q, PROXY_DNSMSG_NOERROR, out, q.udp_size);
        for (size_t i = 0; i < n; i++)
            proxy_dnsmsg_add(&a, PROXY_DNSMSG_A, 1, (const uint8_t *)"abcd", 4);
        len = proxy_dnsmsg_end(&a, &q, 0, "");
        assert_true(len <= 512);
        assert_int_equal(out[2] & 0x02, n > fit ? 0x02 : 0);
        assert_int_equal(out[7], n > fit ? 0 : n);
        assert_int_equal(len, question + 11 + (n > fit ? 0 : 16 * n));
    }
}

static void test_ptr(void **state)
{
    struct proxy_dnsmsg_query q = asked(BYTES(USUAL NAME "\0\x0c\0\1"));
    struct proxy_dnsmsg_answer a;

    (void)state;
    proxy_dnsmsg_begin(&a, &q, PROXY_DNSMSG_NOERROR, out, q.udp_size);
    proxy_dnsmsg_add_ptr(&a, 5, "b.c.test");
    expect(proxy_dnsmsg_end(&a, &q, 0, ""),
           BYTES(HEAD("\x81\x80", "\1", "\1", "\0", "\0") NAME
                 "\0\x0c\0\1"
                 "\xc0\x0c\0\x0c\0\1\0\0\0\5\0\x0a\1b\1c\4test\0"));
}

/* ---- what name servers answer ---- */

#define REPLY(an)          HEAD("\x81\x80", "\1", an, "\0", "\0")
#define MX                 "\0\x0f\0\1"
#define RR(type, data_len) type "\0\1\0\1\0\0\0" data_len /* TTL 65536 */

static const struct {
    const char *question; /* type and class */
    const char *reply;
    size_t reply_len;
    const char *want; /* the answer section; NULL: malformed */
    size_t want_len;
    unsigned count;
    const char *why;
} copies[] = {

#define TAKEN(question, reply, want, count, why)                               \
 {                                                                             \
  question, BYTES(reply), BYTES(want), count, why                              \
 }
#define BROKEN(question, reply, why)                                           \
 {                                                                             \
  question, BYTES(reply), NULL, 0, 0, why                                      \
 }
    TAKEN(MX,
          REPLY("\1") NAME MX "\xc0\x0c" RR("\0\x0f", "\6") "\0\x0a\1m\xc0\x0e",
          NAME "\0\x0f\0\1\0\0\0\x3c\0\x0a\0\x0a\1m\4test\0", 1,
          "names are expanded, the TTL is cut"),
    TAKEN("\0\x10\0\1",
          REPLY("\3") NAME
          "\0\x10\0\1"
          "\xc0\x0c" RR("\0\5", "\4") "\1b\xc0\x0e"
                                      "\1b\xc0\x0e" RR(
                                          "\0\x10", "\3") "\2hi"
                                                          "\1b\xc0\x0e" RR(
                                                              "\0\1",
                                                              "\4") "\1\2\3\4",
          NAME "\0\5\0\1\0\0\0\x3c\0\x08\1b\4test\0"
               "\1b\4test\0\0\x10\0\1\0\0\0\x3c\0\3\2hi",
          2, "an alias is passed on, an address is not"),
    TAKEN("\0\6\0\1",
          REPLY("\1") NAME "\0\6\0\1"
                           "\xc0\x0c" RR("\0\6", "\x18") "\xc0\x0e\xc0\x0c"
                                                         "abcdefghijklmnopqrst",
          NAME "\0\6\0\1\0\0\0\x3c\0\x22"
               "\4test\0" NAME "abcdefghijklmnopqrst",
          1, "SOA"),
    TAKEN(MX, REPLY("\1") NAME MX "\xc0\x0c\0\x0f\0\3\0\0\0\0\0\3\0\1\0", "", 0,
          "another class is dropped"),
    TAKEN(MX, REPLY("\0") NAME MX, "", 0, "none"),
    BROKEN(MX, REPLY("\1") NAME MX "\xc0\x0c" RR("\0\x0f", "\4") "\0\1\xc0\x29",
           "a pointer to itself"),
    BROKEN(MX, REPLY("\1") NAME MX "\xc0\x0c" RR("\0\x0f", "\4") "\0\1\xc0\xff",
           "a pointer beyond"),
    BROKEN(MX,
           REPLY("\1") NAME MX "\xc0\x0c" RR("\0\x0f", "\5") "\0\1\xc0\x0cx",
           "a byte behind the name"),
    BROKEN(MX, REPLY("\1") NAME MX "\xc0\x0c" RR("\0\x0f", "\1") "\0",
           "half a preference"),
    BROKEN(MX, REPLY("\1") NAME MX "\xc0\x0c" RR("\0\x0f", "\6") "\0\1\1b",
           "data that is cut off"),
    BROKEN(MX, REPLY("\1") NAME MX, "a record that is missing"),
    BROKEN(MX, ID "\x81\x80\0\1\0\1\0\0\0", "half a header"),
    BROKEN(MX, REPLY("\1") "\1a\4tes", "half a question"),
};

static struct proxy_dnsmsg_query ask_type(const char *type_class)
{
    char bytes[64];
    size_t n = sizeof(USUAL NAME) - 1;

    memcpy(bytes, USUAL NAME, n);
    memcpy(bytes + n, type_class, 4);
    return asked(bytes, n + 4);
}

static void test_copy(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(copies); i++) {
        struct proxy_dnsmsg_query q = ask_type(copies[i].question);
        struct proxy_dnsmsg_answer a;
        uint8_t *reply = malloc(copies[i].reply_len);
        size_t at = 12 + q.question_len;
        bool ok;

        assert_non_null(reply);
        memcpy(reply, copies[i].reply, copies[i].reply_len);
        proxy_dnsmsg_begin(&a, &q, PROXY_DNSMSG_NOERROR, out, q.udp_size);
        ok = proxy_dnsmsg_copy(&a, &q, reply, copies[i].reply_len, 60);
        free(reply);
        if (ok != (copies[i].want != NULL))
            fail_msg("%s: %s", copies[i].why, ok ? "taken" : "malformed");
        if (!ok)
            continue;
        if (proxy_dnsmsg_end(&a, &q, 0, "") != at + copies[i].want_len ||
            memcmp(out + at, copies[i].want, copies[i].want_len) != 0 ||
            out[7] != copies[i].count)
            fail_msg("%s: another answer", copies[i].why);
    }
}

/* ---- reverse names ---- */

#define TEN "0.0.0.0.0.0.0.0.0.0."

static const struct {
    const char *host, *want; /* NULL: no address */
} reverses[] = {
    {"4.3.2.1.in-addr.arpa", "1.2.3.4"},
    {"200.100.113.203.in-addr.arpa", "203.113.100.200"},
    {"255.255.255.255.in-addr.arpa", "255.255.255.255"},
    {"1." TEN TEN "0.0.8.b.d.0.1.0.0.2.ip6.arpa", NULL},
    {"1." TEN TEN "0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::1"},
    {"10" TEN TEN "0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", NULL},
    {"g." TEN TEN "0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", NULL},
    {"3.2.1.in-addr.arpa", NULL},
    {"5.4.3.2.1.in-addr.arpa", NULL},
    {"256.3.2.1.in-addr.arpa", NULL},
    {"04.3.2.1.in-addr.arpa", NULL},
    {"0x4.3.2.1.in-addr.arpa", NULL},
    {"0/25.2.0.192.in-addr.arpa", NULL},
    {"in-addr.arpa", NULL},
    {".in-addr.arpa", NULL},
    {"a.test", NULL},
    {"", NULL},
};

static void test_reverse(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(reverses); i++) {
        struct policy_addr a;
        char text[POLICY_ADDR_TEXT_MAX];
        bool ok = proxy_dnsmsg_reverse(reverses[i].host, &a);

        if (ok != (reverses[i].want != NULL))
            fail_msg("%s: %d", reverses[i].host, ok);
        if (ok && strcmp(policy_addr_text(a, text), reverses[i].want) != 0)
            fail_msg("%s: %s", reverses[i].host, text);
    }
    assert_true(proxy_dnsmsg_is_reverse("1.in-addr.arpa"));
    assert_true(proxy_dnsmsg_is_reverse("1.ip6.arpa"));
    assert_false(proxy_dnsmsg_is_reverse("in-addr.arpa.test"));
    assert_false(proxy_dnsmsg_is_reverse("xin-addr.arpa"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_odd_labels),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_refusal_with_edns),
        cmocka_unit_test(test_refusal_without_edns),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_ptr),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_reverse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
