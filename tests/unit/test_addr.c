#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "policy/addr.h"
#include "tests/unit/nets.h"

static const struct {
    const char *text, *want; /* NULL: no address */
    const char *why;
} parses[] = {
    {"127.0.0.1", "127.0.0.1", "the usual form"},
    {"0x7f.1", "127.0.0.1", "hexadecimal, two parts"},
    {"2130706433", "127.0.0.1", "one number"},
    {"0177.0.0.1", "127.0.0.1", "octal"},
    {"0x7F000001", "127.0.0.1", "one hexadecimal number"},
    {"10.1", "10.0.0.1", "the last part fills the rest"},
    {"1.2.65535", "1.2.255.255", "sixteen bits at the end"},
    {"0", "0.0.0.0", "one zero"},
    {"4294967295", "255.255.255.255", "the largest"},
    {"4294967296", NULL, "too large"},
    {"1.2.3.256", NULL, "a part above 255"},
    {"1.16777216", NULL, "more than 24 bits at the end"},
    {"256.1", NULL, "a leading part above 255"},
    {"08.1.1.1", NULL, "no octal digit"},
    {"0x", NULL, "no digit at all"},
    {"0x.1", NULL, "no digit at all"},
    {"1.2.3.4.5", NULL, "five parts"},
    {"1.2.3.", NULL, "an empty part"},
    {".1", NULL, "an empty part"},
    {"", NULL, "nothing"},
    {"1.2.3.4 ", NULL, "a space"},
    {"::1", "::1", "short form"},
    {"::", "::", "all zero"},
    {"1::", "1::", "zeros at the end"},
    {"0:0:0:0:0:0:0:1", "::1", "long form"},
    {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "first of equal runs"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "one zero stays"},
    {"::ffff:1.2.3.4", "::ffff:1.2.3.4", "mapped keeps its dots"},
    {"::ffff:102:304", "::ffff:1.2.3.4", "mapped gets its dots"},
    {"64:ff9b::1.2.3.4", "64:ff9b::102:304", "NAT64"},
    {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304", "IPv4 tail"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", "a gap of one group"},
    {"1:2:3:4:5:6:7:8::", NULL, "a gap of no group"},
    {"1:2:3:4:5:6:7", NULL, "seven groups"},
    {"1:2:3:4:5:6:7:8:9", NULL, "nine groups"},
    {"1::2::3", NULL, "two gaps"},
    {":::", NULL, "three colons"},
    {":1::2", NULL, "a lone colon in front"},
    {"1::2:", NULL, "a lone colon behind"},
    {"12345::", NULL, "five digits"},
    {"fe80::1%eth0", NULL, "a zone"},
    {"[::1]", NULL, "brackets are the caller's"},
    {"1.2.3.4::", NULL, "IPv4 in front"},
    {"::1.2.3", NULL, "a short IPv4 tail"},
    {"::01.2.3.4", NULL, "a leading zero in an IPv4 tail"},
};

static void test_parse(void **state)
{
    char text[POLICY_ADDR_TEXT_MAX];
    struct policy_addr a;

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(parses); i++) {
        bool ok = policy_addr_parse(parses[i].text, strlen(parses[i].text), &a);

        if (ok != (parses[i].want != NULL))
            fail_msg("'%s': %d, %s", parses[i].text, ok, parses[i].why);
        if (ok && strcmp(policy_addr_text(a, text), parses[i].want) != 0)
            fail_msg("'%s' gave %s: %s", parses[i].text, text, parses[i].why);
    }
}

static const struct {
    const char *text, *meant, *class; /* class NULL: none */
} meanings[] = {
    {"::ffff:127.0.0.1", "127.0.0.1", "loopback"},
    {"64:ff9b::a9fe:a9fe", "169.254.169.254", "cloud metadata"},
    {"2002:7f00:1::", "127.0.0.1", "loopback"},
    {"2002:7f00:1::5", "127.0.0.1", "loopback"},
    {"::127.0.0.1", "127.0.0.1", "loopback"},
    {"::1", "::1", "loopback"},
    {"::", "::", "unspecified"},
    {"::2", "0.0.0.2", "unspecified"},
    {"0.0.0.0", "0.0.0.0", "unspecified"},
    {"127.255.0.1", "127.255.0.1", "loopback"},
    {"128.0.0.1", "128.0.0.1", NULL},
    {"169.254.1.1", "169.254.1.1", "link-local"},
    {"169.254.169.254", "169.254.169.254", "cloud metadata"},
    {"100.100.100.200", "100.100.100.200", "cloud metadata"},
    {"100.100.100.201", "100.100.100.201", NULL},
    {"168.63.129.16", "168.63.129.16", "cloud metadata"},
    {"192.0.0.192", "192.0.0.192", "cloud metadata"},
    {"fd00:ec2::254", "fd00:ec2::254", "cloud metadata"},
    {"fd20:ce::254", "fd20:ce::254", "cloud metadata"},
    {"fd20:ce::255", "fd20:ce::255", NULL},
    {"224.0.0.1", "224.0.0.1", "multicast"},
    {"239.255.255.255", "239.255.255.255", "multicast"},
    {"255.255.255.255", "255.255.255.255", "broadcast"},
    {"fe80::1", "fe80::1", "link-local"},
    {"febf::1", "febf::1", "link-local"},
    {"fec0::1", "fec0::1", NULL},
    {"ff02::1", "ff02::1", "multicast"},
    {"10.0.0.1", "10.0.0.1", NULL},
    {"192.168.1.1", "192.168.1.1", NULL},
    {"2001:db8::1", "2001:db8::1", NULL},
    {"::ffff:0:127.0.0.1", "127.0.0.1", "loopback"},
    {"64:ff9b:1::7f00:1", "64:ff9b:1::7f00:1", "translated"},
    {"64:ff9b:2::7f00:1", "64:ff9b:2::7f00:1", NULL},
    {"2001::1", "2001::1", "Teredo"},
    {"2001:1::1", "2001:1::1", NULL},
};

