#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/macros.h"
#include "policy/glob.h"

static const struct {
    const char *pattern, *path;
    size_t want;
    const char *why;
} rows[] = {
    {"*.pem", "a.pem", 1, "a star"},
    {"*.pem", "a.pem/x", 1, "what is below belongs to it"},
    {"*.pem", "x/a.pem", 0, "no other directory"},
    {"*.pem", ".pem", 1, "a star may be empty, and a dot is nothing special"},
    {"*", "a/b", 1, "a star has no slash"},
    {"*/*", "a/b/c", 2, "two components"},
    {"**/.env", ".env", 1, "no directory is any depth"},
    {"**/.env", "a/b/.env", 3, "any depth"},
    {"**/.env", "a/.env/b/.env", 4, "the deepest counts"},
    {"**/.env", "a/x.env", 0, "components are whole"},
    {"a/**/b", "a/b", 2, "in the middle, none"},
    {"a/**/b", "a/x/y/b", 4, "in the middle, some"},
    {"a/**/b", "x/a/b", 0, "anchored"},
    {"**/build", "build", 1, "a directory"},
    {"**/**/x", "x", 1, "twice is once"},
    {"a**b", "axyb", 1, "inside a component it is a star"},
    {"a**b", "ax/yb", 0, "inside a component it has no slash"},
    {"?", "a", 1, "one byte"},
    {"?", "ab", 0, "one byte only"},
    {"[abc]x", "bx", 1, "a set"},
    {"[a-c]x", "bx", 1, "a range"},
    {"[a-c]x", "dx", 0, "outside the range"},
    {"[!a-c]x", "dx", 1, "negated"},
    {"[^a-c]x", "bx", 0, "negated the other way"},
    {"[]a]x", "]x", 1, "a bracket first is a member"},
    {"[!]a]x", "bx", 1, "the same negated"},
    {"[a-]x", "-x", 1, "a dash last is a member"},
    {"[\\]]x", "]x", 1, "an escape in a set"},
    {"[abc", "[abc", 1, "no end: a bracket"},
    {"\\*", "*", 1, "an escaped star"},
    {"\\*", "a", 0, "is no star"},
    {"a\\", "a\\", 1, "a backslash last is itself"},
    {"*a*b*c", "xxaxxbxxc", 1, "several stars"},
    {"*a*b*c", "xxaxxbxx", 0, "several stars, no end"},
    {"*ab", "aab", 1, "a star gives back"},
    {"[\xc3]*", "\xc3\xbc", 1, "bytes above 127"},
    {"a", "", 0, "nothing to match"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        size_t got = policy_glob_depth(rows[i].pattern, rows[i].path);

        if (got != rows[i].want)
            fail_msg("'%s' on '%s': %zu, because %s", rows[i].pattern,
                     rows[i].path, got, rows[i].why);
    }
}

static void test_check(void **state)
{
    const char *why = NULL;
    char long_one[2 * 65];

    (void)state;
    assert_true(policy_glob_check("**/a*/[x-z]", &why));
    assert_false(policy_glob_check("*/../x", &why));
    assert_non_null(strstr(why, "'..'"));
    assert_false(policy_glob_check("[[:alpha:]]", &why));
    assert_non_null(strstr(why, "range"));
    for (size_t i = 0; i < sizeof(long_one); i += 2) {
        long_one[i] = 'a';
        long_one[i + 1] = '/';
    }
    long_one[sizeof(long_one) - 1] = '\0';
    assert_false(policy_glob_check(long_one, &why));
    long_one[2 * 63] = '\0';
    assert_true(policy_glob_check(long_one, &why));
}

/* Patterns that make backtracking matchers take ages. */
static void test_no_pattern_is_slow(void **state)
{
    char path[4096];
    uint64_t began = srt_clock_ms();

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(path); i++)
        path[i] = i % 2 ? '/' : 'a';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(policy_glob_depth("**/a/**/a/**/a/**/a/**/a/**/b", path),
                     0);
    memset(path, 'a', 255);
    path[255] = '\0';
    assert_int_equal(
        policy_glob_depth("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", path), 0);
    assert_true(srt_clock_ms() - began < 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_no_pattern_is_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
