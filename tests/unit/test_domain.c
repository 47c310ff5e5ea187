#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "policy/domain.h"
#include "policy/image.h"

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define N253                                                                   \
 L63 "." L63 "." L63 "."                                                       \
     "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg"

static const struct {
    const char *pattern;
    const char *word; /* NULL: valid; else it stands in the reason */
} patterns[] = {
    {"a.example", NULL},
    {"A.Example.", NULL},
    {"*.a.example", NULL},
    {"*", NULL},
    {"*:443", NULL},
    {"*.a.example:80-90", NULL},
    {"localhost", NULL},
    {"*.localhost", NULL},
    {"db:5432", NULL},
    {"_dmarc.a.example", NULL},
    {"xn--mnchen-3ya.de", NULL},
    {"192.0.2.1", NULL},
    {"192.0.2.1:80", NULL},
    {"0x7f.1", NULL},
    {"[2001:db8::1]", NULL},
    {"[::1]:8080", NULL},
    {L63 ".example", NULL},
    {N253, NULL},
    {N253 ".", NULL},
    {"", "empty host"},
    {":80", "empty host"},
    {".", "empty label"},
    {"*.", "empty label"},
    {"*.com", "public suffix"},
    {"*.com.", "public suffix"},
    {"*.com:443", "public suffix"},
    {"*.*.a.example", "wildcard"},
    {"a.*.example", "wildcard"},
    {"*a.example", "wildcard"},
    {"**", "wildcard"},
    {"*.1.2.3", "address"},
    {"https://a.example", "scheme"},
    {"a.example/x", "path"},
    {"u@a.example", "user"},
    {"a b.example", "space"},
    {"a\x01.example", "control"},
    {"a..example", "empty label"},
    {".a.example", "empty label"},
    {L63 "x.example", "63"},
    {N253 "x", "253"},
    {"::1", "brackets"},
    {"2001:db8::1", "brackets"},
    {"[fe80::1%eth0]", "zone"},
    {"[192.0.2.1]", "IPv6"},
    {"[::1", "IPv6"},
    {"[::1]x", "bracket"},
    {"a.example:0", "port"},
    {"a.example:65536", "port"},
    {"a.example:", "port"},
    {"a.example:80-70", "port"},
    {"a.example:80:443", "brackets"},
    {"10.0.0.0/8", "range"},
    {"10.0.0.1-10.0.0.9", "range"},
    {"10.0.0.*", "range"},
    {"999.1.1.1", "number"},
    {"a.example.1", "number"},
    {"m\xc3\xbcnchen.de", "A-label"},
    {"a%2e.example", "letters"},
};

static void test_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(patterns); i++) {
        const char *why = "no reason was given";
        bool ok = policy_domain_check(patterns[i].pattern, &why);

        if (ok != (patterns[i].word == NULL))
            fail_msg("'%s': %d (%s)", patterns[i].pattern, ok, why);
        if (!ok && strstr(why, patterns[i].word) == NULL)
            fail_msg("'%s': '%s', want a word on '%s'", patterns[i].pattern,
                     why, patterns[i].word);
    }
}

static const struct {
    const char *host;
    size_t len; /* 0: strlen */
    const char *want;
} hosts[] = {
    {"A.Example.", 0, "a.example"},
    {"a.example", 0, "a.example"},
    {"_x-1.example", 0, "_x-1.example"},
    {"0x7f.1", 0, "127.0.0.1"},
    {"127.0.0.1.", 0, "127.0.0.1"},
    {"2130706433", 0, "127.0.0.1"},
    {"::FFFF:127.0.0.1", 0, "127.0.0.1"},
    {"[64:ff9b::102:304]", 0, "1.2.3.4"},
    {"2002:102:304::9", 0, "1.2.3.4"},
    {"[2001:DB8:0::1]", 0, "2001:db8::1"},
    {"beef.face", 0, "beef.face"},
    {"", 0, NULL},
    {".", 0, NULL},
    {"a..b", 0, NULL},
    {"a.b..", 0, NULL},
    {"a\0b", 3, NULL},
    {"a%00.example", 0, NULL},
    {"a b", 0, NULL},
    {"a\n", 0, NULL},
    {"\xe4.example", 0, NULL},
    {"a.example:80", 0, NULL},
    {"1.2.3.4.5", 0, NULL},
    {"a.0x", 0, NULL},
    {"[::1]x", 0, NULL},
    {"[127.0.0.1]", 0, NULL},
    {"fe80::1%lo", 0, NULL},
    {N253 ".", 0, N253},
    {N253 "x", 0, NULL},
};

static void test_canonical(void **state)
{
    char out[POLICY_HOST_SIZE];
    char again[POLICY_HOST_SIZE];

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(hosts); i++) {
        const char *h = hosts[i].host;
        size_t len = hosts[i].len != 0 ? hosts[i].len : strlen(h);
        bool ok = policy_host_canonical(h, len, out, sizeof(out));

        if (ok != (hosts[i].want != NULL))
            fail_msg("'%s': %d", h, ok);
        if (!ok)
            continue;
        assert_string_equal(out, hosts[i].want);
        assert_true(
            policy_host_canonical(out, strlen(out), again, sizeof(again)));
        assert_string_equal(out, again);
    }
}

static void test_localhost(void **state)
{
    (void)state;
    assert_true(policy_host_is_localhost("localhost"));
    assert_true(policy_host_is_localhost("a.localhost"));
    assert_false(policy_host_is_localhost("alocalhost"));
    assert_false(policy_host_is_localhost("localhost.test"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_localhost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