static void test_meaning(void **state)
{
    char text[POLICY_ADDR_TEXT_MAX];
    struct policy_addr a;

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(meanings); i++) {
        const char *class;

        assert_true(
            policy_addr_parse(meanings[i].text, strlen(meanings[i].text), &a));
        class = policy_addr_class(a);
        if ((class == NULL) != (meanings[i].class == NULL) ||
            (class != NULL && strcmp(class, meanings[i].class) != 0))
            fail_msg("%s is %s", meanings[i].text, class ? class : "nothing");
        assert_string_equal(policy_addr_text(policy_addr_meant(a), text),
                            meanings[i].meant);
    }
}

static const struct {
    const char *cidr, *addr;
    uint16_t port;
    int want; /* -1: the text is no CIDR */
} nets[] = {
    {"10.0.0.0/8", "10.255.0.1", 1, 1},
    {"10.0.0.0/8", "11.0.0.1", 1, 0},
    {"10.9.9.9/8", "10.0.0.1", 1, 1},
    {"0.0.0.0/0", "8.8.8.8", 1, 1},
    {"0.0.0.0/0", "2001:db8::1", 1, 0},
    {"::/0", "8.8.8.8", 1, 0},
    {"::/0", "2001:db8::1", 1, 1},
    {"192.0.2.7:443", "192.0.2.7", 443, 1},
    {"192.0.2.7:443", "192.0.2.7", 444, 0},
    {"192.0.2.7:443", "::ffff:192.0.2.7", 443, 1},
    {"::ffff:192.0.2.0/120", "192.0.2.9", 1, 1},
    {"64:ff9b::10.0.0.0/104", "10.8.8.8", 1, 1},
    {"64:ff9b::/96", "8.8.8.8", 1, 0},
    {"64:ff9b::/96", "64:ff9b::808:808", 1, 1},
    {"2002::/16", "192.0.2.1", 1, 0},
    {"2002:c000:0200::/40", "192.0.2.200", 1, 1},
    {"2002:c000:0200::/40", "192.0.3.1", 1, 0},
    {"[2001:db8::]/32:80-90", "2001:db8:1::", 85, 1},
    {"[2001:db8::]/32:80-90", "2001:db8:1::", 91, 0},
    {"[2001:db8::]/32:80-90", "2001:db8:1::", 0, 1},
    {"2001:db8::/33", "2001:db8:8000::", 1, 0},
    {"::1", "::1", 1, 1},
    {"[::1]:22", "::1", 22, 1},
    {"10/8", "10.0.0.1", 1, -1},
    {"010.0.0.1", "8.0.0.1", 1, -1},
    {"10.0.0.0/33", "10.0.0.0", 1, -1},
    {"::/129", "::", 1, -1},
    {"10.0.0.0/", "10.0.0.0", 1, -1},
    {"10.0.0.0/8:0", "10.0.0.0", 1, -1},
    {"10.0.0.0/8:5-4", "10.0.0.0", 1, -1},
    {"10.0.0.0/8x", "10.0.0.0", 1, -1},
    {"[10.0.0.1]", "10.0.0.1", 1, -1},
    {"[::1", "::1", 1, -1},
    {"", "::1", 1, -1},
    {"a.test", "::1", 1, -1},
};

static void test_nets(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(nets); i++) {
        struct policy_cidr c;
        struct policy_addr a;
        int got = -1;

        assert_true(policy_addr_parse(nets[i].addr, strlen(nets[i].addr), &a));
        if (policy_cidr_parse(nets[i].cidr, &c))
            got = nets_hold(&c, a, nets[i].port);
        if (got != nets[i].want)
            fail_msg("%s holds %s port %u: %d", nets[i].cidr, nets[i].addr,
                     nets[i].port, got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_nets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
