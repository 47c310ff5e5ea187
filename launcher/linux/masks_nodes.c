#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/num.h"
#include "launcher/linux/masks_parts.h"

/* A mask may not be entered, but where something is revealed below it.  Files
 * need their x bits: without one execve(2) fails before the mask is asked. */
#define MODE_MASK_DIR  (S_IFDIR | 0000)
#define MODE_OPEN_DIR  (S_IFDIR | 0111)
#define MODE_MASK_FILE (S_IFREG | 0111)
#define MODE_WAY_DIR   (S_IFDIR | 0555)
#define MODE_WAY_FILE  (S_IFREG | 0555)

static int compare_ways(const void *a, const void *b)
{
    const struct masks_node *x = a;
    const struct masks_node *y = b;

    return strcmp(x->path, y->path);
}

static void add_way(struct masks_nodes *n, int region, const char *path,
                    size_t len, mode_t mode)
{
    n->ways = srt_xreallocarray(n->ways, n->nways + 1, sizeof(*n->ways));
    n->ways[n->nways++] = (struct masks_node){
        .path = srt_arena_strndup(&n->arena, path, len),
        .region = region,
        .mode = mode};
}

/* The directories from the mask to `path` below it, and that itself. */
static void add_ways_to(struct masks_nodes *n, int mask, const char *path,
                        mode_t mode)
{
    size_t skip = strlen(n->plan->regions[mask].path);

    n->masks[mask].mode = MODE_OPEN_DIR;
    if (path[skip] == '\0')
        return;
    for (size_t i = skip + 1; path[i] != '\0'; i++)
        if (path[i] == '/')
            add_way(n, mask, path, i, MODE_WAY_DIR);
    add_way(n, mask, path, strlen(path), mode);
}

/* Two regions share the first part of their way. */
static void drop_doubles(struct masks_nodes *n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n->nways; i++) {
        if (kept > 0 && strcmp(n->ways[kept - 1].path, n->ways[i].path) == 0)
            continue;
        n->ways[kept++] = n->ways[i];
    }
    n->nways = kept;
}

void masks_nodes_init(struct masks_nodes *n, const struct plan *plan,
                      const char *cwd)
{
    int around = plan_region_of(plan, cwd);

    memset(n, 0, sizeof(*n));
    n->plan = plan;
    n->masks = srt_xcalloc(plan->nregions + 1, sizeof(*n->masks));
    for (size_t i = 0; i < plan->nregions; i++) {
        const struct plan_region *r = &plan->regions[i];

        if (r->access == PLAN_MASKED)
            n->masks[i] = (struct masks_node){.path = r->path,
                                              .region = (int)i,
                                              .mode = r->dir ? MODE_MASK_DIR
                                                             : MODE_MASK_FILE};
        if (r->parent >= 0 && plan->regions[r->parent].access == PLAN_MASKED)
            add_ways_to(n, r->parent, r->path,
                        r->dir ? MODE_WAY_DIR : MODE_WAY_FILE);
    }
    if (around >= 0 && plan->regions[around].access == PLAN_MASKED)
        add_ways_to(n, around, cwd, MODE_WAY_DIR);
    if (n->nways > 0)
        qsort(n->ways, n->nways, sizeof(*n->ways), compare_ways);
    drop_doubles(n);
}

void masks_nodes_release(struct masks_nodes *n)
{
    free(n->masks);
    free(n->ways);
    srt_arena_release(&n->arena);
    memset(n, 0, sizeof(*n));
}

const struct masks_node *masks_nodes_get(const struct masks_nodes *n,
                                         uint64_t id)
{
    size_t nregions = n->plan->nregions;

    if (id < 2)
        return NULL;
    id -= 2;
    if (id < nregions)
        return n->masks[id].path != NULL ? &n->masks[id] : NULL;
    id -= nregions;
    return id < n->nways ? &n->ways[id] : NULL;
}

static uint64_t lookup_mask(const struct masks_nodes *n, const char *name)
{
    uint64_t i;

    if (n->plan->nregions == 0 ||
        !srt_num_u64(name, n->plan->nregions - 1, &i) ||
        n->masks[i].path == NULL)
        return 0;
    return i + 2;
}

uint64_t masks_nodes_lookup(const struct masks_nodes *n, uint64_t parent,
                            const char *name)
{
    const struct masks_node *dir = masks_nodes_get(n, parent);
    struct masks_node key = {.mode = 0};
    const struct masks_node *found;
    char path[SRT_PATH_MAX];

    if (parent == MASKS_ROOT_NODE)
        return lookup_mask(n, name);
    if (dir == NULL || n->nways == 0 ||
        (size_t)snprintf(path, sizeof(path), "%s/%s", dir->path, name) >=
            sizeof(path))
        return 0;
    key.path = path;
    found = bsearch(&key, n->ways, n->nways, sizeof(*n->ways), compare_ways);
    return found == NULL ? 0
                         : (uint64_t)(found - n->ways) + n->plan->nregions + 2;
}
