#include "policy/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/utf8.h"
#include "policy/domain.h"
#include "policy/glob.h"
#include "policy/layout.h"
#include "policy/schema.h"

enum { REMOVALS_MAX = 16 };

#define PROTECT "builtin:protect/"

/* What to do: take entries out, then perhaps put one in. */
struct advice {
    const struct policy_image *img;
    const char *removals[REMOVALS_MAX]; /* rule pointers */
    size_t nremovals;
    bool hopeless;         /* protected, or too much to remove */
    enum policy_list list; /* of the new entry */
    const char *entry;     /* NULL: none */
    const char *remark;    /* behind the hint, or NULL */
};

enum { LIST_NAME_MAX = 64 };

/* "filesystem/allowRead" */
static const char *list_name(enum policy_list list, char out[LIST_NAME_MAX])
{
    (void)snprintf(out, LIST_NAME_MAX, "%s/%s",
                   policy_schema_list_object(list) + 1,
                   policy_schema_list_key(list));
    return out;
}

static bool begins_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* A JSON string.  False, and nothing added: no UTF-8. */
static bool add_json(struct srt_buf *out, const char *text)
{
    size_t len = strlen(text);

    if (srt_utf8_valid_prefix(text, len) != len)
        return false;
    srt_buf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            srt_buf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            srt_buf_addf(out, "\\u%04x", c);
        else
            srt_buf_add_char(out, *text);
    }
    srt_buf_add_char(out, '"');
    return true;
}

static void add_removal(struct advice *a, const struct policy_rule *r)
{
    const char *pointer = policy_image_text(a->img, r->pointer);

    for (size_t i = 0; i < a->nremovals; i++)
        if (strcmp(a->removals[i], pointer) == 0)
            return;
    if (a->nremovals == REMOVALS_MAX)
        a->hopeless = true;
    else
        a->removals[a->nremovals++] = pointer;
}

