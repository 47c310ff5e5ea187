/* Each row: a policy, a refused question, the hint and change for it; then the
 * change is applied, and the question must be allowed.  And the changes of one
 * run, applied in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>

#include "base/macros.h"
#include "policy/suggest.h"
#include "tests/unit/fake_host.h"

enum change { NONE, HINT_ONLY, FULL };

static const struct row {
    const char *json;
    enum policy_subject kind;
    const char *target;
    enum change want;
    const char *hint; /* stands in it */
} rows[] = {
    {"{}", POLICY_SUBJECT_WRITE, "/w/f", FULL,
     "add \"/w/f\" to filesystem.allowWrite"},
    {"{}", POLICY_SUBJECT_ENTRY, "/w/new", FULL, "add \"/w\" to"},
    {"{}", POLICY_SUBJECT_ENTRY, "/new", HINT_ONLY, "make it first (touch"},
    {"{}", POLICY_SUBJECT_ENTRY, "/h/.npm", HINT_ONLY,
     "~/.npm), then allow it: --allow-write ~/.npm for this run"},
    {"{\"filesystem\":{\"allowWrite\":[\"/h\"],\"denyWrite\":[\"/h/x\"]}}",
     POLICY_SUBJECT_ENTRY, "/h/x", FULL, "remove the entry"},
    {"{}", POLICY_SUBJECT_ENTRY, "/h/it is", HINT_ONLY,
     "mkdir, '/h/it is'), then allow it: --allow-write '/h/it is'"},
    {"{}", POLICY_SUBJECT_WRITE, "/w/it's", FULL,
     "--allow-write '/w/it'\\''s' for this run"},
    {"{\"filesystem\":{\"denyRead\":[\"/h/.ssh\"]}}", POLICY_SUBJECT_ENTRY,
     "/h/.ssh", HINT_ONLY,
     "remove the entry /filesystem/denyRead/0, then make it first"},
    {"{\"filesystem\":{\"protect\":\"existing\"}}", POLICY_SUBJECT_WRITE,
     "/w/f", FULL, "add"},
    {"{\"filesystem\":{}}", POLICY_SUBJECT_WRITE, "/w/f", FULL, "add"},
    {"{\"filesystem\":{\"allowWrite\":[]}}", POLICY_SUBJECT_WRITE, "/w/f", FULL,
     "add"},
    {"{\"filesystem\":{\"allowGitConfig\":true}}", POLICY_SUBJECT_WRITE, "/w/f",
     FULL, "add"},
    {"{\"filesystem\":{\"allowWrite\":[\"/x\"]}}", POLICY_SUBJECT_WRITE, "/w/f",
     FULL, "add"},
    {"{}", POLICY_SUBJECT_WRITE, "/w/q\"\\u*", FULL, "add"},
    {"{}", POLICY_SUBJECT_WRITE, "/w/bad\xff", NONE, ""},
    {"{\"filesystem\":{\"allowWrite\":[\"/w\"],\"denyWrite\":[\"/w/f\",\"/x\","
     "\"/w\"]}}",
     POLICY_SUBJECT_WRITE, "/w/f", FULL, "remove the entry"},
    {"{\"filesystem\":{\"denyWrite\":[\"/w/*\"]}}", POLICY_SUBJECT_WRITE,
     "/w/f", FULL, "add \"/w/f\""},
    {"{\"filesystem\":{\"allowWrite\":[\"/w\"],\"denyRead\":[\"/w/f\"]}}",
     POLICY_SUBJECT_WRITE, "/w/f", FULL, "remove the entry"},
    {"{\"filesystem\":{\"allowWrite\":[\"/\"],\"denyRead\":[\"/w\"]}}",
     POLICY_SUBJECT_WRITE, "/w/f", FULL, "add \"/w/f\""},
    {"{\"filesystem\":{\"allowWrite\":[\"/w\"],\"denyRead\":[\"**/new\"]}}",
     POLICY_SUBJECT_ENTRY, "/w/new", FULL, "remove the entry"},
    {"{\"filesystem\":{\"allowWrite\":[\"/w\"]}}", POLICY_SUBJECT_WRITE,
     "/w/.bashrc", HINT_ONLY, "filesystem.protect"},
    {"{}", POLICY_SUBJECT_WRITE, "/sys/x", NONE, ""},
    {"{\"filesystem\":{\"denyRead\":[\"/w\"]}}", POLICY_SUBJECT_READ, "/w/f",
     FULL, "add \"/w/f\" to filesystem.allowRead"},
    {"{\"filesystem\":{\"denyRead\":[\"/w/f\"]}}", POLICY_SUBJECT_READ, "/w/f",
     FULL, "remove the entry /filesystem/denyRead/0"},
    {"{\"filesystem\":{\"denyRead\":[\"/w/f\",\"/w\",\"f\"]}}",
     POLICY_SUBJECT_READ, "/w/f", FULL, "add"},
    {"{\"filesystem\":{\"denyRead\":[\"**/f\"],\"allowRead\":[\"/w/f\"]}}",
     POLICY_SUBJECT_READ, "/w/f", FULL, "remove"},
    {"{\"filesystem\":{\"denyRead\":[\"/w\"],\"allowRead\":[\"/x\"]}}",
     POLICY_SUBJECT_READ, "/w/f", FULL, "add"},
    {"{}", POLICY_SUBJECT_HOST, "a.test:443", FULL,
     "add \"a.test:443\" to network.allowedDomains"},
    {"{\"network\":{\"allowedDomains\":[\"a.test:80\"]}}", POLICY_SUBJECT_HOST,
     "a.test:443", FULL, "add"},
    {"{\"network\":{\"allowedDomains\":[\"*\"],\"deniedDomains\":[\"*.test.x\","
     "\"a.test.x\"]}}",
     POLICY_SUBJECT_HOST, "a.test.x:443", FULL, "remove"},
    {"{\"network\":{\"allowedDomains\":[\"*\"],\"deniedDomains\":[\"a.test\"],"
     "\"deniedDomainReasons\":{\"a.test\":\"no\"}}}",
     POLICY_SUBJECT_HOST, "a.test:443", FULL, "remove"},
    {"{\"network\":{\"deniedDomains\":[\"a.test\"]}}", POLICY_SUBJECT_RESOLVE,
     "a.test", FULL, "remove"},
    {"{}", POLICY_SUBJECT_RESOLVE, "a.test", FULL, "add \"a.test\""},
    {"{}", POLICY_SUBJECT_RESOLVE, "a..test", NONE, ""},
    {"{}", POLICY_SUBJECT_HOST, "192.0.2.1:443", FULL, "resolved before"},
    {"{}", POLICY_SUBJECT_HOST, "[2001:db8::1]:443", FULL,
     "add \"[2001:db8::1]:443\" to network.allowedAddresses"},
    {"{\"network\":{\"allowedDomains\":[\"*\"]}}", POLICY_SUBJECT_HOST,
     "127.0.0.1:80", FULL, "add"},
    {"{}", POLICY_SUBJECT_UNIX, "/run/s", FULL,
     "add \"/run/s\" to network.allowUnixSockets"},
    {"{\"network\":{\"allowUnixSockets\":[\"/w/s\"]},\"filesystem\":{"
     "\"denyRead\":[\"/w\"]}}",
     POLICY_SUBJECT_UNIX, "/w/s", FULL, "allowRead"},
};

