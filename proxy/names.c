#include "proxy/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SLOTS = PROXY_NAMES_ADDRESSES * 2 };

struct entry {
    struct policy_addr addr; /* family 0: free */
    uint8_t count;
    char **names; /* owned */
};

struct proxy_names {
    size_t used;
    struct entry *slots; /* owned; grows to SLOTS */
    size_t nslots;
};

struct proxy_names *proxy_names_new(void)
{
    return calloc(1, sizeof(struct proxy_names));
}

void proxy_names_free(struct proxy_names *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->nslots; i++) {
        for (size_t k = 0; k < n->slots[i].count; k++)
            free(n->slots[i].names[k]);
        free(n->slots[i].names);
    }
    free(n->slots);
    free(n);
}

/* Over the family and the bytes. */
static size_t hash(struct policy_addr a)
{
    uint64_t h = srt_hash64(a.family, a.bytes, a.family == 4 ? 4 : 16);

    return (size_t)(h ^ h >> 29);
}

/* The address's slot or the free one where it belongs. */
static struct entry *find(const struct proxy_names *n, struct policy_addr a)
{
    size_t i = hash(a) % n->nslots;

    while (n->slots[i].addr.family != 0 &&
           !policy_addr_equal(n->slots[i].addr, a))
        i = (i + 1) % n->nslots;
    return &n->slots[i];
}

static bool grow(struct proxy_names *n)
{
    struct proxy_names bigger = {
        .used = n->used, .nslots = n->nslots != 0 ? n->nslots * 4 : 512};

    if (bigger.nslots > SLOTS)
        bigger.nslots = SLOTS;
    bigger.slots = calloc(bigger.nslots, sizeof(struct entry));
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < n->nslots; i++)
        if (n->slots[i].addr.family != 0)
            *find(&bigger, n->slots[i].addr) = n->slots[i];
    free(n->slots);
    *n = bigger;
    return true;
}

static bool add_name(struct entry *e, const char *name)
{
    char **grown;
    char *copy;

    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->names[i], name) == 0)
            return true;
    if (e->count == PROXY_NAMES_EACH)
        return false;
    grown = realloc(e->names, (e->count + 1u) * sizeof(char *));
    if (grown == NULL)
        return false;
    e->names = grown;
    copy = strdup(name);
    if (copy == NULL)
        return false;
    e->names[e->count++] = copy;
    return true;
}

bool proxy_names_add(struct proxy_names *n, struct policy_addr a,
                     const char *name)
{
    struct entry *e;

    a = policy_addr_meant(a);
    if (n->used * 2 >= n->nslots && n->nslots < SLOTS && !grow(n))
        return false;
    e = find(n, a);
    if (e->addr.family == 0) {
        if (n->used == PROXY_NAMES_ADDRESSES)
            return false;
        e->addr = a;
        n->used++;
    }
    return add_name(e, name);
}

const char *proxy_names_get(const struct proxy_names *n, struct policy_addr a,
                            size_t i)
{
    const struct entry *e;

    if (n == NULL || n->nslots == 0)
        return NULL;
    e = find(n, policy_addr_meant(a));
    return e->addr.family != 0 && i < e->count ? e->names[i] : NULL;
}
