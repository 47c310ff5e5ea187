#include "policy/build.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"

enum { IMAGE_MAX = 1 << 30 };

void policy_build_add(struct policy_build_table *t,
                      const struct policy_build_item *item)
{
    if (t->n == t->cap) {
        t->cap = t->cap != 0 ? 2 * t->cap : 64;
        t->at = srt_xreallocarray(t->at, t->cap, sizeof(t->at[0]));
    }
    t->at[t->n] = *item;
    t->at[t->n].seq = t->n;
    t->n++;
}

void policy_build_release(struct policy_build *b)
{
    free(b->names.at);
    free(b->nets.at);
    free(b->paths.at);
    *b = (struct policy_build){0};
}

static int compare_keys(const struct policy_build_item *a,
                        const struct policy_build_item *b)
{
    size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
    int order = memcmp(a->key, b->key, n);

    return order != 0 ? order
                      : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static unsigned width(const struct policy_build_item *i)
{
    return i->port_lo != 0 ? (unsigned)i->port_hi - i->port_lo : 65536u;
}

/* The reader takes the first rule of a list that fits: fewer ports are closer;
 * of equals the one that was written first is named. */
static int compare_items(const void *pa, const void *pb)
{
    const struct policy_build_item *a = pa;
    const struct policy_build_item *b = pb;
    int order = compare_keys(a, b);

    if (order == 0)
        order = (a->glob != NULL) - (b->glob != NULL);
    if (order == 0)
        order = (a->list > b->list) - (a->list < b->list);
    if (order == 0)
        order = (width(a) > width(b)) - (width(a) < width(b));
    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

/* The parts of the image while they grow. */
struct parts {
    struct srt_buf strings, rules, globs, ignores;
    const char *last_pointer; /* many rules in a row come from one entry */
    uint32_t last_pointer_at;
};

static uint32_t add_bytes(struct parts *p, const void *bytes, size_t len)
{
    uint32_t at = (uint32_t)p->strings.len;

    srt_buf_add(&p->strings, bytes, len);
    srt_buf_add_char(&p->strings, '\0');
    return at;
}

static uint32_t add_text(struct parts *p, const char *text)
{
    return text == NULL || text[0] == '\0' ? 0
                                           : add_bytes(p, text, strlen(text));
}

static uint32_t add_pointer(struct parts *p, const char *pointer)
{
    if (p->last_pointer != pointer) {
        p->last_pointer_at = add_text(p, pointer);
        p->last_pointer = pointer;
    }
    return p->last_pointer_at;
}

static uint32_t count_rules(const struct parts *p)
{
    return (uint32_t)(p->rules.len / sizeof(struct policy_rule));
}

static uint32_t count_globs(const struct parts *p)
{
    return (uint32_t)(p->globs.len / sizeof(struct policy_glob_rule));
}

static void add_item(struct parts *p, const struct policy_build_item *item)
{
    struct policy_rule rule = {
        .pointer = add_pointer(p, item->pointer),
        .reason = add_text(p, item->reason),
        .port_lo = item->port_lo,
        .port_hi = item->port_hi,
        .list = item->list,
    };
    struct policy_glob_rule glob = {.rule = count_rules(p)};

    srt_buf_add(&p->rules, &rule, sizeof(rule));
    if (item->glob == NULL)
        return;
    glob.pattern = add_text(p, item->glob);
    srt_buf_add(&p->globs, &glob, sizeof(glob));
}

static uint32_t hash_key(const struct policy_build_item *item, bool backward)
{
    const unsigned char *key = item->key;
    uint32_t h = SRT_HASH32_SEED;

    for (size_t i = 0; i < item->key_len; i++)
        h = srt_hash32_add(h, key[backward ? item->key_len - 1 - i : i]);
    return h;
}

static uint32_t table_size(const struct policy_build_table *t)
{
    size_t keys = 0;
    uint32_t size = 2;

    for (size_t i = 0; i < t->n; i++)
        keys += i == 0 || compare_keys(&t->at[i - 1], &t->at[i]) != 0;
    while (size < 2 * keys)
        size *= 2;
    return size;
}

/* Sort, and fill a table with one node for each key. */
static struct policy_node *make_table(struct parts *p,
                                      struct policy_build_table *t,
                                      bool backward, uint32_t *ret_size)
{
    struct policy_node *nodes;
    uint32_t size;

    if (t->n > 0)
        qsort(t->at, t->n, sizeof(t->at[0]), compare_items);
    size = table_size(t);
    nodes = srt_xcalloc(size, sizeof(nodes[0]));
    for (size_t i = 0; i < t->n;) {
        const struct policy_build_item *item = &t->at[i];
        struct policy_node node = {
            .hash = hash_key(item, backward),
            .key = add_bytes(p, item->key, item->key_len),
            .key_len = (uint32_t)item->key_len,
            .first = count_rules(p),
            .first_glob = count_globs(p),
        };
        uint32_t slot = policy_hash_slot(node.hash);

        for (; i < t->n && compare_keys(item, &t->at[i]) == 0; i++) {
            add_item(p, &t->at[i]);
            node.count += t->at[i].glob == NULL;
        }
        node.glob_count = count_globs(p) - node.first_glob;
        while (nodes[slot & (size - 1)].key_len != 0)
            slot++;
        nodes[slot & (size - 1)] = node;
    }
    *ret_size = size;
    return nodes;
}

static void add_ignores(struct parts *p, const struct policy_pairs *pairs)
{
    for (size_t i = 0; pairs != NULL && i < pairs->n; i++) {
        struct policy_ignore ignore = {
            .command = add_text(p, pairs->at[i].key.text),
            .text = add_text(p, pairs->at[i].value.text),
            .pointer = add_text(p, pairs->at[i].value.pointer),
        };

        srt_buf_add(&p->ignores, &ignore, sizeof(ignore));
    }
}

static void note_net_lens(const struct policy_build *b,
                          struct policy_image *img)
{
    for (size_t i = 0; i < b->nets.n; i++) {
        const uint8_t *key = b->nets.at[i].key;
        uint32_t *lens = key[0] == 4 ? img->v4_lens : img->v6_lens;

        lens[key[1] / 32] |= 1u << (key[1] % 32);
    }
}

/* Append one part and note where it is. */
static struct policy_span place(struct srt_buf *out, const void *bytes,
                                size_t count, size_t each)
{
    struct policy_span span = {(uint32_t)out->len, (uint32_t)count};

    if (count > 0)
        srt_buf_add(out, bytes, count * each);
    while (out->len % 4 != 0 && !out->overflow)
        srt_buf_add_char(out, '\0');
    return span;
}

static void release_parts(struct parts *p)
{
    srt_buf_release(&p->strings);
    srt_buf_release(&p->rules);
    srt_buf_release(&p->globs);
    srt_buf_release(&p->ignores);
}

enum srt_rc policy_build_image(struct policy_build *b,
                               struct policy_image **ret, struct srt_err *err)
{
    struct policy_image img = {
        .magic = POLICY_IMAGE_MAGIC,
        .version = POLICY_IMAGE_VERSION,
        .flags = b->flags,
        .has_list = b->has_list,
    };
    struct srt_buf max = {.max = IMAGE_MAX};
    struct srt_buf out = max;
    struct parts p = {max, max, max, max, NULL, 0};
    struct policy_node *names;
    struct policy_node *nets;
    struct policy_node *paths;

    (void)add_bytes(&p, "", 0); /* offset 0 is the empty text */
    note_net_lens(b, &img);
    names = make_table(&p, &b->names, true, &img.names.count);
    nets = make_table(&p, &b->nets, false, &img.nets.count);
    paths = make_table(&p, &b->paths, false, &img.paths.count);
    add_ignores(&p, b->ignore);

    srt_buf_add(&out, &img, sizeof(img));
    img.names = place(&out, names, img.names.count, sizeof(names[0]));
    img.nets = place(&out, nets, img.nets.count, sizeof(nets[0]));
    img.paths = place(&out, paths, img.paths.count, sizeof(paths[0]));
    img.rules = place(&out, p.rules.data, count_rules(&p),
                      sizeof(struct policy_rule));
    img.globs = place(&out, p.globs.data, count_globs(&p),
                      sizeof(struct policy_glob_rule));
    img.ignores = place(&out, p.ignores.data,
                        p.ignores.len / sizeof(struct policy_ignore),
                        sizeof(struct policy_ignore));
    img.strings = place(&out, p.strings.data, p.strings.len, 1);
    img.size = (uint32_t)out.len;
    free(names);
    free(nets);
    free(paths);
    if (out.overflow || p.strings.overflow || p.rules.overflow ||
        p.globs.overflow || p.ignores.overflow) {
        release_parts(&p);
        srt_buf_release(&out);
        return srt_err_set(err, SRT_E_LIMIT, "the policy is too large");
    }
    release_parts(&p);
    memcpy(out.data, &img, sizeof(img));
    *ret = (struct policy_image *)(void *)out.data;
    return SRT_OK;
}