static void make_host(struct fake_host *fake, struct policy_host *host)
{
    static const char *const files[] = {"/w/f", "/w/.bashrc", "/w/q\"\\u*",
                                        "/w/s", "/w/it's"};

    fake_init(fake, host);
    fake_add(fake, "/w", POLICY_KIND_DIR, "");
    fake_add(fake, "/x", POLICY_KIND_DIR, "");
    fake_add(fake, "/h", POLICY_KIND_DIR, "");
    fake_add(fake, "/w/sub", POLICY_KIND_DIR, "");
    for (size_t i = 0; i < SRT_ARRAY_LEN(files); i++)
        fake_add(fake, files[i], POLICY_KIND_FILE, "");
}

static struct policy_decision ask(const struct policy_image *img,
                                  const struct row *row)
{
    char host[256];
    const char *colon = strrchr(row->target, ':');

    switch (row->kind) {
    case POLICY_SUBJECT_READ:
        return policy_decide_read(img, row->target);
    case POLICY_SUBJECT_WRITE:
    case POLICY_SUBJECT_ENTRY:
        return policy_decide_write(img, row->target);
    case POLICY_SUBJECT_UNIX:
        return policy_decide_unix(img, row->target);
    case POLICY_SUBJECT_RESOLVE:
        return policy_decide_resolve(img, row->target);
    case POLICY_SUBJECT_HOST:
        break;
    }
    (void)snprintf(host, sizeof(host), "%.*s", (int)(colon - row->target),
                   row->target);
    return policy_decide_host(img, host,
                              (uint16_t)strtoul(colon + 1, NULL, 10));
}

/* One policy, compiled. */
struct world {
    struct fake_host fake;
    struct policy_host host;
    struct policy_settings settings;
    struct policy policy;
};

