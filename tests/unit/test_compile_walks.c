/* policy_compile(): what walks over the tree find, cannot list, and give up;
 * links on the way of allow entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "tests/unit/fake_host.h"

/* What the walks of the next policy meet besides the table. */
static struct {
    const char *unlisted; /* a directory, or NULL */
    bool open;
    bool too_much;
} meets;

static enum srt_rc meet(const struct policy_walk *to, struct srt_err *err)
{
    if (meets.unlisted != NULL)
        to->unlisted(to->ctx, meets.unlisted, meets.open);
    return meets.too_much ? srt_err_set(err, SRT_E_LIMIT, "too many names")
                          : SRT_OK;
}

static enum srt_rc glob(void *ctx, const char *base, const char *pattern,
                        const struct policy_walk *to, struct srt_err *err)
{
    enum srt_rc rc = fake_glob(ctx, base, pattern, to, err);

    return rc != SRT_OK ? rc : meet(to, err);
}

static enum srt_rc search(void *ctx, const char *base, unsigned depth,
                          policy_wanted_fn *wanted,
                          const struct policy_walk *to, struct srt_err *err)
{
    enum srt_rc rc = fake_search(ctx, base, depth, wanted, to, err);

    return rc != SRT_OK ? rc : meet(to, err);
}

/* Compiles; the diagnostics, "" when there are none.  *ret for the latter. */
static const char *compile(const char *json, struct policy_settings *s,
                           struct policy *ret, struct srt_buf *diags)
{
    static struct fake_host fake;
    struct policy_host host;

