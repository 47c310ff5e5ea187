#include "policy/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/path.h"
#include "base/utf8.h"
#include "policy/domain.h"
#include "policy/host.h"
#include "policy/layout.h"
#include "policy/suggest_parts.h"

#define PROTECT "builtin:protect/"

static bool begins_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void add_pointer(struct policy_advice *a, const char *pointer)
{
    for (size_t i = 0; i < a->nremovals; i++)
        if (strcmp(a->removals[i], pointer) == 0)
            return;
    if (a->nremovals == POLICY_CHANGE_REMOVALS)
        a->hopeless = true;
    else
        a->removals[a->nremovals++] = pointer;
}

static void add_removal(struct policy_advice *a, const struct policy_rule *r)
{
    add_pointer(a, policy_image_text(a->r->image, r->pointer));
}

/* ---- files ---- */

/* What stands against and for an access to one path. */
struct file_case {
    struct policy_advice *advice;
    enum policy_subject kind;
    int depth;       /* of the path that would be granted */
    int deny_above;  /* deepest denyRead that the grant would beat */
    int read, write; /* deepest allowRead, allowWrite */
};

static void weigh_file_rule(void *ctx, const struct policy_match *m)
{
    struct file_case *c = ctx;
    bool writes = c->kind != POLICY_SUBJECT_READ;

    switch (m->rule->list) {
    case POLICY_LIST_DENY_READ:
        if (m->depth >= c->depth)
            add_removal(c->advice, m->rule);
        else if (m->depth > c->deny_above)
            c->deny_above = m->depth;
        break;
    case POLICY_LIST_DENY_WRITE:
        if (writes)
            add_removal(c->advice, m->rule);
        break;
    case POLICY_RULE_PROTECT:
        c->advice->hopeless |= writes;
        break;
    case POLICY_LIST_ALLOW_READ:
        if (m->depth > c->read)
            c->read = m->depth;
        break;
    case POLICY_LIST_ALLOW_WRITE:
        if (m->depth > c->write)
            c->write = m->depth;
        break;
    default:
        break;
    }
}

/* `grant` is target itself or the directory that holds it. */
static void advise_file(struct policy_advice *a, enum policy_subject kind,
                        const char *target, const char *grant)
{
    struct file_case c = {a, kind, (int)srt_path_depth(grant), -1, -1, -1};
    bool readable;

    policy_paths_each(a->r->image, target, weigh_file_rule, &c);
    readable = c.deny_above < (c.read > c.write ? c.read : c.write) ||
               c.deny_above < 0;
    if (kind == POLICY_SUBJECT_READ) {
        a->list = POLICY_LIST_ALLOW_READ;
        a->entry = readable ? NULL : grant;
    } else {
        a->list = POLICY_LIST_ALLOW_WRITE;
        a->entry = readable && c.write >= 0 ? NULL : grant;
    }
    if (grant != target && a->entry != NULL)
        a->remark = "a name is made and removed in its directory";
}

/* Nobody should make all of the host or of a home writable for one name. */
static bool opens_too_much(const struct policy_refused *r, const char *dir)
{
    return strcmp(dir, "/") == 0 ||
           (r->home != NULL && strcmp(dir, r->home) == 0);
}

/* How deep the writable root of `path` is, with `entry` (or NULL) added. */
static int root_depth(const struct policy_advice *a, const char *path,
                      const char *entry)
{
    struct policy_advice none = {.r = a->r};
    struct file_case c = {&none, POLICY_SUBJECT_ENTRY, 0, -1, -1, -1};
    int depth = entry != NULL && srt_path_under(path, entry)
                    ? (int)srt_path_depth(entry)
                    : -1;

    policy_paths_each(a->r->image, path, weigh_file_rule, &c);
    return c.write > depth ? c.write : depth;
}

/* Length of the first n components. */
static size_t length_of(const char *path, int n)
{
    size_t len = 0;

    for (; n > 0 && path[len] == '/'; n--)
        len += 1 + strcspn(path + len + 1, "/");
    return len;
}

/* Each writable root is a mount of its own inside, and neither rename(2) nor
 * link(2) leads from one into another. */
static bool share_root(const struct policy_advice *a, const char *entry)
{
    int depth = root_depth(a, a->r->target, entry);
    size_t len = length_of(a->r->target, depth);

    return depth == root_depth(a, a->r->target2, entry) &&
           len == length_of(a->r->target2, depth) &&
           memcmp(a->r->target, a->r->target2, len) == 0;
}

static bool may_write(const struct policy_advice *a, const char *path)
{
    return policy_decide_write(a->r->image, path).verdict == POLICY_ALLOW;
}

/* The parents of target and target2 are written to `dirs`. */
static void advise_pair(struct policy_advice *a, char dirs[2][SRT_PATH_MAX])
{
    const char *names[] = {a->r->target, a->r->target2};
    const char *entry = NULL;

    for (size_t i = 0; i < SRT_ARRAY_LEN(names); i++) {
        if (may_write(a, names[i]) ||
            srt_path_split(names[i], dirs[i], SRT_PATH_MAX) == NULL)
            continue;
        advise_file(a, POLICY_SUBJECT_ENTRY, names[i], dirs[i]);
        if (a->entry != NULL &&
            (entry == NULL || srt_path_under(entry, a->entry)))
            entry = a->entry;
    }
    a->entry = entry;
    if (entry != NULL && opens_too_much(a->r, entry))
        a->hopeless = true;
}