/* What stands against and for an access to one path. */
struct file_case {
    struct advice *advice;
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
static void advise_file(struct advice *a, enum policy_subject kind,
                        const char *target, const char *grant)
{
    struct file_case c = {a, kind, (int)srt_path_depth(grant), -1, -1, -1};
    bool readable;

    policy_paths_each(a->img, target, weigh_file_rule, &c);
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

/* What stands against and for a host with a port (0: any). */
struct host_case {
    struct advice *advice;
    uint16_t port;
    int min_depth;
    bool allowed;
};

static void weigh_host_rule(void *ctx, const struct policy_match *m)
{
    struct host_case *c = ctx;
    const struct policy_rule *r = m->rule;
    bool fits = r->port_lo == 0 ||
                (r->port_lo <= c->port && c->port <= r->port_hi);

    switch (r->list) {
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

/* `entry` is written to text, which lives as long as the advice. */
static void advise_host(struct advice *a, const char *target,
                        struct srt_buf *text)
{
    struct policy_pattern p;
    struct host_case c = {.advice = a, .min_depth = -1};
    const char *class = NULL;
    const char *why;
    uint8_t bits = 0;

    if (!policy_domain_parse(target, &p, &why) ||
        (p.kind != POLICY_PATTERN_EXACT && p.kind != POLICY_PATTERN_ADDRESS))
        return;
    if (p.kind == POLICY_PATTERN_ADDRESS)
        class = policy_addr_class_range(p.addr, &bits);
    if (class != NULL)
        c.min_depth = bits;
    c.port = p.port_lo;
    policy_hosts_each(a->img, p.name, weigh_host_rule, &c);
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

/* Entries of one list from the last to the first, so that the numbers of those
 * still to be removed stay right. */
static int compare_removals(const void *pa, const void *pb)
{
    const char *a = *(const char *const *)pa;
    const char *b = *(const char *const *)pb;
    const char *x = strrchr(a, '/');
    const char *y = strrchr(b, '/');
    long i = x != NULL ? strtol(x + 1, NULL, 10) : 0;
    long j = y != NULL ? strtol(y + 1, NULL, 10) : 0;
    size_t n = x != NULL ? (size_t)(x - a) : strlen(a);
    size_t k = y != NULL ? (size_t)(y - b) : strlen(b);
    int order = strncmp(a, b, n < k ? n : k);

    if (order == 0)
        order = (n > k) - (n < k);
    return order != 0 ? order : (i < j) - (i > j);
}

static void add_step(struct srt_buf *out, const char *op, const char *path)
{
    srt_buf_addf(out, "%s{\"op\":\"%s\",\"path\":\"%s\"",
                 out->len > 0 && out->data[out->len - 1] == '}' ? "," : "", op,
                 path);
}

/* A path that would read as a glob needs the long form. */
static bool is_plain(const struct advice *a)
{
    if (a->list < POLICY_LIST_ALLOW_UNIX_SOCKETS)
        return true;
    for (const char *s = a->entry; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return false;
    return !policy_glob_is_magic(a->entry, strlen(a->entry));
}

/* The members that the file lacks, then the entry. */
static void add_addition(struct srt_buf *out, const struct advice *a)
{
    char buf[LIST_NAME_MAX];
    const char *name = list_name(a->list, buf);
    bool network = begins_with(name, "network/");
    uint32_t has = network ? POLICY_IMAGE_HAS_NETWORK
                           : POLICY_IMAGE_HAS_FILESYSTEM;
    char path[64] = "/";

    if ((a->img->flags & has) == 0) {
        add_step(out, "add", network ? "/network" : "/filesystem");
        srt_buf_add_str(out, ",\"value\":{}}");
    }
    memcpy(path + 1, name, strlen(name) + 1);
    if ((a->img->has_list >> a->list & 1) == 0) {
        add_step(out, "add", path);
        srt_buf_add_str(out, ",\"value\":[]}");
    }
    memcpy(path + 1 + strlen(name), "/-", sizeof("/-"));
    add_step(out, "add", path);
    srt_buf_add_str(out, is_plain(a) ? ",\"value\":" : ",\"value\":{\"path\":");
    (void)add_json(out, a->entry);
    srt_buf_add_str(out, is_plain(a) ? "}" : ",\"literal\":true}}");
}

/* "option:--deny-read/0" */
static void hint_option(struct srt_buf *hint, const char *pointer)
{
    const char *name = strchr(pointer, ':') + 1;
    const char *slash = strrchr(name, '/');
    int n = slash != NULL ? (int)(slash - name) : (int)strlen(name);
    long i = slash != NULL ? strtol(slash + 1, NULL, 10) : 0;

    srt_buf_addf(hint, "leave out %.*s (number %ld of them)", n, name, i + 1);
}

static void write_hint(const struct advice *a, struct srt_buf *hint)
{
    for (size_t i = 0; i < a->nremovals; i++) {
        if (i > 0)
            srt_buf_add_str(hint, ", ");
        if (begins_with(a->removals[i], "option:"))
            hint_option(hint, a->removals[i]);
        else
            srt_buf_addf(hint, "remove the entry %s", a->removals[i]);
    }
    if (a->entry != NULL) {
        char buf[LIST_NAME_MAX];
        const char *name = list_name(a->list, buf);
        size_t object = strcspn(name, "/");

        srt_buf_add_str(hint, a->nremovals > 0 ? ", add " : "add ");
        (void)add_json(hint, a->entry);
        srt_buf_addf(hint, " to %.*s.%s", (int)object, name, name + object + 1);
    }
    if (a->remark != NULL)
        srt_buf_addf(hint, " (%s)", a->remark);
}

static void write_change(struct advice *a, struct srt_buf *change)
{
    for (size_t i = 0; i < a->nremovals; i++)
        if (begins_with(a->removals[i], "option:"))
            return;
    if (a->nremovals > 1)
        qsort(a->removals, a->nremovals, sizeof(a->removals[0]),
              compare_removals);
    srt_buf_add_char(change, '[');
    for (size_t i = 0; i < a->nremovals; i++) {
        add_step(change, "remove", a->removals[i]);
        srt_buf_add_char(change, '}');
    }
    if (a->entry != NULL)
        add_addition(change, a);
    srt_buf_add_char(change, ']');
}

static void advise(struct advice *a, enum policy_subject kind,
                   const char *target, const char *rule, struct srt_buf *text)
{
    char parent[SRT_PATH_MAX];

    switch (kind) {
    case POLICY_SUBJECT_HOST:
    case POLICY_SUBJECT_RESOLVE:
        advise_host(a, target, text);
        break;
    case POLICY_SUBJECT_UNIX:
        if (begins_with(rule, "/network/")) {
            a->list = POLICY_LIST_ALLOW_UNIX_SOCKETS;
            a->entry = target;
        } else {
            advise_file(a, POLICY_SUBJECT_READ, target, target);
        }
        break;
    case POLICY_SUBJECT_ENTRY:
        /* Nobody should make all of the host writable for one name. */
        if (srt_path_split(target, parent, sizeof(parent)) == NULL ||
            strcmp(parent, "/") == 0)
            return;
        srt_buf_add_str(text, parent);
        advise_file(a, kind, target, srt_buf_str(text));
        break;
    case POLICY_SUBJECT_READ:
    case POLICY_SUBJECT_WRITE:
        advise_file(a, kind, target, target);
        break;
    }
}

/* A protected name is given up by a switch, never by an entry. */
static void suggest_switch(const struct policy_image *img, const char *name,
                           struct srt_buf *hint, struct srt_buf *change)
{
    if (strcmp(name, "policy") == 0 || strcmp(name, "own") == 0)
        return;
    if (!begins_with(name, ".git/config")) {
        srt_buf_add_str(hint, "a protected name; filesystem.protect \"none\" "
                              "lifts the protection of all of them");
        return;
    }
    srt_buf_add_str(hint, "set filesystem.allowGitConfig to true");
    srt_buf_add_char(change, '[');
    if ((img->flags & POLICY_IMAGE_HAS_FILESYSTEM) == 0) {
        add_step(change, "add", "/filesystem");
        srt_buf_add_str(change, ",\"value\":{}}");
    }
    add_step(change, "add", "/filesystem/allowGitConfig");
    srt_buf_add_str(change, ",\"value\":true}]");
}

void policy_suggest(const struct policy_image *img, enum policy_subject kind,
                    const char *target, const struct policy_decision *d,
                    struct srt_buf *hint, struct srt_buf *change)
{
    struct advice a = {.img = img};
    SRT_AUTO_BUF struct srt_buf text = {0};

    if (d->verdict == POLICY_DENY && begins_with(d->rule, PROTECT)) {
        suggest_switch(img, d->rule + strlen(PROTECT), hint, change);
        return;
    }
    if (d->verdict == POLICY_ALLOW || begins_with(d->rule, "builtin:") ||
        srt_utf8_valid_prefix(target, strlen(target)) != strlen(target))
        return;
    advise(&a, kind, target, d->rule, &text);
    if (a.hopeless || (a.nremovals == 0 && a.entry == NULL))
        return;
    write_hint(&a, hint);
    write_change(&a, change);
}
