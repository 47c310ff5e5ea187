#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/num.h"
#include "base/path.h"
#include "base/utf8.h"

static const struct {
    const char *path, *want; /* want NULL: refused */
    const char *why;
} cleans[] = {
    {"/a/b", "/a/b", "nothing to do"},
    {"/", "/", "the root keeps its slash"},
    {"//a///b//", "/a/b", "slashes fold"},
    {"/a/./b/.", "/a/b", "a dot is the directory itself"},
    {"/a/../b", "/b", "dot-dot goes up"},
    {"/../..", "/", "above the root is the root"},
    {"/a/b/../../..", "/", "no underflow"},
    {"/..a/...", "/..a/...", "names that begin with dots are names"},
    {"a/b", NULL, "relative"},
    {"", NULL, "empty"},
};

static void test_path_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(cleans); i++) {
        char out[64] = "unset";
        bool ok = srt_path_clean(cleans[i].path, out, sizeof(out));

        if (ok != (cleans[i].want != NULL) ||
            (ok && strcmp(out, cleans[i].want) != 0))
            fail_msg("'%s' gave '%s': %s", cleans[i].path, out, cleans[i].why);
    }
}

static void test_path_clean_bound(void **state)
{
    char out[5];

    (void)state;
    assert_true(srt_path_clean("/abc", out, sizeof(out)));
    assert_string_equal(out, "/abc");
    assert_false(srt_path_clean("/abcd", out, sizeof(out)));
}

static const struct {
    const char *path, *root;
    bool want;
} unders[] = {
    {"/a/b", "/a", true},  {"/a", "/a", true},       {"/ab", "/a", false},
    {"/a", "/a/b", false}, {"/x/y", "/", true},      {"/", "/", true},
    {"/b/a", "/a", false}, {"/a/bc", "/a/b", false},
};

static void test_path_under(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(unders); i++)
        if (srt_path_under(unders[i].path, unders[i].root) != unders[i].want)
            fail_msg("'%s' under '%s'", unders[i].path, unders[i].root);
}

static void test_path_parts(void **state)
{
    char parent[32];

    (void)state;
    assert_string_equal(srt_path_split("/a/b", parent, sizeof(parent)), "b");
    assert_string_equal(parent, "/a");
    assert_string_equal(srt_path_split("/a", parent, sizeof(parent)), "a");
    assert_string_equal(parent, "/");
    assert_null(srt_path_split("/abc/d", parent, 4));
    assert_int_equal(srt_path_depth("/"), 0);
    assert_int_equal(srt_path_depth("/a/b"), 2);
    assert_true(srt_path_join("/a", "../b", parent, sizeof(parent)));
    assert_string_equal(parent, "/b");
    assert_true(srt_path_join("/a", "/c", parent, sizeof(parent)));
    assert_string_equal(parent, "/c");
}

static void test_numbers(void **state)
{
    uint64_t v = 7;

    (void)state;
    assert_true(srt_num_u64("18446744073709551615", UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_false(srt_num_u64("18446744073709551616", UINT64_MAX, &v));
    assert_false(srt_num_u64("", 9, &v));
    assert_false(srt_num_u64("-1", 9, &v));
    assert_false(srt_num_u64("+1", 9, &v));
    assert_false(srt_num_u64(" 1", 9, &v));
    assert_false(srt_num_u64("1x", 99, &v));
    assert_false(srt_num_u64("10", 9, &v));
}

static const struct {
    const char *bytes;
    size_t len, valid;
    const char *why;
} utf8s[] = {
    {"abc", 3, 3, "ASCII"},
    {"\xc3\xa9", 2, 2, "two bytes"},
    {"\xc3", 1, 0, "cut off"},
    {"a\xff", 2, 1, "never a lead byte"},
    {"\xc0\xaf", 2, 0, "overlong slash"},
    {"\xe0\x80\xaf", 3, 0, "overlong, three bytes"},
    {"\xed\xa0\x80", 3, 0, "a surrogate"},
    {"\xf4\x8f\xbf\xbf", 4, 4, "U+10FFFF"},
    {"\xf4\x90\x80\x80", 4, 0, "above U+10FFFF"},
    {"a\0b", 3, 3, "NUL is a code point"},
};

static void test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(utf8s); i++)
        if (srt_utf8_valid_prefix(utf8s[i].bytes, utf8s[i].len) !=
            utf8s[i].valid)
            fail_msg("row %zu: %s", i, utf8s[i].why);
}

static void test_buffer_bound(void **state)
{
    struct srt_buf b = {.max = 4};

    (void)state;
    srt_buf_add_str(&b, "abcd");
    assert_false(b.overflow);
    srt_buf_add_char(&b, 'e');
    assert_true(b.overflow);
    assert_string_equal(srt_buf_str(&b), "abcd");
    srt_buf_clear(&b);
    srt_buf_addf(&b, "%d", 123);
    assert_false(b.overflow);
    srt_buf_consume(&b, 1);
    assert_string_equal(srt_buf_str(&b), "23");
    srt_buf_release(&b);
    assert_string_equal(srt_buf_str(&b), "");
}

static void test_errors(void **state)
{
    struct srt_err err;

    (void)state;
    assert_int_equal(srt_err_sys(&err, ENOENT, "open '%s'", "a\nb"), SRT_E_SYS);
    assert_string_equal(err.msg, "open 'a?b': No such file or directory");
    assert_int_equal(err.sys_errno, ENOENT);
}

static void test_quote(void **state)
{
    char out[SRT_LOG_QUOTED_MAX];
    char small[6];

    (void)state;
    assert_string_equal(srt_log_quote("a\x1b[0m\xff", out, sizeof(out)),
                        "a\\x1b[0m\\xff");
    assert_string_equal(srt_log_quote("abcdef", small, sizeof(small)), "ab");
}

/* A descriptor arrives, close-on-exec; a message too long brings none. */
static void test_passing(void **state)
{
    int s[2];
    int p[2];
    int fds[SRT_FD_PASS_MAX];
    size_t n;
    char byte[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
    assert_int_equal(pipe(p), 0);
    assert_int_equal(srt_fd_send(s[0], "x", 1, &p[1], 1, 0), 0);
    assert_int_equal(srt_fd_recv(s[1], byte, 1, fds, &n, 0), 1);
    assert_int_equal(n, 1);
    assert_int_equal(write(fds[0], "y", 1), 1);
    assert_int_equal(read(p[0], byte, 1), 1);
    srt_fd_close(&fds[0]);
    assert_int_equal(srt_fd_send(s[0], "long", 4, &p[1], 1, 0), 0);
    assert_int_equal(srt_fd_recv(s[1], byte, 2, fds, &n, 0), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(n, 0);
    assert_int_equal(srt_fd_recv(s[1], byte, 1, fds, &n, MSG_DONTWAIT), -1);
    srt_fd_close(&p[0]);
    srt_fd_close(&p[1]);
    srt_fd_close(&s[0]);
    srt_fd_close(&s[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_clean),
        cmocka_unit_test(test_path_clean_bound),
        cmocka_unit_test(test_path_under),
        cmocka_unit_test(test_path_parts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_buffer_bound),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_passing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
