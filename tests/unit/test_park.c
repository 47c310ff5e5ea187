/* Which signals a parked caller has to handle, as /proc/TID/status tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/linux/supervisor/connect.h"

static const char status[] = "Name:\ta\nThreads:\t3\nSigQ:\t0/9\n"
                             "SigPnd:\t0000000000000200\n"
                             "ShdPnd:\t0000000000002000\n"
                             "SigBlk:\t0000000000004000\n"
                             "SigIgn:\tfffffffe7ffbfeff\n"
                             "SigCgt:\t0000000000000001\n";

static void test_fields(void **state)
{
    struct park_signals s;

    (void)state;
    assert_true(sup_park_parse(status, &s));
    assert_true(s.own == 0x200 && s.shared == 0x2000 && s.blocked == 0x4000);
    assert_true(s.ignored == UINT64_C(0xfffffffe7ffbfeff));
    assert_int_equal(s.threads, 3);
}

/* A name may hold anything but a line's end; nothing that lacks is made up. */
static void test_what_lacks(void **state)
{
    static const char *const fields[] = {
        "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:"};
    struct park_signals s;

    (void)state;
    assert_false(sup_park_parse("", &s));
    assert_false(sup_park_parse("Name:\tSigPnd:\t1\nThreads:\t1\n", &s));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char text[sizeof(status)];

        memcpy(text, status, sizeof(status));
        strstr(text, fields[i])[0] = 'x';
        assert_false(sup_park_parse(text, &s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_what_lacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
