/* The store as a whole: numbers, totals, the last words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/macros.h"
#include "launcher/events/store.h"
#include "policy/compile.h"

struct run {
    struct events_store *store;
    char dir[32];
    char path[64]; /* JSON Lines */
    FILE *err;     /* what people see */
    cJSON *at[4096];
    size_t n;
    char shown[65536];
};

static void begin(struct run *r, struct events_options o)
{
    struct srt_err err;

    memset(r, 0, sizeof(*r));
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/srt-test-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->path, sizeof(r->path), "%s/events", r->dir);
    r->err = tmpfile();
    assert_non_null(r->err);
    o.err_fd = fileno(r->err);
    r->store = events_store_new(&o);
    assert_int_equal(events_store_add_sink(r->store, r->path, &err), SRT_OK);
    events_store_start(r->store, &(struct events_start){.level = "full"});
}

static const char *text_of(const cJSON *j, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(j, key);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static double number_of(const cJSON *j, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(j, key);

    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static void end(struct run *r, int status)
{
    static char line[1 << 20];
    FILE *f;

    events_store_finish(r->store, status);
    events_store_free(r->store);
    f = fopen(r->path, "r");
    assert_non_null(f);
    while (r->n < SRT_ARRAY_LEN(r->at) &&
           fgets(line, sizeof(line), f) != NULL) {
        r->at[r->n] = cJSON_Parse(line);
        assert_non_null(r->at[r->n]);
        assert_true(number_of(r->at[r->n], "seq") == (double)(r->n + 1));
        r->n++;
    }
    (void)fclose(f);
    rewind(r->err);
    r->shown[fread(r->shown, 1, sizeof(r->shown) - 1, r->err)] = '\0';
    (void)fclose(r->err);
    (void)unlink(r->path);
    (void)rmdir(r->dir);
}

static void release(struct run *r)
{
    for (size_t i = 0; i < r->n; i++)
        cJSON_Delete(r->at[i]);
}

static struct events_violation violation(const char *target)
{
    return (struct events_violation){.op = EVENTS_OP_FILE_WRITE,
                                     .source = EVENTS_SOURCE_SUPERVISOR,
                                     .target = target,
                                     .rule = "/filesystem/allowWrite",
                                     .reason = "no allowWrite entry covers it",
                                     .err = EROFS,
                                     .hint = "add it"};
}

static const struct events_process tee_process = {
    .pid = 7, .host_pid = 700, .exe = "/usr/bin/tee"};

static void test_nothing_happened(void **state)
{
    struct run r;

    (void)state;
    begin(&r, (struct events_options){.annotate = true});
    end(&r, 3);
    assert_int_equal(r.n, 2);
    assert_string_equal(text_of(r.at[0], "type"), "start");
    assert_string_equal(text_of(r.at[1], "type"), "exit");
    assert_true(number_of(r.at[1], "status") == 3);
    assert_string_equal(r.shown, "");
    release(&r);
}

static void test_one(void **state)
{
    struct events_violation v = violation("/a");
    struct run r;

    (void)state;
    begin(&r, (struct events_options){.annotate = false});
    events_store_violation(r.store, &v, &tee_process);
    end(&r, 0);
    assert_int_equal(r.n, 3);
    assert_string_equal(text_of(r.at[1], "type"), "violation");
    assert_string_equal(
        r.shown, "srt: denied write  /a  tee[7]  no allowWrite entry covers it "
                 "(/filesystem/allowWrite); add it\n");
    release(&r);
}

/* Nobody sees a probe, but that there were some is said. */
static void test_probes_are_counted(void **state)
{
    static const struct {
        struct events_options o;
        bool dash;
        unsigned probes, refusals;
        const char *shown; /* its end */
    } rows[] = {
        {{.quiet = false}, false, 1, 0, "srt: denied 1 probe (-v shows it)\n"},
        {{.quiet = false},
         false,
         3,
         1,
         "; add it; and 3 probes (-v shows them)\n"},
        {{.quiet = false},
         true,
         2,
         1,
         "\nsrt: denied also 2 probes (-v shows "
         "them)\n"},
        {{.quiet = false},
         true,
         2,
         0,
         "srt: denied 2 probes (-v shows them)\n"},
        {{.quiet = true}, false, 3, 1, ""},
        {{.verbose = true}, false, 1, 0, "; add it\n"},
    };

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        struct events_violation v = violation("/a");
        struct srt_err err;
        size_t len = strlen(rows[i].shown);
        struct run r;

        begin(&r, rows[i].o);
        if (rows[i].dash)
            assert_int_equal(events_store_add_sink(r.store, "-", &err), SRT_OK);
        for (unsigned k = 0; k < rows[i].probes + rows[i].refusals; k++) {
            v.probe = k < rows[i].probes;
            events_store_violation(r.store, &v, &tee_process);
        }
        end(&r, 0);
        if (strlen(r.shown) < len || (len == 0 && r.shown[0] != '\0') ||
            strcmp(r.shown + strlen(r.shown) - len, rows[i].shown) != 0)
            fail_msg("%zu: %s", i, r.shown);
        release(&r);
    }
}

static void test_forms(void **state)
{
    static const struct {
        struct events_options o;
        bool dash;
        const char *begins; /* of what people see */
        size_t lines;
    } rows[] = {
        {{.quiet = true}, false, "", 0},
        {{.verbose = true}, false, "srt: denied write  /a  tee[7]", 3},
        {{.quiet = true, .annotate = true}, false, "<sandbox_violations>\n", 4},
        {{.quiet = false}, false, "srt: denied 4 operations: 4 by", 1},
        {{.quiet = true}, true, "srt: denied write  /a  tee[7]", 2},
    };

    (void)state;
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        struct events_violation a = violation("/a"), b = violation("/b");
        struct events_violation probe = violation("/c");
        struct srt_err err;
        size_t lines = 0;
        struct run r;

        probe.probe = true;
        begin(&r, rows[i].o);
        if (rows[i].dash)
            assert_int_equal(events_store_add_sink(r.store, "-", &err), SRT_OK);
        events_store_violation(r.store, &probe, &tee_process);
        events_store_violation(r.store, &a, &tee_process);
        events_store_violation(r.store, &b, &tee_process);
        if (!rows[i].o.verbose && !rows[i].dash)
            for (int k = 0; k < 2; k++)
                events_store_violation(r.store, &b, &tee_process);
        end(&r, 0);
        for (const char *c = r.shown; (c = strchr(c, '\n')) != NULL; c++)
            lines++;
        if (rows[i].o.verbose)
            assert_non_null(strstr(r.shown, rows[i].begins));
        else
            assert_int_equal(
                strncmp(r.shown, rows[i].begins, strlen(rows[i].begins)), 0);
        assert_int_equal(lines, rows[i].lines);
        release(&r);
    }
}

