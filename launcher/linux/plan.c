#include "launcher/linux/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"

static enum plan_access access_of(const struct policy *policy, const char *path,
                                  const char **ret_rule)
{
    struct policy_decision read = policy_decide_read(policy->image, path);
    struct policy_decision write = policy_decide_write(policy->image, path);

    *ret_rule = read.verdict == POLICY_DENY ? read.rule : write.rule;
    if (read.verdict == POLICY_DENY)
        return PLAN_MASKED;
    return write.verdict == POLICY_ALLOW ? PLAN_WRITABLE : PLAN_READONLY;
}

/* Index of the deepest region at or above path among the first n, or -1. */
static int nearest(const struct plan *p, size_t n, const char *path)
{
    for (size_t i = n; i > 0; i--)
        if (srt_path_under(path, p->regions[i - 1].path))
            return (int)(i - 1);
    return -1;
}

static enum plan_access inherited(const struct plan *p, int parent)
{
    return parent < 0 ? PLAN_READONLY : p->regions[parent].access;
}

/* Every list entry that the plan must look at: each place once. */
static void add_region(struct plan *p, const struct plan_region *r)
{
    p->regions = srt_xreallocarray(p->regions, p->nregions + 1,
                                   sizeof(p->regions[0]));
    p->regions[p->nregions++] = *r;
}

/* In the order of a walk: a directory before what is below it, siblings by
 * name; '/' sorts before every other byte. */
static int compare_paths(const char *a, const char *b)
{
    size_t i = 0;
    int x;
    int y;

    while (a[i] == b[i] && a[i] != '\0')
        i++;
    x = a[i] == '\0' ? -1 : a[i] == '/' ? 0 : (unsigned char)a[i];
    y = b[i] == '\0' ? -1 : b[i] == '/' ? 0 : (unsigned char)b[i];
    return (x > y) - (x < y);
}

static int compare_regions(const void *a, const void *b)
{
    const struct plan_region *x = a;
    const struct plan_region *y = b;
    int order = compare_paths(x->path, y->path);

    /* Of equal paths the one that is more than a pin comes first. */
    return order != 0 ? order : (int)x->pinned - (int)y->pinned;
}

/* Must it keep its name inside a writable region?  Then so must the
 * directories above it, or the whole could be moved away. */
static bool keeps_its_name(const struct policy_place *place,
                           enum plan_access access)
{
    return access == PLAN_MASKED || place->protected_name ||
           place->list == POLICY_LIST_DENY_WRITE;
}

/* The directory dir, and those above it, for what `rule` keeps below. */
static void add_pins(struct plan *p, const struct policy *policy,
                     const char *dir, const char *rule)
{
    char parent[SRT_PATH_MAX];
    char at[SRT_PATH_MAX];

    (void)srt_path_clean(dir, at, sizeof(at));
    while (strcmp(at, "/") != 0) {
        const char *unused;
        struct plan_region pin = {.rule = rule, .dir = true, .pinned = true};

        pin.access = access_of(policy, at, &unused);
        if (pin.access != PLAN_WRITABLE ||
            srt_path_split(at, parent, sizeof(parent)) == NULL)
            break;
        pin.path = srt_arena_strdup(&p->arena, at);
        add_region(p, &pin);
        memcpy(at, parent, sizeof(at));
    }
}

static void collect(struct plan *p, const struct policy *policy)
{
    struct plan_region root = {.path = "/", .dir = true};

    /* Of its own, since filesystem.disabled leaves no places. */
    root.access = access_of(policy, root.path, &root.rule);
    add_region(p, &root);
    for (size_t i = 0; i < policy->nplaces; i++) {
        const struct policy_place *place = &policy->places[i];
        struct plan_region r = {.path = place->path,
                                .dir = place->kind == POLICY_KIND_DIR};
        char parent[SRT_PATH_MAX];

        if (place->kind == POLICY_KIND_ABSENT) {
            if (place->way != NULL)
                add_pins(p, policy, place->way, place->rule);
            continue;
        }
        r.access = access_of(policy, place->path, &r.rule);
        add_region(p, &r);
        if (keeps_its_name(place, r.access) &&
            srt_path_split(place->path, parent, sizeof(parent)) != NULL)
            add_pins(p, policy, parent, r.rule);
    }
}

/* Drop what changes nothing: the access of the region above and no pin. */
static void reduce(struct plan *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->nregions; i++) {
        struct plan_region r = p->regions[i];
        int parent = nearest(p, n, r.path);
        bool again = n > 0 && strcmp(p->regions[n - 1].path, r.path) == 0;

        if (again) {
            p->regions[n - 1].pinned |= r.pinned;
            continue;
        }
        if (r.access == inherited(p, parent) && !r.pinned)
            continue;
        r.parent = parent;
        p->regions[n++] = r;
    }
    p->nregions = n;
}

enum srt_rc plan_make(const struct policy *policy, struct plan *ret,
                      struct srt_err *err)
{
    struct plan p = {0};

    collect(&p, policy);
    if (p.nregions > 1)
        qsort(p.regions, p.nregions, sizeof(p.regions[0]), compare_regions);
    reduce(&p);
    for (size_t i = 0; i < p.nregions; i++)
        if (p.regions[i].access == PLAN_MASKED &&
            strcmp(p.regions[i].path, "/") == 0) {
            enum srt_rc rc = srt_err_set(
                err, SRT_E_UNSUP,
                "%s: denying all of / is not supported yet; deny its "
                "directories one by one",
                p.regions[i].rule);

            plan_release(&p);
            return rc;
        }
    *ret = p;
    return SRT_OK;
}

void plan_release(struct plan *p)
{
    srt_free_ptr(&p->regions);
    srt_arena_release(&p->arena);
    p->nregions = 0;
}

enum plan_access plan_access_above(const struct plan *p, size_t i)
{
    return inherited(p, p->regions[i].parent);
}

int plan_region_of(const struct plan *p, const char *path)
{
    return nearest(p, p->nregions, path);
}

enum plan_access plan_access_at(const struct plan *p, const char *path)
{
    return inherited(p, plan_region_of(p, path));
}
