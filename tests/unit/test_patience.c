/* A line after two seconds, and none before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "launcher/patience.h"

static int out[2];

static size_t said(char *text, size_t size)
{
    ssize_t n;

    srt_log(SRT_LOG_ERROR, "end");
    n = read(out[0], text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    return strlen(text);
}

static void test_in_time(void **state)
{
    struct launcher_patience p;
    char text[200];

    (void)state;
    launcher_patience_begin(&p, true, "busy");
    launcher_patience_end(&p);
    launcher_patience_begin(&p, false, "busy");
    launcher_patience_end(&p);
    (void)said(text, sizeof(text));
    assert_string_equal(text, "srt: end\n");
}

static void test_late(void **state)
{
    struct launcher_patience p;
    char text[200];

    (void)state;
    launcher_patience_begin(&p, true, "busy");
    (void)usleep(2300000);
    launcher_patience_end(&p);
    (void)said(text, sizeof(text));
    assert_string_equal(text, "srt: busy ...\nsrt: end\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_late),
    };

    if (pipe(out) != 0)
        return 1;
    srt_log_init(out[1], SRT_LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