static void make_world(struct world *w, const char *json)
{
    struct srt_buf diags = {0};

    make_host(&w->fake, &w->host);
    policy_settings_init(&w->settings);
    if (policy_settings_parse("row", json, strlen(json), &w->settings,
                              &diags) != SRT_OK ||
        policy_compile(&w->settings, &w->host, NULL, &w->policy, &diags) !=
            SRT_OK)
        fail_msg("%s: %s", json, srt_buf_str(&diags));
    srt_buf_release(&diags);
}

static void release_world(struct world *w)
{
    policy_release(&w->policy);
    policy_settings_release(&w->settings);
}

static struct policy_decision suggest(const struct world *w,
                                      const struct row *row,
                                      struct policy_change_log *log,
                                      struct srt_buf *hint,
                                      struct srt_buf *patch)
{
    struct policy_decision d = ask(w->policy.image, row);
    struct policy_change change;

    policy_suggest(&(struct policy_refused){.image = w->policy.image,
                                            .settings = &w->settings,
                                            .home = "/h",
                                            .kind = row->kind,
                                            .deed = POLICY_DEED_MAKES,
                                            .target = row->target,
                                            .decision = &d},
                   hint, &change);
    policy_change_print(&change, log, patch);
    return d;
}

/* Compile, ask; for a refusal also suggest. */
static struct policy_decision judge(const struct row *row, const char *json,
                                    struct srt_buf *hint,
                                    struct srt_buf *change)
{
    static struct world w;
    struct policy_decision d;

    make_world(&w, json);
    d = suggest(&w, row, NULL, hint, change);
    release_world(&w);
    return d; /* only its verdict is alive */
}

/* The member or element that a pointer leads to; `last` is its last word and
 * *ret_parent where that stands. */
static cJSON *find(cJSON *doc, const char *path, cJSON **ret_parent, char *last,
                   size_t size)
{
    cJSON *at = doc;

    *ret_parent = NULL;
    while (*path == '/') {
        size_t n = strcspn(++path, "/");

        assert_non_null(at);
        (void)snprintf(last, size, "%.*s", (int)n, path);
        path += n;
        *ret_parent = at;
        at = cJSON_IsArray(at)
                 ? cJSON_GetArrayItem(at, (int)strtol(last, NULL, 10))
                 : cJSON_GetObjectItemCaseSensitive(at, last);
    }
    return at;
}

/* RFC 6902 as far as it is used.  False: the patch fails there. */
static bool apply_step(cJSON *doc, const cJSON *step)
{
    const char *op = cJSON_GetObjectItem(step, "op")->valuestring;
    const char *path = cJSON_GetObjectItem(step, "path")->valuestring;
    const cJSON *value = cJSON_GetObjectItem(step, "value");
    char last[64];
    cJSON *parent;
    cJSON *at = find(doc, path, &parent, last, sizeof(last));

    if (strcmp(op, "test") == 0)
        return at != NULL && cJSON_Compare(at, value, true);
    if (parent == NULL)
        return false;
    if (strcmp(op, "remove") == 0) {
        if (at == NULL)
            return false;
        cJSON_Delete(cJSON_DetachItemViaPointer(parent, at));
        return true;
    }
    assert_string_equal(op, "add");
    if (cJSON_IsArray(parent)) {
        assert_string_equal(last, "-");
        return cJSON_AddItemToArray(parent, cJSON_Duplicate(value, 1));
    }
    /* Nothing of the file may be lost. */
    assert_null(at);
    return cJSON_AddItemToObject(parent, last, cJSON_Duplicate(value, 1));
}

static char *apply(const char *json, const char *change)
{
    cJSON *doc = cJSON_Parse(json);
    cJSON *steps = cJSON_Parse(change);
    const cJSON *step;
    char *out;

    if (doc == NULL || !cJSON_IsArray(steps))
        fail_msg("%s is no patch of %s", change, json);
    cJSON_ArrayForEach(step, steps)
    {
        if (!apply_step(doc, step))
            fail_msg("%s does not apply to %s", change, json);
    }
    out = cJSON_PrintUnformatted(doc);
    cJSON_Delete(doc);
    cJSON_Delete(steps);
    return out;
}

