/* The cases of tests/data/decide.tbl, through JSON, compile and image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/host.h"
#include "tests/unit/fake_host.h"

struct run {
    struct fake_host fake;
    struct policy_host host;
    struct policy_settings settings;
    struct policy policy;
    bool loaded;
    unsigned line, questions;
};

static void unload(struct run *r)
{
    if (!r->loaded)
        return;
    policy_release(&r->policy);
    policy_settings_release(&r->settings);
    r->loaded = false;
}

static void load(struct run *r, const char *json)
{
    struct srt_buf diags = {0};

    unload(r);
    policy_settings_init(&r->settings);
    if (policy_settings_parse("tbl", json, strlen(json), &r->settings,
                              &diags) != SRT_OK ||
        policy_compile(&r->settings, &r->host, NULL, &r->policy, &diags) !=
            SRT_OK)
        fail_msg("line %u: %s", r->line, srt_buf_str(&diags));
    assert_non_null(policy_image_check(r->policy.image,
                                       policy_image_size(r->policy.image)));
    r->loaded = true;
}

enum { WORDS = 6 };

static size_t split(char *line, char *words[WORDS])
{
    size_t n = 0;

    while (n < WORDS) {
        line += strspn(line, " ");
        if (*line == '\0')
            break;
        words[n++] = line;
        line += strcspn(line, " ");
        if (*line != '\0')
            *line++ = '\0';
    }
    return n;
}

static uint16_t port(const char *text)
{
    return (uint16_t)strtoul(text, NULL, 10);
}

static struct policy_decision ask(struct run *r, char **w)
{
    const struct policy_image *img = r->policy.image;
    struct policy_addr a;

    if (strcmp(w[0], "read") == 0)
        return policy_decide_read(img, w[1]);
    if (strcmp(w[0], "write") == 0)
        return policy_decide_write(img, w[1]);
    if (strcmp(w[0], "unix") == 0)
        return policy_decide_unix(img, w[1]);
    if (strcmp(w[0], "resolve") == 0)
        return policy_decide_resolve(img, w[1]);
    if (strcmp(w[0], "connect") == 0)
        return policy_decide_host(img, w[1], port(w[2]));
    if (strcmp(w[0], "named") == 0)
        return policy_decide_named(img, w[1], port(w[2]));
    if (strcmp(w[0], "leads") != 0)
        fail_msg("line %u: no question '%s'", r->line, w[0]);
    assert_true(policy_addr_parse(w[2], strlen(w[2]), &a));
    return policy_decide_resolved_at(img, w[1], a, port(w[3]));
}

static void judge(struct run *r, char **w, size_t n)
{
    struct policy_decision d = ask(r, w);
    const char *verdict = d.verdict == POLICY_ALLOW ? "allow" : "deny";

    assert_true(n >= 4);
    r->questions++;
    if (strcmp(verdict, w[n - 2]) != 0 ||
        (strcmp(w[n - 1], "-") != 0 && strcmp(w[n - 1], d.rule) != 0))
        fail_msg("line %u: %s %s: %s by %s (%s)", r->line, w[0], w[1], verdict,
                 d.rule, d.reason);
    if (d.reason == NULL || d.reason[0] == '\0' ||
        d.reason[strlen(d.reason) - 1] == '.')
        fail_msg("line %u: the reason is '%s'", r->line, d.reason);
}

static void take_line(struct run *r, char *line)
{
    char *w[WORDS];
    size_t n;

    if (strncmp(line, "policy ", 7) == 0) {
        load(r, line + 7);
        return;
    }
    n = split(line, w);
    if (n == 0 || w[0][0] == '#')
        return;
    if (strcmp(w[0], "tree") == 0) {
        fake_init(&r->fake, &r->host);
        fake_add(&r->fake, "/w", POLICY_KIND_DIR, "");
    } else if (strcmp(w[0], "dir") == 0) {
        fake_add(&r->fake, w[1], POLICY_KIND_DIR, "");
    } else if (strcmp(w[0], "file") == 0) {
        fake_add(&r->fake, w[1], POLICY_KIND_FILE, "");
    } else if (strcmp(w[0], "link") == 0) {
        fake_add(&r->fake, w[1], POLICY_KIND_FILE, w[2]);
    } else {
        judge(r, w, n);
    }
}

static void test_table(void **state)
{
    static struct run r;
    FILE *f = fopen(SRT_TEST_DATA "/decide.tbl", "r");
    char line[1024];

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        r.line++;
        line[strcspn(line, "\n")] = '\0';
        take_line(&r, line);
    }
    (void)fclose(f);
    unload(&r);
    assert_true(r.questions > 150);
}

static void test_reasons(void **state)
{
    static struct run r;
    struct policy_decision d;

    (void)state;
    fake_init(&r.fake, &r.host);
    load(&r, "{\"network\":{\"allowedDomains\":[\"*\"],\"deniedDomains\":[\"x."
             "test\"],\"deniedDomainReasons\":{\"x.test\":\"ask Eve\"}},"
             "\"ignoreViolations\":{\"*\":[\"/usr/bin\"],\"git push\":[\"/x\"]}"
             "}");
    d = policy_decide_host(r.policy.image, "x.test", 443);
    assert_string_equal(d.reason, "ask Eve");
    d = policy_decide_resolved(r.policy.image, "y.test",
                               (struct policy_addr){4, {127, 0, 0, 1}});
    assert_string_equal(d.reason, "resolved to a loopback address");
    assert_non_null(
        policy_ignores(r.policy.image, "anything", "/usr/bin/true"));
    assert_null(policy_ignores(r.policy.image, "anything", "/x/y"));
    assert_non_null(
        policy_ignores(r.policy.image, "sh -c git push -f", "/x/y"));
    unload(&r);
}

/* deniedAddresses is asked alone where a name already allows. */
static void test_denied(void **state)
{
    static struct run r;
    struct policy_addr a = {4, {192, 0, 2, 1}};
    struct policy_addr b = {4, {192, 0, 2, 2}};

    (void)state;
    fake_init(&r.fake, &r.host);
    load(&r, "{\"network\":{\"deniedAddresses\":[\"192.0.2.1:22\"]}}");
    assert_int_equal(policy_decide_denied(r.policy.image, a, 22).verdict,
                     POLICY_DENY);
    assert_int_equal(policy_decide_denied(r.policy.image, a, 23).verdict,
                     POLICY_ALLOW);
    assert_int_equal(policy_decide_denied(r.policy.image, b, 22).verdict,
                     POLICY_ALLOW);
    assert_int_equal(policy_decide_address(r.policy.image, b, 22).verdict,
                     POLICY_DENY);
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_denied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
