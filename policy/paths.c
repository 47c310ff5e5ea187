/*
 * Files and Unix sockets.  One walk over the components of a path finds, in a
 * hash table, the rules that name it or an ancestor; how many rules there are
 * makes no difference.  Part of the image's reader.
 */
#include <string.h>

#include "base/hash.h"
#include "base/macros.h"
#include "policy/glob.h"
#include "policy/image.h"
#include "policy/layout.h"

/* A longer path stands before the shorter one that holds it. */
static const struct policy_builtin builtins[] = {
    {"/dev/srt/tmp", 3, POLICY_OWN_WRITABLE, true, NULL},
    {"/dev/srt", 2, POLICY_OWN_READONLY, true, "builtin:srt"},
    {"/dev/shm", 2, POLICY_OWN_WRITABLE, true, NULL},
    {"/dev/mqueue", 2, POLICY_OWN_WRITABLE, true, NULL},
    {"/dev/pts", 2, POLICY_OWN_WRITABLE, true, NULL},
    {"/dev/fd", 2, POLICY_OWN_WRITABLE, true, NULL},
    {"/dev/null", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev/zero", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev/full", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev/tty", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev/random", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev/urandom", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev/ptmx", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev/console", 2, POLICY_OWN_WRITABLE, false, NULL},
    {"/dev", 1, POLICY_OWN_READABLE, true, NULL},
    {"/proc/sys", 2, POLICY_OWN_READONLY, true, "builtin:proc-sys"},
    {"/proc/sysrq-trigger", 2, POLICY_OWN_READONLY, false, "builtin:proc-sys"},
    {"/proc/irq", 2, POLICY_OWN_READONLY, true, "builtin:proc-sys"},
    {"/proc/bus", 2, POLICY_OWN_READONLY, true, "builtin:proc-sys"},
    {"/proc", 1, POLICY_OWN_WRITABLE, true, NULL},
    {"/sys", 1, POLICY_OWN_READONLY, true, "builtin:sys"},
};

const struct policy_builtin *policy_paths_builtin(const char *path)
{
    size_t len;

    if (path[0] != '/' || (path[1] != 'd' && path[1] != 'p' && path[1] != 's'))
        return NULL;
    len = strlen(path);
    for (size_t i = 0; i < SRT_ARRAY_LEN(builtins); i++) {
        size_t n = strlen(builtins[i].path);

        if (len >= n && memcmp(path, builtins[i].path, n) == 0 &&
            (len == n || (builtins[i].tree && path[n] == '/')))
            return &builtins[i];
    }
    return NULL;
}

static void emit_node(const struct policy_image *img,
                      const struct policy_node *node, const char *rest,
                      int depth, policy_match_fn *emit, void *ctx)
{
    struct policy_match m = {.depth = depth};

    for (uint32_t i = 0; i < node->count; i++) {
        m.rule = policy_image_rule(img, node->first + i);
        emit(ctx, &m);
    }
    for (uint32_t i = 0; i < node->glob_count; i++) {
        const struct policy_glob_rule *g = policy_image_glob(
            img, node->first_glob + i);
        size_t below = policy_glob_depth(policy_image_text(img, g->pattern),
                                         rest);

        if (below == 0)
            continue;
        m.rule = policy_image_rule(img, g->rule);
        m.depth = depth + (int)below;
        emit(ctx, &m);
    }
}

void policy_paths_each(const struct policy_image *img, const char *path,
                       policy_match_fn *emit, void *ctx)
{
    const struct policy_span *t = &img->paths;
    uint32_t h = srt_hash32_add(SRT_HASH32_SEED, '/');
    const struct policy_node *node = policy_image_find(img, t, "/", 1, h);
    int depth = 0;

    if (node != NULL)
        emit_node(img, node, path + 1, 0, emit, ctx);
    for (size_t i = 1; path[i - 1] != '\0'; i++) {
        if ((path[i] == '/' || path[i] == '\0') && path[i - 1] != '/') {
            depth++;
            node = policy_image_find(img, t, path, i, h);
            if (node != NULL)
                emit_node(img, node, path + i, depth, emit, ctx);
        }
        h = srt_hash32_add(h, (unsigned char)path[i]);
    }
}

/* The rule of each list that reaches deepest; depth -1: none. */
struct hits {
    struct policy_match of[POLICY_RULE_KINDS];
};

static void keep_deepest(void *ctx, const struct policy_match *m)
{
    struct hits *hits = ctx;
    struct policy_match *best = &hits->of[m->rule->list];

    if (m->depth > best->depth)
        *best = *m;
}

static void scan(const struct policy_image *img, const char *path,
                 struct hits *ret)
{
    for (int i = 0; i < POLICY_RULE_KINDS; i++)
        ret->of[i] = (struct policy_match){.depth = -1};
    policy_paths_each(img, path, keep_deepest, ret);
}

static struct policy_decision decide(enum policy_verdict verdict,
                                     const char *rule, const char *reason)
{
    return (struct policy_decision){verdict, rule, reason, POLICY_BY_OTHER};
}

static struct policy_decision decide_by(const struct policy_image *img,
                                        enum policy_verdict verdict,
                                        const struct policy_match *m,
                                        const char *reason)
{
    static const enum policy_by kinds[POLICY_RULE_KINDS] = {
        [POLICY_LIST_DENY_READ] = POLICY_BY_DENY_READ,
        [POLICY_LIST_DENY_WRITE] = POLICY_BY_DENY_WRITE,
        [POLICY_RULE_PROTECT] = POLICY_BY_PROTECT,
    };
    struct policy_decision d = decide(
        verdict, policy_image_text(img, m->rule->pointer), reason);

    d.by = kinds[m->rule->list];
    return d;
}

static bool has_no_rules(const struct policy_image *img)
{
    return (img->flags & POLICY_IMAGE_NO_FILE_RULES) != 0;
}

static struct policy_decision judge_read(const struct policy_image *img,
                                         const char *path,
                                         const struct hits *hits)
{
    const struct policy_match *deny = &hits->of[POLICY_LIST_DENY_READ];
    const struct policy_match *allow = &hits->of[POLICY_LIST_ALLOW_READ];
    const struct policy_match *write = &hits->of[POLICY_LIST_ALLOW_WRITE];
    const struct policy_builtin *own = policy_paths_builtin(path);

    if (write->depth > allow->depth)
        allow = write;
    if (deny->depth < 0)
        return decide(POLICY_ALLOW, "/filesystem/denyRead",
                      "no denyRead entry covers it");
    if (allow->depth > deny->depth)
        return decide_by(img, POLICY_ALLOW, allow,
                         allow == write ? "an allowWrite entry covers it"
                                        : "an allowRead entry covers it");
    if (own != NULL && own->depth > deny->depth)
        return decide(POLICY_ALLOW, "builtin:own", "srt's own place");
    return decide_by(img, POLICY_DENY, deny, "a denyRead entry covers it");
}

struct policy_decision policy_decide_read(const struct policy_image *img,
                                          const char *path)
{
    struct hits hits;

    if (has_no_rules(img))
        return decide(POLICY_ALLOW, "/filesystem/disabled",
                      "no filesystem rules are in force");
    scan(img, path, &hits);
    return judge_read(img, path, &hits);
}

static const char *why_protected(const char *rule)
{
    if (strcmp(rule, "builtin:protect/policy") == 0)
        return "it is the policy file of this run";
    if (strcmp(rule, "builtin:protect/own") == 0)
        return "it is a file of srt itself, or an event file of this run";
    return "it is a protected name of a writable place";
}

/* What denies writing here whatever allowWrite says; verdict ALLOW: nothing. */
static struct policy_decision judge_exceptions(const struct policy_image *img,
                                               const char *path,
                                               const struct hits *hits,
                                               int own_depth)
{
    const struct policy_match *deny = &hits->of[POLICY_LIST_DENY_WRITE];
    const struct policy_match *protect = &hits->of[POLICY_RULE_PROTECT];
    struct policy_decision read;

    /* What is always writable gives way only to an entry that names it. */
    if (deny->depth >= 0 && deny->depth >= own_depth)
        return decide_by(img, POLICY_DENY, deny, "a denyWrite entry covers it");
    if (protect->depth >= 0)
        return decide_by(
            img, POLICY_DENY, protect,
            why_protected(policy_image_text(img, protect->rule->pointer)));
    read = judge_read(img, path, hits);
    if (read.verdict == POLICY_DENY)
        read.reason = "it may not be read, so it may not be written";
    return read;
}

struct policy_decision policy_decide_write(const struct policy_image *img,
                                           const char *path)
{
    const struct policy_builtin *own = policy_paths_builtin(path);
    bool writable = own != NULL && own->access == POLICY_OWN_WRITABLE;
    const struct policy_match *allow;
    struct policy_decision d;
    struct hits hits;

    if (own != NULL && own->access == POLICY_OWN_READONLY)
        return decide(POLICY_DENY, own->rule, "srt keeps it read-only");
    if (has_no_rules(img))
        return decide(POLICY_ALLOW, "/filesystem/disabled",
                      "no filesystem rules are in force");
    scan(img, path, &hits);
    d = judge_exceptions(img, path, &hits, writable ? own->depth : 0);
    if (d.verdict == POLICY_DENY)
        return d;
    allow = &hits.of[POLICY_LIST_ALLOW_WRITE];
    if (allow->depth >= 0)
        return decide_by(img, POLICY_ALLOW, allow,
                         "an allowWrite entry covers it");
    if (writable)
        return decide(POLICY_ALLOW, "builtin:own", "srt's own place");
    return decide(POLICY_DENY, "/filesystem/allowWrite",
                  "no allowWrite entry covers it");
}

struct policy_decision policy_decide_unix(const struct policy_image *img,
                                          const char *path)
{
    const struct policy_match *allow;
    struct policy_decision read;
    struct hits hits;

    if ((img->flags & POLICY_IMAGE_ALL_UNIX) != 0)
        return decide(POLICY_ALLOW, "/network/allowAllUnixSockets",
                      "every Unix socket is allowed");
    scan(img, path, &hits);
    allow = &hits.of[POLICY_LIST_ALLOW_UNIX_SOCKETS];
    if (allow->depth < 0)
        return decide(POLICY_DENY, "/network/allowUnixSockets",
                      "no allowUnixSockets entry covers it");
    read = judge_read(img, path, &hits);
    if (!has_no_rules(img) && read.verdict == POLICY_DENY)
        return read;
    return decide_by(img, POLICY_ALLOW, allow,
                     "an allowUnixSockets entry covers it");
}
