/* policy_compile(): places, diagnostics, the two hosts (a table, the real). */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "launcher/hostfs.h"
#include "tests/unit/fake_host.h"

struct made {
    struct policy_settings settings;
    struct policy policy;
};

static enum srt_rc compile(struct made *m, const char *json,
                           const struct policy_host *host,
                           const struct policy_own_file *own,
                           struct srt_buf *diags)
{
    enum srt_rc rc;

    policy_settings_init(&m->settings);
    if (policy_settings_parse("tbl", json, strlen(json), &m->settings, diags) !=
        SRT_OK)
        fail_msg("%s", srt_buf_str(diags));
    rc = policy_compile(&m->settings, host, own, &m->policy, diags);
    if (rc != SRT_OK)
        policy_settings_release(&m->settings);
    return rc;
}

static void release(struct made *m)
{
    policy_release(&m->policy);
    policy_settings_release(&m->settings);
}

static void add_place_text(struct srt_buf *out, const struct policy_place *p)
{
    static const char *const lists[POLICY_LISTS] = {
        [POLICY_LIST_DENY_READ] = "dr",
        [POLICY_LIST_ALLOW_READ] = "ar",
        [POLICY_LIST_ALLOW_WRITE] = "aw",
        [POLICY_LIST_DENY_WRITE] = "dw",
    };

    srt_buf_addf(out, "%s %s %s%s%s %s\n", p->path, lists[p->list],
                 p->kind == POLICY_KIND_DIR ? "dir" : "file",
                 p->protected_name ? " protected" : "", p->link ? " link" : "",
                 p->rule);
}

static void expect_places(const struct policy *p, const char *want)
{
    struct srt_buf got = {0};

    for (size_t i = 0; i < p->nplaces; i++)
        add_place_text(&got, &p->places[i]);
    assert_string_equal(srt_buf_str(&got), want);
    srt_buf_release(&got);
}

static void test_places(void **state)
{
    static struct fake_host fake;
    static const struct policy_own_file own[] = {
        {"/w/events", "builtin:protect/own"},
        {"/other/events", "builtin:protect/own"},
        {"/w/named", "builtin:protect/policy"},
        {NULL, NULL},
    };
    struct policy_host host;
    struct srt_buf diags = {0};
    struct made m;

    (void)state;
    fake_init(&fake, &host);
    fake_add(&fake, "/w", POLICY_KIND_DIR, "");
    fake_add(&fake, "/w/.bashrc", POLICY_KIND_FILE, "");
    fake_add(&fake, "/w/a.pem", POLICY_KIND_FILE, "");
    fake_add(&fake, "/w/events", POLICY_KIND_FILE, "");
    fake_add(&fake, "/w/link", POLICY_KIND_FILE, "/secret");
    fake_add(&fake, "/w/.zshrc", POLICY_KIND_FILE, "absent");
    fake_add(&fake, "/w/named", POLICY_KIND_FILE, "/etc/policy");
    fake_add(&fake, "/etc/policy", POLICY_KIND_FILE, "");
    fake_add(&fake, "/secret", POLICY_KIND_DIR, "");
    fake_add(&fake, "/secret/open", POLICY_KIND_FILE, "");
    assert_int_equal(
        compile(&m,
                "{\"filesystem\":{\"allowWrite\":[\"/w/\"],\"denyRead\":["
                "\"link\",\"*.pem\",\"/absent\"],\"allowRead\":[\"/secret/"
                "open\"],\"denyWrite\":[\"*.pem\"]}}",
                &host, own, &diags),
        SRT_OK);
    expect_places(&m.policy,
                  "/secret dr dir /filesystem/denyRead/0\n"
                  "/secret/open ar file /filesystem/allowRead/0\n"
                  "/w aw dir /filesystem/allowWrite/0\n"
                  "/w/.bashrc dw file protected builtin:protect/.bashrc\n"
                  "/w/.zshrc dw file protected link builtin:protect/.zshrc\n"
                  "/w/a.pem dr file /filesystem/denyRead/1\n"
                  "/w/a.pem dw file /filesystem/denyWrite/0\n"
                  "/w/events dw file protected builtin:protect/own\n"
                  "/w/link dw file link /filesystem/denyRead/0\n"
                  "/w/named dw file protected link builtin:protect/policy\n");
    assert_int_equal(policy_decide_read(m.policy.image, "/absent/x").verdict,
                     POLICY_DENY);
    release(&m);
    srt_buf_release(&diags);
}

static const struct {
    const char *json, *pointer, *word;
} errors[] = {
    {"{\"filesystem\":{\"allowWrite\":[\"/w\",\"/nope\"]}}",
     "/filesystem/allowWrite/1", "does not exist"},
    {"{\"filesystem\":{\"allowWrite\":[\"/w/dangling\"]}}",
     "/filesystem/allowWrite/0", "does not exist"},
    {"{\"filesystem\":{\"denyRead\":[\"/w/loop\"]}}", "/filesystem/denyRead/0",
     "loop"},
    {"{\"filesystem\":{\"denyRead\":[\"*/../x\"]}}", "/filesystem/denyRead/0",
     "'..'"},
    {"{\"filesystem\":{\"denyWrite\":[\"[[:alpha:]]\"]}}",
     "/filesystem/denyWrite/0", "range"},
};

