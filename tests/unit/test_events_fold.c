/* Folding: nothing is lost, one record a second. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "launcher/events/fold.h"

struct told {
    uint64_t seqs[2 * EVENTS_FOLD_MAX];
    uint64_t counts[2 * EVENTS_FOLD_MAX];
    size_t n;
};

static void note_told(void *ctx, const struct events_folded *f)
{
    struct told *t = ctx;

    assert_true(t->n < 2 * EVENTS_FOLD_MAX);
    assert_string_equal(f->who, "tee[7]");
    t->seqs[t->n] = f->seq;
    t->counts[t->n++] = f->count;
}

static const struct events_fold_key base_key = {
    .process = 7, .op = EVENTS_OP_FILE_WRITE, .target = "/a", .rule = "/r"};

static void test_repeats_become_one(void **state)
{
    struct told t = {.n = 0};
    struct events_fold *f = events_fold_new(note_told, &t);

    (void)state;
    assert_false(events_fold_hit(f, &base_key));
    events_fold_begin(f, &base_key, 3, "tee[7]", 1000);
    for (int i = 0; i < 5; i++)
        assert_true(events_fold_hit(f, &base_key));
    events_fold_expire(f, 1999, false);
    assert_int_equal(t.n, 0);
    events_fold_expire(f, 2000, false);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.seqs[0], 3);
    assert_int_equal(t.counts[0], 5);
    /* The next window of the same key. */
    assert_true(events_fold_hit(f, &base_key));
    events_fold_expire(f, 3000, false);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.counts[1], 1);
    /* A window without repeats ends the key, without a record. */
    events_fold_expire(f, 4000, false);
    assert_int_equal(t.n, 2);
    assert_true(events_fold_empty(f));
    assert_false(events_fold_hit(f, &base_key));
    events_fold_free(f);
}

static void test_what_differs_is_not_folded(void **state)
{
    struct told t = {.n = 0};
    struct events_fold *f = events_fold_new(note_told, &t);
    struct events_fold_key others[] = {base_key, base_key, base_key, base_key,
                                       base_key, base_key, base_key};

    (void)state;
    others[0].process = 8;
    others[1].op = EVENTS_OP_FILE_READ;
    others[2].target = "/b";
    others[3].rule = "/s";
    others[4].probe = true;
    others[5].uncertain = true;
    others[6].target2 = "/c";
    events_fold_begin(f, &base_key, 1, "tee[7]", 0);
    for (size_t i = 0; i < SRT_ARRAY_LEN(others); i++)
        assert_false(events_fold_hit(f, &others[i]));
    assert_true(events_fold_hit(f, &base_key));
    events_fold_expire(f, 0, true);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.counts[0], 1);
    assert_true(events_fold_empty(f));
    events_fold_free(f);
}

static void test_bounded_and_exact(void **state)
{
    struct told t = {.n = 0};
    struct events_fold *f = events_fold_new(note_told, &t);
    const unsigned keys = EVENTS_FOLD_MAX + 100;
    uint64_t sum = 0;
    char target[32];

    (void)state;
    for (unsigned i = 0; i < keys; i++) {
        struct events_fold_key k = base_key;

        (void)snprintf(target, sizeof(target), "/t/%u", i);
        k.target = target;
        events_fold_begin(f, &k, i, "tee[7]", i);
        assert_true(events_fold_hit(f, &k));
    }
    assert_int_equal(t.n, 100); /* the oldest made room */
    assert_int_equal(t.seqs[0], 0);
    events_fold_expire(f, 0, true);
    for (size_t i = 0; i < t.n; i++)
        sum += t.counts[i];
    assert_int_equal(sum, keys);
    events_fold_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_become_one),
        cmocka_unit_test(test_what_differs_is_not_folded),
        cmocka_unit_test(test_bounded_and_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