static void *refuse_much(void *arg)
{
    struct events_store *s = arg;

    for (int i = 0; i < 10000; i++) {
        char target[16];
        struct events_violation v;

        (void)snprintf(target, sizeof(target), "/%d", i % 50);
        v = violation(target);
        v.probe = i % 10 == 0;
        events_store_violation(s, &v, &tee_process);
    }
    return NULL;
}

/* Four threads at once: the records of the rule add up to the totals. */
static void test_totals_add_up(void **state)
{
    pthread_t threads[4];
    double sum = 0;
    struct run r;
    const cJSON *last;

    (void)state;
    begin(&r, (struct events_options){.quiet = true});
    for (size_t i = 0; i < SRT_ARRAY_LEN(threads); i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, refuse_much, r.store), 0);
    for (size_t i = 0; i < SRT_ARRAY_LEN(threads); i++)
        (void)pthread_join(threads[i], NULL);
    end(&r, 0);
    for (size_t i = 0; i < r.n; i++) {
        if (strcmp(text_of(r.at[i], "type"), "violation") == 0)
            sum += 1;
        if (strcmp(text_of(r.at[i], "type"), "repeat") == 0)
            sum += number_of(r.at[i], "count");
    }
    last = r.at[r.n - 1];
    assert_true(sum == 40000);
    assert_true(number_of(cJSON_GetObjectItem(last, "totals"),
                          "/filesystem/allowWrite") == 40000);
    assert_true(number_of(cJSON_GetObjectItem(last, "probes"),
                          "/filesystem/allowWrite") == 4000);
    assert_true(r.n < 1000);
    release(&r);
}

static void test_warning_error_and_allowed(void **state)
{
    struct events_violation v = violation("/a");
    struct run r;

    (void)state;
    begin(&r, (struct events_options){.quiet = false});
    events_store_warning(r.store, "odd %s", "host\x1b");
    v.allowed = true;
    events_store_violation(r.store, &v, &tee_process);
    events_store_error(r.store, "failed");
    end(&r, 125);
    assert_int_equal(r.n, 4);
    assert_string_equal(text_of(r.at[1], "message"), "odd host\x1b");
    assert_string_equal(text_of(r.at[2], "type"), "warning");
    assert_string_equal(text_of(r.at[2], "target"), "/a");
    assert_string_equal(text_of(r.at[3], "type"), "error");
    assert_non_null(strstr(r.shown, "srt: warning: odd host\\x1b\n"));
    assert_non_null(strstr(r.shown, "srt: failed write  /a  tee[7]"));
    release(&r);
}

/* Of one kind the first is told, the others are counted, in no total of a rule;
 * another errno is another kind. */