static void test_errors(void **state)
{
    static struct fake_host fake;
    struct policy_host host;

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(errors); i++) {
        struct srt_buf diags = {0};
        struct made m;

        fake_init(&fake, &host);
        fake_add(&fake, "/w", POLICY_KIND_DIR, "");
        fake_add(&fake, "/w/dangling", POLICY_KIND_FILE, "nowhere");
        fake_add(&fake, "/w/loop", POLICY_KIND_FILE, "loop");
        if (compile(&m, errors[i].json, &host, NULL, &diags) != SRT_E_CONFIG)
            fail_msg("%s is no error", errors[i].json);
        if (strstr(srt_buf_str(&diags), errors[i].pointer) == NULL ||
            strstr(srt_buf_str(&diags), errors[i].word) == NULL)
            fail_msg("%s: %s", errors[i].json, srt_buf_str(&diags));
        srt_buf_release(&diags);
    }
}

static void test_no_home(void **state)
{
    static struct fake_host fake;
    struct policy_host host;
    struct srt_buf diags = {0};
    struct made m;

    (void)state;
    fake_init(&fake, &host);
    host.home = NULL;
    assert_int_equal(compile(&m, "{\"filesystem\":{\"denyRead\":[\"~/x\"]}}",
                             &host, NULL, &diags),
                     SRT_E_CONFIG);
    assert_non_null(strstr(srt_buf_str(&diags), "HOME"));
    srt_buf_release(&diags);
}

static void put(const char *dir, const char *name, bool is_dir)
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (is_dir) {
        assert_int_equal(mkdir(path, 0755), 0);
        return;
    }
    f = fopen(path, "w");
    assert_non_null(f);
    (void)fclose(f);
}

/* The real host: links, "..", absent tails, globs that do not follow links. */
static void test_hostfs(void **state)
{
    char dir[] = "/tmp/srt_test_compile_XXXXXX";
    char real_dir[PATH_MAX];
    char path[PATH_MAX];
    char got[SRT_PATH_MAX];
    char want[SRT_PATH_MAX];
    struct policy_host host;
    struct srt_buf diags = {0};
    struct made m;
    enum policy_kind kind;

    static const struct {
        const char *path, *want; /* want NULL: false */
        enum policy_kind kind;
    } rows[] = {
        {"/d", "/d", POLICY_KIND_DIR},
        {"//d/./f", "/d/f", POLICY_KIND_FILE},
        {"/d/absent/x/../y", "/d/absent/y", POLICY_KIND_ABSENT},
        {"/link/f", "/d/f", POLICY_KIND_FILE},
        {"/link/..", "", POLICY_KIND_DIR},
        {"/d/up/link/f", "/d/f", POLICY_KIND_FILE},
        {"/d/f/x", "/d/f/x", POLICY_KIND_ABSENT},
        {"/dangling", "/nowhere", POLICY_KIND_ABSENT},
        {"/loop", NULL, POLICY_KIND_ABSENT},
    };

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_non_null(realpath(dir, real_dir));
    put(real_dir, "d", true);
    put(real_dir, "d/f", false);
    put(real_dir, "d/a.pem", false);
    (void)snprintf(path, sizeof(path), "%s/link", real_dir);
    assert_int_equal(symlink("d", path), 0);
    (void)snprintf(path, sizeof(path), "%s/dangling", real_dir);
    assert_int_equal(symlink("nowhere", path), 0);
    (void)snprintf(path, sizeof(path), "%s/loop", real_dir);
    assert_int_equal(symlink("loop", path), 0);
    (void)snprintf(path, sizeof(path), "%s/d/up", real_dir);
    assert_int_equal(symlink("..", path), 0);
    launcher_hostfs_init(&host, "/root", real_dir);
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        bool ok;

        (void)snprintf(path, sizeof(path), "%s%s", real_dir, rows[i].path);
        ok = host.real(host.ctx, path, got, sizeof(got), &kind);
        if (ok != (rows[i].want != NULL))
            fail_msg("%s: %d", rows[i].path, ok);
        if (!ok)
            continue;
        (void)snprintf(want, sizeof(want), "%s%s", real_dir, rows[i].want);
        assert_string_equal(got, want);
        assert_int_equal(kind, rows[i].kind);
    }
    assert_true(host.real(host.ctx, "/", got, sizeof(got), &kind));
    assert_string_equal(got, "/");
    assert_int_equal(compile(&m,
                             "{\"filesystem\":{\"denyRead\":[\"**/*.pem\"]}}",
                             &host, NULL, &diags),
                     SRT_OK);
    assert_int_equal(m.policy.nplaces, 1);
    (void)snprintf(want, sizeof(want), "%s/d/a.pem", real_dir);
    assert_string_equal(m.policy.places[0].path, want);
    release(&m);
    {
        static const char *const names[] = {"d/up", "d/a.pem",  "d/f", "d",
                                            "link", "dangling", "loop"};

        for (size_t i = 0; i < SRT_ARRAY_LEN(names); i++) {
            (void)snprintf(path, sizeof(path), "%s/%s", real_dir, names[i]);
            assert_int_equal(remove(path), 0);
        }
    }
    assert_int_equal(rmdir(real_dir), 0);
    srt_buf_release(&diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_home),
        cmocka_unit_test(test_hostfs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
