/* JSON strings from hostile bytes; the records as a whole. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"
#include "launcher/events/json.h"
#include "launcher/events/record.h"
#include "launcher/events/shown.h"
#include "policy/change.h"

#define TEXT(s) s, sizeof(s) - 1

static const struct {
    const char *bytes;
    size_t len;
    const char *want;
    const char *base64; /* NULL: none */
} texts[] = {
    {TEXT("plain"), "\"plain\"", NULL},
    {TEXT(""), "\"\"", NULL},
    {TEXT("a\nb\t"), "\"a\\nb\\t\"", NULL},
    {TEXT("a\"b\\c"), "\"a\\\"b\\\\c\"", NULL},
    {TEXT("\x1b[31m"), "\"\\u001b[31m\"", NULL},
    {TEXT("nul\0byte"), "\"nul\\u0000byte\"", NULL},
    {TEXT("\xc3\xa4"), "\"\xc3\xa4\"", NULL},
    {TEXT("\xe2\x80\xae"
          "x"),
     "\"\\u202ex\"", NULL},
    {TEXT("\xc2\x9b"), "\"\\u009b\"", NULL},
    {TEXT("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"", NULL},
    {TEXT("\xf3\xa0\x80\x81"), "\"\\udb40\\udc01\"", NULL},
    {TEXT("\xff"), "\"\\ufffd\"", "\"/w==\""},
    {TEXT("a\xff"
          "b"),
     "\"a\\ufffdb\"", "\"Yf9i\""},
    {TEXT("\xc3"), "\"\\ufffd\"", "\"ww==\""},
    {TEXT("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"", "\"7aCA\""},
    {TEXT("\xc0\xaf"), "\"\\ufffd\\ufffd\"", "\"wK8=\""},
};

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(texts); i++) {
        SRT_AUTO_BUF struct srt_buf b = {0}, want = {0};

        events_json_bytes(&b, "k", texts[i].bytes, texts[i].len);
        srt_buf_addf(&want, ",\"k\":%s", texts[i].want);
        if (texts[i].base64 != NULL)
            srt_buf_addf(&want, ",\"k_b64\":%s", texts[i].base64);
        assert_string_equal(srt_buf_str(&b), srt_buf_str(&want));
    }
}

static void test_cut(void **state)
{
    char long_text[EVENTS_JSON_TEXT_MAX + 8];

    (void)state;
    memset(long_text, 'a', sizeof(long_text));
    assert_int_equal(events_shown_cut(long_text, sizeof(long_text), 4096),
                     4096);
    memcpy(long_text + 4095, "\xc3\xa4", 2); /* begins in, ends out */
    assert_int_equal(events_shown_cut(long_text, sizeof(long_text), 4096),
                     4095);
    memcpy(long_text + 4094, "\xc3\xa4", 2); /* just fits */
    long_text[4096] = 'a';
    assert_int_equal(events_shown_cut(long_text, sizeof(long_text), 4096),
                     4096);
    assert_int_equal(events_shown_cut("ab", 2, 4096), 2);
}

static cJSON *parse_line(const struct srt_buf *b)
{
    cJSON *j = cJSON_Parse(srt_buf_str(b));

    assert_non_null(j);
    assert_int_equal(b->data[b->len - 1], '\n');
    assert_ptr_equal(strchr(b->data, '\n'), b->data + b->len - 1);
    return j;
}

static void assert_text(const cJSON *j, const char *key, const char *want)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(j, key);

    if (want == NULL) {
        assert_null(item);
        return;
    }
    assert_true(cJSON_IsString(item));
    assert_string_equal(item->valuestring, want);
}