static void test_row(const struct row *row)
{
    struct srt_buf hint = {0};
    struct srt_buf change = {0};
    struct srt_buf none = {0};
    char *patched;

    if (judge(row, row->json, &hint, &change).verdict != POLICY_DENY)
        fail_msg("%s: %s is allowed", row->json, row->target);
    if ((hint.len > 0) != (row->want != NONE) ||
        (change.len > 0) != (row->want == FULL) ||
        strstr(srt_buf_str(&hint), row->hint) == NULL)
        fail_msg("%s: %s: hint '%s', change '%s'", row->json, row->target,
                 srt_buf_str(&hint), srt_buf_str(&change));
    if (row->want == FULL) {
        patched = apply(row->json, srt_buf_str(&change));
        if (judge(row, patched, &none, &none).verdict != POLICY_ALLOW)
            fail_msg("%s with %s is %s: still denied", row->json,
                     srt_buf_str(&change), patched);
        assert_int_equal(none.len, 0);
        free(patched);
    }
    srt_buf_release(&hint);
    srt_buf_release(&change);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        test_row(&rows[i]);
}

/* What one run's events want, all of them applied in order: every question
 * passes, and nothing else of the file has gone. */
static void test_run(void **state)
{
    static const struct row run[] = {
        {.kind = POLICY_SUBJECT_WRITE, .target = "/w/f"},
        {.kind = POLICY_SUBJECT_WRITE, .target = "/w/s"},
        {.kind = POLICY_SUBJECT_READ, .target = "/w/f"},
        {.kind = POLICY_SUBJECT_READ, .target = "/w/s"},
        {.kind = POLICY_SUBJECT_HOST, .target = "a.test:443"},
        {.kind = POLICY_SUBJECT_HOST, .target = "b.test:443"},
        {.kind = POLICY_SUBJECT_UNIX, .target = "/w/s"},
    };
    static const char *const files[] = {
        "{}",
        "{\"network\":{},\"filesystem\":{\"protect\":\"existing\"}}",
        "{\"filesystem\":{\"denyWrite\":[\"/x\",\"/w/f\",\"/w\",\"/w/s\"],"
        "\"denyRead\":[\"/w/s\",\"/x\",\"/w/f\"],\"allowWrite\":[]},"
        "\"network\":{\"deniedDomains\":[\"a.test\",\"z.test\",\"*.test.x\","
        "\"b.test\"],\"deniedDomainReasons\":{\"b.test\":\"no\",\"z.test\":"
        "\"kept\"}}}",
    };
    static struct world w;

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(files); i++) {
        struct policy_change_log log = {0};
        char *now = strdup(files[i]);

        make_world(&w, files[i]);
        for (size_t k = 0; k < 2 * SRT_ARRAY_LEN(run); k++) {
            struct srt_buf hint = {0}, patch = {0};
            char *next;

            (void)suggest(&w, &run[k % SRT_ARRAY_LEN(run)], &log, &hint,
                          &patch);
            if (patch.len > 0) {
                next = apply(now, srt_buf_str(&patch));
                free(now);
                now = next;
            }
            srt_buf_release(&hint);
            srt_buf_release(&patch);
        }
        release_world(&w);
        make_world(&w, now);
        for (size_t k = 0; k < SRT_ARRAY_LEN(run); k++)
            if (ask(w.policy.image, &run[k]).verdict != POLICY_ALLOW)
                fail_msg("%s became %s: %s is denied", files[i], now,
                         run[k].target);
        assert_int_equal(w.settings.protect, i == 1 ? POLICY_PROTECT_EXISTING
                                                    : POLICY_PROTECT_DEFAULT);
        if (i == 2) {
            assert_int_equal(w.settings.lists[POLICY_LIST_DENY_WRITE].n, 1);
            assert_string_equal(
                w.settings.lists[POLICY_LIST_DENIED_DOMAINS].at[0].why, "kept");
        }
        release_world(&w);
        policy_change_log_release(&log);
        free(now);
    }
}