static void test_allowed_by_kind(void **state)
{
    struct events_violation v = violation("/a");
    struct run r;

    (void)state;
    begin(&r, (struct events_options){.quiet = false});
    v.allowed = true;
    v.err = EXDEV;
    for (int i = 0; i < 1000; i++) {
        v.target = i % 2 == 0 ? "/a" : "/b";
        events_store_violation(r.store, &v, &tee_process);
    }
    v.err = EROFS;
    events_store_violation(r.store, &v, &tee_process);
    end(&r, 0);
    assert_int_equal(r.n, 5);
    assert_string_equal(text_of(r.at[1], "errno"), "EXDEV");
    assert_string_equal(text_of(r.at[2], "errno"), "EROFS");
    assert_string_equal(text_of(r.at[3], "type"), "repeat");
    assert_true(number_of(r.at[3], "ref") == number_of(r.at[1], "seq"));
    assert_true(number_of(r.at[3], "count") == 999);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(r.at[3], "coarse")));
    assert_null(cJSON_GetObjectItem(r.at[4], "totals")->child);
    assert_non_null(strstr(r.shown, "policy allows it: write, 999 times more"));
    release(&r);
}

/* More kinds than are kept apart: counted, and told as what they are. */
static void test_allowed_of_too_many_kinds(void **state)
{
    char rule[32];
    struct events_violation v = violation("/a");
    struct run r;

    (void)state;
    begin(&r, (struct events_options){.quiet = true});
    v.allowed = true;
    v.rule = rule;
    for (int i = 0; i < 400; i++) {
        (void)snprintf(rule, sizeof(rule), "/filesystem/allowWrite/%d",
                       i % 100);
        events_store_violation(r.store, &v, &tee_process);
    }
    end(&r, 0);
    /* start, 64 kinds with a repeat each, the others, exit */
    assert_int_equal(r.n, 1 + 64 * 2 + 1 + 1);
    assert_non_null(
        strstr(text_of(r.at[r.n - 2], "message"), "144 more of other kinds"));
    release(&r);
}

/* A refused name does not hide behind one that may be ignored. */
static void test_ignored_by_every_name(void **state)
{
    static const char json[] =
        "{\"ignoreViolations\":{\"*\":[\"node_modules\"]}}";
    struct events_violation v = violation("/w/node_modules/a");
    struct srt_buf diags = {0};
    struct policy_settings settings;
    struct policy_host host = {0};
    struct policy policy;
    struct run r;

    (void)state;
    assert_int_equal(
        policy_settings_parse("tbl", json, strlen(json), &settings, &diags),
        SRT_OK);
    assert_int_equal(policy_compile(&settings, &host, NULL, &policy, &diags),
                     SRT_OK);
    begin(&r, (struct events_options){.image = policy.image});
    events_store_violation(r.store, &v, &tee_process);
    v.target2 = "/w/node_modules/b";
    events_store_violation(r.store, &v, &tee_process);
    v.target2 = "/etc/evil";
    events_store_violation(r.store, &v, &tee_process);
    v.target = "/etc/evil";
    v.target2 = "/w/node_modules/a";
    events_store_violation(r.store, &v, &tee_process);
    end(&r, 0);
    assert_int_equal(r.n, 4); /* start, two violations, exit */
    assert_string_equal(text_of(r.at[1], "target2"), "/etc/evil");
    assert_string_equal(text_of(r.at[2], "target"), "/etc/evil");
    release(&r);
    policy_release(&policy);
    policy_settings_release(&settings);
    srt_buf_release(&diags);
}

/* A window's repeats are told when it ends, also if nothing else happens. */
static void test_repeats_are_told_in_time(void **state)
{
    struct events_violation v = violation("/a");
    uint64_t until = srt_clock_ms() + 3000;
    char text[8192];
    struct run r;

    (void)state;
    begin(&r, (struct events_options){.quiet = true});
    events_store_violation(r.store, &v, &tee_process);
    events_store_violation(r.store, &v, &tee_process);
    do {
        FILE *f = fopen(r.path, "r");

        assert_non_null(f);
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        (void)fclose(f);
        (void)usleep(20000);
    } while (strstr(text, "\"repeat\"") == NULL && srt_clock_ms() < until);
    assert_non_null(strstr(text, "\"type\":\"repeat\",\"ref\":2,\"count\":1"));
    end(&r, 0);
    release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_happened),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_probes_are_counted),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_totals_add_up),
        cmocka_unit_test(test_warning_error_and_allowed),
        cmocka_unit_test(test_allowed_by_kind),
        cmocka_unit_test(test_allowed_of_too_many_kinds),
        cmocka_unit_test(test_ignored_by_every_name),
        cmocka_unit_test(test_repeats_are_told_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