    fake_init(&fake, &host);
    host.glob = glob;
    host.search = search;
    fake_add(&fake, "/w", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/d", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/d/open", POLICY_KIND_FILE, "");
    fake_add(&fake, "/w/a", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/a/.git", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/a/.git/hooks", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/a/.git/config", POLICY_KIND_FILE, "");
    fake_add(&fake, "/w/a/b", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/a/b/.envrc", POLICY_KIND_FILE, "");
    fake_add(&fake, "/w/link", POLICY_KIND_FILE, "/etc");
    fake_add(&fake, "/etc", POLICY_KIND_DIR, "");
    fake_add(&fake, "/outside", POLICY_KIND_FILE, "/w");
    if (policy_settings_parse("tbl", json, strlen(json), s, diags) != SRT_OK)
        fail_msg("%s", srt_buf_str(diags));
    if (policy_compile(s, &host, NULL, ret, diags) == SRT_OK)
        assert_int_equal(diags->len, 0);
    return srt_buf_str(diags);
}

#define W "\"allowWrite\":[\"/w\"]"

/* unlisted, open, too_much; policy; what is complained of ("": nothing). */
static const struct {
    const char *unlisted;
    bool open, too_much;
    const char *json, *want, *why;
} rows[] = {
    {NULL, false, false, W ",\"denyRead\":[\"**/x\"]", "", "all was listed"},
    {"/o", true, false, "\"denyRead\":[\"/**/x\"]", "may be entered",
     "names in it can be read"},
    {"/o", false, false, "\"denyRead\":[\"/**/x\"]", "",
     "nobody can enter it, nor change its mode"},
    {"/w/d", false, false,
     W ",\"mandatoryDenySearchDepth\":1,"
       "\"denyRead\":[\"/**/x\"]",
     "could change its mode", "the command can chmod it"},
    {"/w/d", true, false, W ",\"denyRead\":[\"/**/x\",\"/w/d\"]", "",
     "it is denied as a whole"},
    {"/w/d/e", true, false, W ",\"denyRead\":[\"/**/x\",\"/w/d\"]", "",
     "so is what holds it"},
    {"/w/d", true, false,
     W ",\"denyRead\":[\"/**/x\",\"/w/d\"],\"allowRead\":[\"/w/d/open\"]",
     "may be entered", "part of it is allowed again"},
    {"/w/d", true, false,
     W ",\"denyRead\":[\"/**/x\"],\"denyWrite\":[\"/w/d\"]", "may be entered",
     "it can be read all the same"},
    {"/w/d", false, false,
     W ",\"denyRead\":[\"/**/x\"],\"denyWrite\":[\"/w/d\"]", "",
     "its mode cannot be changed"},
    {"/w/d", true, false, W ",\"denyWrite\":[\"/**/x\",\"/w/d\"]", "",
     "nothing in it can be changed"},
    {"/w/d", true, false, W, "/filesystem/allowWrite/0: protected names",
     "protected names in it"},
    {"/w/d", true, false, W ",\"protect\":\"none\"", "", "no search"},
    {"/w/d", true, false, W ",\"mandatoryDenySearchDepth\":1", "", "no search"},
    {NULL, false, true,
     W ",\"mandatoryDenySearchDepth\":1,"
       "\"denyRead\":[\"**/x\"]",
     "/filesystem/denyRead/0: too many names; expected a glob that begins",
     "a limit is an error"},
    {NULL, false, true, W, "/filesystem/allowWrite/0: too many names",
     "a limit is an error"},
};

static void test_unlisted(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        struct policy_settings s;
        struct policy p = {0};
        struct srt_buf diags = {0};
        char json[512];
        const char *got;

        meets.unlisted = rows[i].unlisted;
        meets.open = rows[i].open;
        meets.too_much = rows[i].too_much;
        (void)snprintf(json, sizeof(json), "{\"filesystem\":{%s}}",
                       rows[i].json);
        got = compile(json, &s, &p, &diags);
        if (rows[i].want[0] == '\0' ? got[0] != '\0'
                                    : strstr(got, rows[i].want) == NULL)
            fail_msg("%s with %s: \"%s\", because %s", json,
                     rows[i].unlisted != NULL ? rows[i].unlisted : "nothing",
                     got, rows[i].why);
        policy_release(&p);
        policy_settings_release(&s);
        srt_buf_release(&diags);
    }
    memset(&meets, 0, sizeof(meets));
}

static void expect_write(const struct policy *p, const char *path,
                         const char *rule)
{
    struct policy_decision d = policy_decide_write(p->image, path);

    if (d.verdict != POLICY_DENY || strcmp(d.rule, rule) != 0)
        fail_msg("%s: %s", path, d.rule);
}

static void test_search(void **state)
{
    static const char *const depth2 = "{\"filesystem\":{" W
                                      ",\"mandatoryDenySearchDepth\":2}}";
    struct policy_settings s;
    struct policy p = {0};
    struct srt_buf diags = {0};

    (void)state;
    (void)compile("{\"filesystem\":{" W ",\"allowGitConfig\":true}}", &s, &p,
                  &diags);
    expect_write(&p, "/w/a/.git/hooks/x", "builtin:protect/.git/hooks");
    expect_write(&p, "/w/a/b/.envrc", "builtin:protect/.envrc");
    assert_int_equal(policy_decide_write(p.image, "/w/a/.git/config").verdict,
                     POLICY_ALLOW);
    policy_release(&p);
    policy_settings_release(&s);
    (void)compile(depth2, &s, &p, &diags);
    expect_write(&p, "/w/a/.git/config", "builtin:protect/.git/config");
    assert_int_equal(policy_decide_write(p.image, "/w/a/b/.envrc").verdict,
                     POLICY_ALLOW);
    policy_release(&p);
    policy_settings_release(&s);
    srt_buf_release(&diags);
}

static void test_redirects(void **state)
{
    struct policy_settings s;
    struct policy p = {0};
    struct srt_buf diags = {0};

    (void)state;
    (void)compile("{\"network\":{\"allowUnixSockets\":[\"/w/link/s\"]},"
                  "\"filesystem\":{\"allowWrite\":[\"/outside\"],"
                  "\"allowRead\":[\"/w/link\",\"/w/link/*\"]}}",
                  &s, &p, &diags);
    assert_int_equal(p.nredirects, 3);
    assert_string_equal(p.redirects[0].rule, "/network/allowUnixSockets/0");
    assert_string_equal(p.redirects[0].link, "/w/link");
    assert_string_equal(p.redirects[0].leads_to, "/etc/s");
    assert_string_equal(p.redirects[1].leads_to, "/etc");
    assert_string_equal(p.redirects[2].rule, "/filesystem/allowRead/1");
    policy_release(&p);
    policy_settings_release(&s);
    srt_buf_release(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unlisted),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_redirects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