/* Two names: one writable root must hold both. */
static void test_pairs(void **state)
{
    static const struct {
        const char *json;
        enum policy_deed deed;
        const char *from, *to;
        bool change;
        const char *hint;
    } pairs[] = {
        {"{}", POLICY_DEED_RENAMES, "/w/f", "/w/g", true, "add \"/w\" to"},
        {"{}", POLICY_DEED_LINKS, "/w/f", "/w/sub/g", true, "add \"/w\" to"},
        {"{}", POLICY_DEED_RENAMES, "/w/f", "/x/g", false, "EXDEV"},
        {"{\"filesystem\":{\"allowWrite\":[\"/w\"]}}", POLICY_DEED_LINKS,
         "/x/f", "/w/f2", false, "--no-hardlinks"},
        {"{\"filesystem\":{\"allowWrite\":[\"/w\"],\"denyWrite\":[\"/w/"
         "sub\"]}}",
         POLICY_DEED_RENAMES, "/w/f", "/w/sub/f", true, "remove the entry"},
        {"{}", POLICY_DEED_RENAMES, "/h/a", "/h/b", false, "outside"},
        {"{\"filesystem\":{\"allowWrite\":[\"/x\",\"/w\"],\"denyWrite\":["
         "\"/w/sub\"]}}",
         POLICY_DEED_RENAMES, "/x/f", "/w/sub/f", false, "EXDEV"},
    };
    static struct world w;

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(pairs); i++) {
        struct policy_decision d;
        struct policy_change change;
        struct srt_buf hint = {0}, patch = {0};

        make_world(&w, pairs[i].json);
        d = policy_decide_write(w.policy.image, pairs[i].from);
        if (d.verdict == POLICY_ALLOW)
            d = policy_decide_write(w.policy.image, pairs[i].to);
        policy_suggest(&(struct policy_refused){.image = w.policy.image,
                                                .settings = &w.settings,
                                                .home = "/h",
                                                .kind = POLICY_SUBJECT_ENTRY,
                                                .deed = pairs[i].deed,
                                                .target = pairs[i].from,
                                                .target2 = pairs[i].to,
                                                .decision = &d},
                       &hint, &change);
        policy_change_print(&change, NULL, &patch);
        if ((patch.len > 0) != pairs[i].change ||
            strstr(srt_buf_str(&hint), pairs[i].hint) == NULL)
            fail_msg("%s: %s, %s: '%s' %s", pairs[i].json, pairs[i].from,
                     pairs[i].to, srt_buf_str(&hint), srt_buf_str(&patch));
        srt_buf_release(&hint);
        srt_buf_release(&patch);
        release_world(&w);
    }
}

/* A name led to what a list denies: the entry that does is named. */
static void test_led_to(void **state)
{
    static const struct row row = {.kind = POLICY_SUBJECT_HOST,
                                   .target = "a.test:443"};
    static struct world w;
    struct policy_addr a;
    struct policy_decision d;
    struct policy_change change;
    struct srt_buf hint = {0}, patch = {0};

    (void)state;
    make_world(&w,
               "{\"network\":{\"allowedDomains\":[\"*\"],"
               "\"deniedResolvedAddresses\":[\"192.0.2.0/24\",\"10.0.0.0/8\"]"
               "}}");
    assert_true(policy_addr_parse("10.1.2.3", 8, &a));
    d = policy_decide_resolved_at(w.policy.image, "a.test", a, 443);
    assert_int_equal(d.verdict, POLICY_DENY);
    policy_suggest(&(struct policy_refused){.image = w.policy.image,
                                            .settings = &w.settings,
                                            .kind = row.kind,
                                            .target = row.target,
                                            .address = a,
                                            .decision = &d},
                   &hint, &change);
    policy_change_print(&change, NULL, &patch);
    assert_non_null(
        strstr(srt_buf_str(&hint), "/network/deniedResolvedAddresses/1"));
    assert_string_equal(
        srt_buf_str(&patch),
        "[{\"op\":\"test\",\"path\":\"/network/deniedResolvedAddresses/1\","
        "\"value\":\"10.0.0.0/8\"},{\"op\":\"remove\",\"path\":"
        "\"/network/deniedResolvedAddresses/1\"}]");
    srt_buf_release(&hint);
    srt_buf_release(&patch);
    release_world(&w);
}

/* What an option decided cannot be changed in the file. */
static void test_option(void **state)
{
    static struct fake_host fake;
    struct policy_host host;
    struct policy_settings settings;
    struct policy policy;
    struct policy_decision d;
    struct srt_buf hint = {0};
    struct policy_change change;
    struct srt_buf diags = {0};
    struct srt_err err;

    (void)state;
    make_host(&fake, &host);
    policy_settings_init(&settings);
    assert_int_equal(policy_settings_add(&settings, POLICY_LIST_DENY_READ,
                                         "--deny-read", "/w/f", &err),
                     SRT_OK);
    assert_int_equal(policy_compile(&settings, &host, NULL, &policy, &diags),
                     SRT_OK);
    d = policy_decide_read(policy.image, "/w/f");
    assert_string_equal(d.rule, "option:--deny-read/0");
    policy_suggest(&(struct policy_refused){.image = policy.image,
                                            .settings = &settings,
                                            .kind = POLICY_SUBJECT_READ,
                                            .target = "/w/f",
                                            .decision = &d},
                   &hint, &change);
    assert_non_null(strstr(srt_buf_str(&hint), "--deny-read"));
    assert_null(change.settings);
    policy_release(&policy);
    policy_settings_release(&settings);
    srt_buf_release(&hint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_run),
        cmocka_unit_test(test_pairs),  cmocka_unit_test(test_led_to),
        cmocka_unit_test(test_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
