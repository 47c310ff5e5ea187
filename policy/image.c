/* The image as bytes: is it one, and what stands where.  With addr.c, host.c,
 * glob.c, hosts.c and paths.c this is the reader, which the shim may link
 * alone: memcpy, memcmp and strlen are all it needs. */
#include "policy/image.h"

#include <string.h>

#include "policy/layout.h"

static const char *base_of(const struct policy_image *img)
{
    return (const char *)img;
}

static bool span_fits(const struct policy_image *img,
                      const struct policy_span *s, size_t each)
{
    return s->at >= sizeof(*img) && s->at % 4 == 0 && s->at <= img->size &&
           s->count <= (img->size - s->at) / each;
}

static bool range_fits(uint32_t first, uint32_t count, uint32_t all)
{
    return first <= all && count <= all - first;
}

static bool text_fits(const struct policy_image *img, uint32_t at)
{
    return at < img->strings.count;
}

static const struct policy_node *nodes_of(const struct policy_image *img,
                                          const struct policy_span *table)
{
    return (const void *)(base_of(img) + table->at);
}

static bool table_fits(const struct policy_image *img,
                       const struct policy_span *table)
{
    const struct policy_node *nodes;

    if (!span_fits(img, table, sizeof(*nodes)) || table->count == 0 ||
        (table->count & (table->count - 1)) != 0)
        return false;
    nodes = nodes_of(img, table);
    for (uint32_t i = 0; i < table->count; i++)
        if (!range_fits(nodes[i].key, nodes[i].key_len, img->strings.count) ||
            !range_fits(nodes[i].first, nodes[i].count, img->rules.count) ||
            !range_fits(nodes[i].first_glob, nodes[i].glob_count,
                        img->globs.count))
            return false;
    return true;
}

static bool rules_fit(const struct policy_image *img)
{
    if (!span_fits(img, &img->rules, sizeof(struct policy_rule)))
        return false;
    for (uint32_t i = 0; i < img->rules.count; i++) {
        const struct policy_rule *r = policy_image_rule(img, i);

        if (!text_fits(img, r->pointer) || !text_fits(img, r->reason) ||
            r->list >= POLICY_RULE_KINDS)
            return false;
    }
    return true;
}

static bool globs_fit(const struct policy_image *img)
{
    if (!span_fits(img, &img->globs, sizeof(struct policy_glob_rule)))
        return false;
    for (uint32_t i = 0; i < img->globs.count; i++) {
        const struct policy_glob_rule *g = policy_image_glob(img, i);

        if (!text_fits(img, g->pattern) || g->rule >= img->rules.count)
            return false;
    }
    return true;
}

static const struct policy_ignore *ignores_of(const struct policy_image *img)
{
    return (const void *)(base_of(img) + img->ignores.at);
}

static bool ignores_fit(const struct policy_image *img)
{
    const struct policy_ignore *ignores;

    if (!span_fits(img, &img->ignores, sizeof(*ignores)))
        return false;
    ignores = ignores_of(img);
    for (uint32_t i = 0; i < img->ignores.count; i++)
        if (!text_fits(img, ignores[i].command) ||
            !text_fits(img, ignores[i].text) ||
            !text_fits(img, ignores[i].pointer))
            return false;
    return true;
}

/* Every text lies before the last byte, which is NUL: so it ends. */
static bool strings_fit(const struct policy_image *img)
{
    return span_fits(img, &img->strings, 1) && img->strings.count > 0 &&
           base_of(img)[img->strings.at + img->strings.count - 1] == '\0';
}

const struct policy_image *policy_image_check(const void *bytes, size_t len)
{
    const struct policy_image *img = bytes;

    if (bytes == NULL ||
        (uintptr_t)bytes % _Alignof(struct policy_image) != 0 ||
        len < sizeof(*img) || img->magic != POLICY_IMAGE_MAGIC ||
        img->version != POLICY_IMAGE_VERSION || img->size < sizeof(*img) ||
        img->size > len)
        return NULL;
    if (!strings_fit(img) || !rules_fit(img) || !globs_fit(img) ||
        !ignores_fit(img) || !table_fits(img, &img->names) ||
        !table_fits(img, &img->nets) || !table_fits(img, &img->paths))
        return NULL;
    return img;
}

size_t policy_image_size(const struct policy_image *img)
{
    return img->size;
}

const char *policy_image_text(const struct policy_image *img, uint32_t at)
{
    return base_of(img) + img->strings.at + at;
}

const struct policy_rule *policy_image_rule(const struct policy_image *img,
                                            uint32_t i)
{
    return (const struct policy_rule *)(const void *)(base_of(img) +
                                                      img->rules.at) +
           i;
}

const struct policy_glob_rule *policy_image_glob(const struct policy_image *img,
                                                 uint32_t i)
{
    return (const struct policy_glob_rule *)(const void *)(base_of(img) +
                                                           img->globs.at) +
           i;
}

const struct policy_node *policy_image_find(const struct policy_image *img,
                                            const struct policy_span *table,
                                            const void *key, size_t len,
                                            uint32_t hash)
{
    const struct policy_node *nodes = nodes_of(img, table);
    uint32_t mask = table->count - 1;
    uint32_t slot = policy_hash_slot(hash);

    for (uint32_t i = 0; i < table->count; i++) {
        const struct policy_node *n = &nodes[(slot + i) & mask];

        if (n->key_len == 0)
            return NULL;
        if (n->hash == hash && n->key_len == len &&
            memcmp(policy_image_text(img, n->key), key, len) == 0)
            return n;
    }
    return NULL;
}

size_t policy_image_net_key(struct policy_addr a, unsigned bits,
                            uint8_t key[POLICY_NET_KEY_MAX])
{
    size_t size = a.family == 4 ? 4 : 16;

    a = policy_addr_masked(a, bits);
    key[0] = a.family;
    key[1] = (uint8_t)bits;
    memcpy(key + 2, a.bytes, size);
    return size + 2;
}

static bool contains(const char *whole, const char *part)
{
    size_t n = strlen(part);
    size_t len = strlen(whole);

    for (size_t i = 0; i + n <= len; i++)
        if (memcmp(whole + i, part, n) == 0)
            return true;
    return false;
}

const char *policy_ignores(const struct policy_image *img, const char *command,
                           const char *target)
{
    const struct policy_ignore *ignores = ignores_of(img);

    for (uint32_t i = 0; i < img->ignores.count; i++) {
        const char *pattern = policy_image_text(img, ignores[i].command);
        bool every = pattern[0] == '*' && pattern[1] == '\0';

        if ((every || contains(command, pattern)) &&
            contains(target, policy_image_text(img, ignores[i].text)))
            return policy_image_text(img, ignores[i].pointer);
    }
    return NULL;
}