/* ---- hosts ---- */

/* What stands against and for a host with a port (0: any). */
struct host_case {
    struct policy_advice *advice;
    uint16_t port;
    int min_depth;
    bool allowed;
    bool led_to; /* it is what a name led to */
};

static void weigh_host_rule(void *ctx, const struct policy_match *m)
{
    struct host_case *c = ctx;
    const struct policy_rule *r = m->rule;
    bool fits = r->port_lo == 0 ||
                (r->port_lo <= c->port && c->port <= r->port_hi);

    switch (r->list) {
    case POLICY_LIST_DENIED_RESOLVED_ADDRESSES:
        if (fits && c->led_to)
            add_removal(c->advice, r);
        break;
    case POLICY_LIST_DENIED_DOMAINS:
    case POLICY_LIST_DENIED_ADDRESSES:
        if (fits)
            add_removal(c->advice, r);
        break;
    case POLICY_LIST_ALLOWED_DOMAINS:
    case POLICY_LIST_ALLOWED_ADDRESSES:
        c->allowed |= (fits || c->port == 0) && m->depth >= c->min_depth;
        break;
    default:
        break;
    }
}

/* An allowed name led to an address that some list denies. */
static void advise_led_to(struct policy_advice *a, uint16_t port)
{
    struct host_case c = {.advice = a, .port = port, .led_to = true};
    char text[POLICY_ADDR_TEXT_MAX];

    if (a->r->address.family != 0)
        policy_hosts_each(a->r->image, policy_addr_text(a->r->address, text),
                          weigh_host_rule, &c);
}

/* `entry` is written to text, which lives as long as the advice. */
static void advise_host(struct policy_advice *a, struct srt_buf *text)
{
    struct policy_pattern p;
    struct host_case c = {.advice = a, .min_depth = -1};
    const char *class = NULL;
    const char *why;
    uint8_t bits = 0;

    if (!policy_domain_parse(a->r->target, &p, &why) ||
        (p.kind != POLICY_PATTERN_EXACT && p.kind != POLICY_PATTERN_ADDRESS))
        return;
    if (p.kind == POLICY_PATTERN_ADDRESS)
        class = policy_addr_class_range(p.addr, &bits);
    else
        advise_led_to(a, p.port_lo);
    if (class != NULL)
        c.min_depth = bits;
    c.port = p.port_lo;
    policy_hosts_each(a->r->image, p.name, weigh_host_rule, &c);
    if (c.allowed)
        return;
    srt_buf_addf(text, p.addr.family == 6 ? "[%s]" : "%s", p.name);
    if (p.port_lo != 0)
        srt_buf_addf(text, ":%u", p.port_lo);
    a->entry = srt_buf_str(text);
    a->list = POLICY_LIST_ALLOWED_DOMAINS;
    if (p.kind != POLICY_PATTERN_ADDRESS)
        return;
    a->list = POLICY_LIST_ALLOWED_ADDRESSES;
    if (class == NULL)
        a->remark = "no allowed name led to this address: resolved before "
                    "this run or by another resolver";
}

/* ---- the change ---- */

/* False: it is of no file. */
static bool find_entry(const struct policy_settings *s, const char *pointer,
                       struct policy_change_entry *ret)
{
    for (int list = 0; list < POLICY_LISTS; list++)
        for (size_t i = 0; i < s->lists[list].n; i++)
            if (strcmp(s->lists[list].at[i].pointer, pointer) == 0) {
                *ret = (struct policy_change_entry){(enum policy_list)list, i};
                return pointer[0] == '/';
            }
    return false;
}

static void make_change(const struct policy_advice *a,
                        struct policy_change *ret)
{
    if (a->r->settings == NULL)
        return;
    for (size_t i = 0; i < a->nremovals; i++)
        if (!find_entry(a->r->settings, a->removals[i], &ret->removals[i]))
            return;
    ret->nremovals = a->nremovals;
    if (a->entry != NULL) {
        if (strlen(a->entry) >= sizeof(ret->entry))
            return;
        ret->list = a->list;
        ret->literal = !policy_suggest_is_plain(a);
        memcpy(ret->entry, a->entry, strlen(a->entry) + 1);
    }
    ret->settings = a->r->settings;
}

/* ---- what to do ---- */

static void suggest_pair(const struct policy_refused *r, struct srt_buf *hint,
                         struct policy_change *change)
{
    char dirs[2][SRT_PATH_MAX];
    struct policy_advice a = {.r = r};

