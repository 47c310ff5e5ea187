/* Which names exist in the masks' superblock (launcher/linux/masks_parts.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/macros.h"
#include "launcher/linux/masks_parts.h"

static void test_nodes(void **state)
{
    struct plan_region regions[] = {
        {.path = "/a", .access = PLAN_MASKED, .dir = true, .parent = -1},
        {.path = "/a/b/c", .access = PLAN_READONLY, .dir = true, .parent = 0},
        {.path = "/a/b/c/d", .access = PLAN_MASKED, .dir = true, .parent = 1},
        {.path = "/a/b/e", .access = PLAN_READONLY, .parent = 0},
        {.path = "/f", .access = PLAN_MASKED, .parent = -1},
    };
    struct plan p = {.regions = regions, .nregions = SRT_ARRAY_LEN(regions)};
    struct masks_nodes n;
    uint64_t a, b;

    (void)state;
    masks_nodes_init(&n, &p, "/");
    a = masks_nodes_lookup(&n, 1, "0");
    assert_int_equal(a, 2);
    assert_int_equal(masks_nodes_lookup(&n, 1, "1"), 0); /* not a mask */
    assert_int_equal(masks_nodes_lookup(&n, 1, "5"), 0);
    assert_int_equal(masks_nodes_lookup(&n, 1, ""), 0);
    assert_int_equal(masks_nodes_lookup(&n, 1, "00"), 2);
    b = masks_nodes_lookup(&n, a, "b");
    assert_int_not_equal(b, 0);
    assert_string_equal(masks_nodes_get(&n, b)->path, "/a/b");
    assert_int_equal(masks_nodes_get(&n, b)->mode, S_IFDIR | 0555);
    assert_int_equal(n.nways, 3);
    assert_int_not_equal(masks_nodes_lookup(&n, b, "c"), 0);
    assert_true(
        S_ISREG(masks_nodes_get(&n, masks_nodes_lookup(&n, b, "e"))->mode));
    assert_int_equal(masks_nodes_lookup(&n, b, "x"), 0);
    assert_int_equal(masks_nodes_lookup(&n, a, "c"), 0);
    assert_int_equal(masks_nodes_lookup(&n, a, ".."), 0);
    assert_int_equal(masks_nodes_lookup(&n, 99, "b"), 0);
    assert_int_equal(masks_nodes_lookup(&n, UINT64_MAX, "b"), 0);
    assert_int_equal(masks_nodes_get(&n, 2)->mode, S_IFDIR | 0111);
    assert_int_equal(masks_nodes_get(&n, 4)->mode, S_IFDIR);
    assert_int_equal(masks_nodes_get(&n, 6)->mode, S_IFREG | 0111);
    assert_null(masks_nodes_get(&n, 3));
    assert_null(masks_nodes_get(&n, 1));
    assert_null(masks_nodes_get(&n, 0));
    masks_nodes_release(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
