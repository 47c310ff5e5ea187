/* This host's own names, and only these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/macros.h"
#include "proxy/self.h"

static void test_names(void **state)
{
    static const char hosts[] =
        "127.0.0.1 localhost\n"
        "127.0.1.1\tBox.corp.example box box-alias # other\n"
        "127.0.0.1 ads.example\n"
        "192.0.2.1 db.internal\n"
        "# 192.0.2.2 box commented\n"
        "::1 localhost box six\n";

    static const struct {
        const char *name;
        bool own;
    } rows[] = {
        {"box", true},          {"box.corp.example", true},
        {"box-alias", true},    {"six", true},
        {"ads.example", false}, {"db.internal", false},
        {"other", false},       {"commented", false},
        {"localhost", false},   {"127.0.1.1", false},
    };

    char path[] = "/tmp/srt-hosts-XXXXXX";
    int fd = mkstemp(path);
    struct proxy_self s;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, hosts, sizeof(hosts) - 1), sizeof(hosts) - 1);
    (void)close(fd);
    proxy_self_read(&s, "box", path);
    (void)unlink(path);
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (proxy_self_has(&s, rows[i].name) != rows[i].own)
            fail_msg("%s", rows[i].name);
    proxy_self_read(&s, "box.corp.example", "/dev/null");
    assert_true(proxy_self_has(&s, "box"));
    proxy_self_read(&s, "", "/dev/null");
    assert_int_equal(s.n, 0);
    proxy_self_read(&s, "10.0.0.1", "/dev/null"); /* some are called so */
    assert_false(proxy_self_has(&s, "10.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
