/* Each row: a policy, a refused question, the hint and change for it; then the
 * change is applied, and the question must be allowed. */
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
    {"{}", POLICY_SUBJECT_ENTRY, "/new", NONE, ""},
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
                                        "/w/s"};

    fake_init(fake, host);
    fake_add(fake, "/w", POLICY_KIND_DIR, "");
    fake_add(fake, "/x", POLICY_KIND_DIR, "");
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

/* Compile, ask; for a refusal also suggest. */
static struct policy_decision judge(const struct row *row, const char *json,
                                    struct srt_buf *hint,
                                    struct srt_buf *change)
{
    static struct fake_host fake;
    struct policy_host host;
    struct policy_settings settings;
    struct policy policy;
    struct policy_decision d;
    struct srt_buf diags = {0};

    make_host(&fake, &host);
    policy_settings_init(&settings);
    if (policy_settings_parse("row", json, strlen(json), &settings, &diags) !=
            SRT_OK ||
        policy_compile(&settings, &host, NULL, &policy, &diags) != SRT_OK)
        fail_msg("%s: %s", json, srt_buf_str(&diags));
    d = ask(policy.image, row);
    policy_suggest(policy.image, row->kind, row->target, &d, hint, change);
    policy_release(&policy);
    policy_settings_release(&settings);
    srt_buf_release(&diags);
    return d; /* only its verdict is alive */
}

/* RFC 6902 as far as it is used: add and remove on members and elements. */
static void apply_step(cJSON *doc, const cJSON *step)
{
    const char *op = cJSON_GetObjectItem(step, "op")->valuestring;
    const char *path = cJSON_GetObjectItem(step, "path")->valuestring;
    cJSON *at = doc;
    char word[64];

    for (;;) {
        size_t n = strcspn(++path, "/");

        (void)snprintf(word, sizeof(word), "%.*s", (int)n, path);
        path += n;
        if (*path == '\0')
            break;
        at = cJSON_IsArray(at)
                 ? cJSON_GetArrayItem(at, (int)strtol(word, NULL, 10))
                 : cJSON_GetObjectItem(at, word);
        assert_non_null(at);
    }
    if (strcmp(op, "remove") == 0) {
        int i = (int)strtol(word, NULL, 10);

        assert_true(cJSON_IsArray(at) && i < cJSON_GetArraySize(at));
        cJSON_DeleteItemFromArray(at, i);
        return;
    }
    assert_string_equal(op, "add");
    {
        cJSON *value = cJSON_Duplicate(cJSON_GetObjectItem(step, "value"), 1);

        assert_non_null(value);
        if (cJSON_IsArray(at)) {
            assert_string_equal(word, "-");
            assert_true(cJSON_AddItemToArray(at, value));
        } else {
            cJSON_DeleteItemFromObject(at, word);
            assert_true(cJSON_AddItemToObject(at, word, value));
        }
    }
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
        apply_step(doc, step);
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

/* What an option decided cannot be changed in the file. */
static void test_option(void **state)
{
    static struct fake_host fake;
    struct policy_host host;
    struct policy_settings settings;
    struct policy policy;
    struct policy_decision d;
    struct srt_buf hint = {0};
    struct srt_buf change = {0};
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
    policy_suggest(policy.image, POLICY_SUBJECT_READ, "/w/f", &d, &hint,
                   &change);
    assert_non_null(strstr(srt_buf_str(&hint), "--deny-read"));
    assert_int_equal(change.len, 0);
    policy_release(&policy);
    policy_settings_release(&settings);
    srt_buf_release(&hint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