    advise_pair(&a, dirs);
    if (a.nremovals == 0 && a.entry == NULL)
        return;
    if (!a.hopeless && share_root(&a, a.entry)) {
        policy_suggest_hint(&a, hint);
        make_change(&a, change);
    } else if (a.hopeless && a.entry != NULL) {
        policy_suggest_make_first(r, hint);
    } else if (!a.hopeless) {
        srt_buf_addf(hint,
                     "%s cannot lead from one writable root to another "
                     "(EXDEV): allow one directory that holds both names, or "
                     "copy%s",
                     r->deed == POLICY_DEED_LINKS ? "a hard link" : "a rename",
                     r->deed == POLICY_DEED_LINKS
                         ? " (git clone --no-hardlinks)"
                         : " and remove, as mv does between file systems");
    }
}

static void advise(struct policy_advice *a, struct srt_buf *text)
{
    const struct policy_refused *r = a->r;

    switch (r->kind) {
    case POLICY_SUBJECT_HOST:
    case POLICY_SUBJECT_RESOLVE:
        advise_host(a, text);
        break;
    case POLICY_SUBJECT_UNIX:
        if (begins_with(r->decision->rule, "/network/")) {
            a->list = POLICY_LIST_ALLOW_UNIX_SOCKETS;
            a->entry = r->target;
        } else {
            advise_file(a, POLICY_SUBJECT_READ, r->target, r->target);
        }
        break;
    case POLICY_SUBJECT_ENTRY: {
        char parent[SRT_PATH_MAX];

        if (srt_path_split(r->target, parent, sizeof(parent)) == NULL)
            return;
        srt_buf_add_str(text, parent);
        advise_file(a, r->kind, r->target, srt_buf_str(text));
        break;
    }
    case POLICY_SUBJECT_READ:
    case POLICY_SUBJECT_WRITE:
        advise_file(a, r->kind, r->target, r->target);
        break;
    }
}

/* A protected name is given up by a switch, never by an entry. */
static void suggest_switch(const struct policy_refused *r, const char *name,
                           struct srt_buf *hint, struct policy_change *change)
{
    if (strcmp(name, "policy") == 0 || strcmp(name, "own") == 0)
        return;
    if (!begins_with(name, ".git/config")) {
        srt_buf_add_str(hint, "a protected name; filesystem.protect \"none\" "
                              "lifts the protection of all of them");
        return;
    }
    srt_buf_add_str(hint, "set filesystem.allowGitConfig to true");
    change->settings = r->settings;
    change->git_config = true;
}

static const char localhost_hint[] =
    "if the host's own server is meant, ask for 127.0.0.1 or [::1], and name "
    "that with its port in network.allowedAddresses";

/* "localhost:80" */
static bool is_localhost(const char *target)
{
    char name[256];
    size_t len = strcspn(target, ":");

    return policy_host_canonical(target, len, name, sizeof(name)) &&
           policy_host_is_localhost(name);
}

/* What some built-in refused, as far as a policy can do something about it. */
static void suggest_builtin(const char *rule, struct srt_buf *hint)
{
    static const struct {
        const char *rule, *hint;
    } rows[] = {
        {"builtin:resolved-address",
         "if that is meant, name the address itself with its port in "
         "network.allowedAddresses"},
        {"builtin:own-address",
         "if that is meant, name the address itself with its port in "
         "network.allowedAddresses"},
        {"builtin:localhost", localhost_hint},
    };

    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].rule, rule) == 0)
            srt_buf_add_str(hint, rows[i].hint);
}

static bool is_utf8(const char *text)
{
    size_t len = strlen(text);

    return srt_utf8_valid_prefix(text, len) == len;
}

void policy_suggest(const struct policy_refused *r, struct srt_buf *hint,
                    struct policy_change *ret_change)
{
    const char *rule = r->decision->rule;
    struct policy_advice a = {.r = r};
    SRT_AUTO_BUF struct srt_buf text = {0};

    *ret_change = (struct policy_change){0};
    if (r->decision->verdict == POLICY_ALLOW || !is_utf8(r->target) ||
        (r->target2 != NULL && !is_utf8(r->target2)))
        return;
    if (begins_with(rule, PROTECT)) {
        suggest_switch(r, rule + strlen(PROTECT), hint, ret_change);
        return;
    }
    if (begins_with(rule, "builtin:")) {
        suggest_builtin(rule, hint);
        return;
    }
    if (r->target2 != NULL && r->kind == POLICY_SUBJECT_ENTRY) {
        suggest_pair(r, hint, ret_change);
        return;
    }
    /* The sandbox's /dev is its own: no entry brings a device of the host. */
    if (r->kind != POLICY_SUBJECT_HOST && srt_path_under(r->target, "/dev"))
        return;
    if (r->kind == POLICY_SUBJECT_HOST && is_localhost(r->target)) {
        srt_buf_add_str(hint, localhost_hint);
        return;
    }
    advise(&a, &text);
    if (a.hopeless || (a.nremovals == 0 && a.entry == NULL))
        return;
    if (r->kind == POLICY_SUBJECT_ENTRY && a.entry != NULL &&
        opens_too_much(r, a.entry)) {
        if (a.nremovals > 0) {
            a.entry = a.remark = NULL;
            policy_suggest_hint(&a, hint);
            srt_buf_add_str(hint, ", then ");
        }
        policy_suggest_make_first(r, hint);
        return;
    }
    policy_suggest_hint(&a, hint);
    make_change(&a, ret_change);
}
