/* Domain patterns and nets -> rules. */
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "policy/compile_parts.h"
#include "policy/domain.h"

static void add_net(struct policy_compiler *c, const struct policy_cidr *net,
                    struct policy_build_item *item)
{
    uint8_t key[POLICY_NET_KEY_MAX];

    item->key_len = policy_image_net_key(net->net, net->bits, key);
    item->key = memcpy(srt_arena_alloc(&c->arena, item->key_len), key,
                       item->key_len);
    item->port_lo = net->port_lo;
    item->port_hi = net->port_hi;
    policy_build_add(&c->build.nets, item);
}

static void add_pattern(struct policy_compiler *c,
                        const struct policy_pattern *p,
                        struct policy_build_item *item)
{
    struct policy_cidr net = {p->addr, p->addr.family == 4 ? 32 : 128,
                              p->port_lo, p->port_hi};
    size_t len = strlen(p->name);
    char *key;

    if (p->kind == POLICY_PATTERN_ADDRESS) {
        add_net(c, &net, item);
        return;
    }
    key = srt_arena_alloc(&c->arena, len + 2);
    if (p->kind == POLICY_PATTERN_ANY)
        key[0] = '*';
    else if (p->kind == POLICY_PATTERN_SUFFIX)
        key[0] = '.';
    memcpy(key + strlen(key), p->name, len);
    item->key = key;
    item->key_len = strlen(key);
    item->port_lo = p->port_lo;
    item->port_hi = p->port_hi;
    policy_build_add(&c->build.names, item);
}

static void add_domain(struct policy_compiler *c, enum policy_list list,
                       const struct policy_text *t)
{
    struct policy_build_item item = {
        .pointer = t->pointer, .reason = t->why, .list = list};
    char quoted[SRT_LOG_QUOTED_MAX];
    struct policy_pattern p;
    const char *why;

    if (policy_domain_parse(t->text, &p, &why))
        add_pattern(c, &p, &item);
    else
        policy_compile_complain(c, t->pointer, "\"%s\": %s",
                                srt_log_quote(t->text, quoted, sizeof(quoted)),
                                why);
}

static void add_address(struct policy_compiler *c, enum policy_list list,
                        const struct policy_text *t)
{
    struct policy_build_item item = {
        .pointer = t->pointer, .reason = t->why, .list = list};
    char quoted[SRT_LOG_QUOTED_MAX];
    struct policy_cidr net;

    if (policy_cidr_parse(t->text, &net))
        add_net(c, &net, &item);
    else
        policy_compile_complain(
            c, t->pointer,
            "\"%s\" is no address; expected an IP address or CIDR, and "
            "perhaps :port",
            srt_log_quote(t->text, quoted, sizeof(quoted)));
}

void policy_compile_hosts(struct policy_compiler *c)
{
    static const struct {
        enum policy_list list;
        void (*add)(struct policy_compiler *c, enum policy_list list,
                    const struct policy_text *t);
    } rows[] = {
        {POLICY_LIST_ALLOWED_DOMAINS, add_domain},
        {POLICY_LIST_DENIED_DOMAINS, add_domain},
        {POLICY_LIST_ALLOWED_ADDRESSES, add_address},
        {POLICY_LIST_DENIED_ADDRESSES, add_address},
        {POLICY_LIST_DENIED_RESOLVED_ADDRESSES, add_address},
    };

    for (size_t r = 0; r < SRT_ARRAY_LEN(rows); r++) {
        const struct policy_texts *texts = &c->settings->lists[rows[r].list];

        for (size_t i = 0; i < texts->n; i++)
            rows[r].add(c, rows[r].list, &texts->at[i]);
    }
}