static void test_violation(void **state)
{
    struct policy_settings settings = {.has_members = false};
    struct policy_change change = {.settings = &settings,
                                   .list = POLICY_LIST_ALLOW_WRITE,
                                   .entry = "/home/a/notes"};
    struct policy_change_log changes = {0};
    struct events_process p = {.pid = 7,
                               .host_pid = 812,
                               .exe = "/usr/bin/tee",
                               .argv = "tee\0../no\xfftes",
                               .argv_len = sizeof("tee\0../no?tes"),
                               .cwd = "/home/a/p"};
    struct events_violation v = {.op = EVENTS_OP_FILE_WRITE,
                                 .source = EVENTS_SOURCE_SUPERVISOR,
                                 .target = "/home/a/notes",
                                 .requested = "../notes",
                                 .call = "openat",
                                 .rule = "/filesystem/allowWrite",
                                 .reason = "no allowWrite entry covers it",
                                 .err = EROFS,
                                 .hint = "add it",
                                 .change = &change};
    struct events_record_head h = {.seq = 3, .run = "b7f2"};
    SRT_AUTO_BUF struct srt_buf b = {0};
    cJSON *j;

    (void)state;
    events_record_violation(&b, h, &v, &p, &changes);
    j = parse_line(&b);
    assert_text(j, "type", "violation");
    assert_text(j, "op", "file-write");
    assert_text(j, "requested", "../notes");
    assert_text(j, "class", "refused");
    assert_text(j, "errno", "EROFS");
    assert_text(j, "source", "supervisor");
    assert_text(j, "exe", "/usr/bin/tee");
    assert_text(j, "caller", NULL);
    assert_null(cJSON_GetObjectItem(j, "certain"));
    assert_null(cJSON_GetObjectItem(j, "tid"));
    assert_int_equal(cJSON_GetObjectItem(j, "pid")->valueint, 7);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "argv")), 2);
    assert_string_equal(
        cJSON_GetArrayItem(cJSON_GetObjectItem(j, "argv_b64"), 0)->valuestring,
        "dGVl");
    assert_true(cJSON_IsArray(cJSON_GetObjectItem(j, "change")));
    cJSON_Delete(j);

    srt_buf_clear(&b);
    v.requested = v.target;
    v.probe = v.uncertain = v.caller_died = true;
    v.err = 0;
    events_record_violation(&b, h, &v, NULL, &changes);
    policy_change_log_release(&changes);
    j = parse_line(&b);
    assert_text(j, "requested", NULL);
    assert_text(j, "class", "probe");
    assert_text(j, "errno", NULL);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(j, "certain")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "caller_died")));
    cJSON_Delete(j);
}

static void test_start_and_exit(void **state)
{
    static const char *const layers[] = {"mounts", "seccomp", NULL};
    static const char *const argv[] = {"sh", "-c", "", NULL};
    struct events_start st = {.policy_sha256 = "aa",
                              .level = "full",
                              .layers = layers,
                              .argv = argv,
                              .cwd = "/"};
    struct events_record_head h = {.seq = 1, .run = "b7f2"};
    struct events_totals totals;
    SRT_AUTO_BUF struct srt_buf b = {0};
    const cJSON *part;
    cJSON *j;

    (void)state;
    events_record_start(&b, h, &st);
    j = parse_line(&b);
    part = cJSON_GetObjectItem(j, "policy");
    assert_text(part, "sha256", "aa");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(part, "builtin")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "layers")), 2);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "argv")), 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "silent")), 0);
    cJSON_Delete(j);

    events_totals_init(&totals);
    events_totals_add(&totals, "/a", false, false);
    events_totals_add(&totals, "/a", true, false);
    events_totals_add(&totals, "/b\"", false, true);
    srt_buf_clear(&b);
    events_record_exit(&b, h, 3, &totals, 0);
    j = parse_line(&b);
    part = cJSON_GetObjectItem(j, "totals");
    assert_int_equal(cJSON_GetObjectItem(part, "/a")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(part, "/b\"")->valueint, 1);
    part = cJSON_GetObjectItem(j, "probes");
    assert_int_equal(cJSON_GetArraySize(part), 1);
    assert_int_equal(cJSON_GetObjectItem(part, "/a")->valueint, 1);
    part = cJSON_GetObjectItem(j, "uncertain");
    assert_int_equal(cJSON_GetObjectItem(part, "/b\"")->valueint, 1);
    cJSON_Delete(j);
    events_totals_release(&totals);
}

static void test_totals_are_bounded_and_exact(void **state)
{
    struct events_totals t;
    char rule[32];

    (void)state;
    events_totals_init(&t);
    for (unsigned i = 0; i < EVENTS_TOTALS_MAX_RULES + 5; i++) {
        (void)snprintf(rule, sizeof(rule), "/rule/%u", i);
        events_totals_add(&t, rule, i == 0, false);
    }
    assert_int_equal(t.n, EVENTS_TOTALS_MAX_RULES + 1);
    assert_int_equal(t.at[0].all, 5);
    assert_int_equal(events_totals_sum(&t, true), EVENTS_TOTALS_MAX_RULES + 5);
    assert_int_equal(events_totals_sum(&t, false), EVENTS_TOTALS_MAX_RULES + 4);
    events_totals_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_violation),
        cmocka_unit_test(test_start_and_exit),
        cmocka_unit_test(test_totals_are_bounded_and_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
