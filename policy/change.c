#include "policy/change.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "policy/schema.h"

enum { NETWORK = 1, FILESYSTEM = 2, ADDED_MAX = 4096 };

static const char *const names[POLICY_LISTS] = {
    [POLICY_LIST_ALLOWED_DOMAINS] = "network/allowedDomains",
    [POLICY_LIST_DENIED_DOMAINS] = "network/deniedDomains",
    [POLICY_LIST_ALLOWED_ADDRESSES] = "network/allowedAddresses",
    [POLICY_LIST_DENIED_ADDRESSES] = "network/deniedAddresses",
    [POLICY_LIST_DENIED_RESOLVED_ADDRESSES] = "network/deniedResolvedAddresses",
    [POLICY_LIST_ALLOW_UNIX_SOCKETS] = "network/allowUnixSockets",
    [POLICY_LIST_DENY_READ] = "filesystem/denyRead",
    [POLICY_LIST_ALLOW_READ] = "filesystem/allowRead",
    [POLICY_LIST_ALLOW_WRITE] = "filesystem/allowWrite",
    [POLICY_LIST_DENY_WRITE] = "filesystem/denyWrite",
    [POLICY_LIST_ENV_INHERIT] = "environment/inherit",
    [POLICY_LIST_ENV_DENY] = "environment/deny",
};

const char *policy_change_list_name(enum policy_list list)
{
    return names[list];
}

void policy_change_log_release(struct policy_change_log *log)
{
    free(log->removed);
    free(log->added);
    *log = (struct policy_change_log){0};
}

bool policy_change_text(struct srt_buf *out, const char *text)
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

/* An entry as the file has it. */
static void add_entry(struct srt_buf *out, const char *text, bool literal)
{
    srt_buf_add_str(out, literal ? "{\"path\":" : "");
    (void)policy_change_text(out, text);
    srt_buf_add_str(out, literal ? ",\"literal\":true}" : "");
}

static void begin_step(struct srt_buf *out, const char *op)
{
    srt_buf_addf(out, "%s{\"op\":\"%s\",\"path\":\"", out->len > 0 ? "," : "",
                 op);
}

/* A member's name within a pointer (RFC 6901) within a JSON string. */
static void add_token(struct srt_buf *out, const char *name)
{
    for (; *name != '\0'; name++)
        if (*name == '~' || *name == '/')
            srt_buf_add_str(out, *name == '~' ? "~0" : "~1");
        else
            srt_buf_add_char(out, *name);
}

/* ---- removals ---- */

static bool is_removed(const struct policy_change_log *log,
                       enum policy_list list, size_t index)
{
    for (size_t i = 0; i < log->nremoved; i++)
        if (log->removed[i].list == list && log->removed[i].index == index)
            return true;
    return false;
}

/* Where the entry stands now. */
static size_t place_of(const struct policy_change_log *log,
                       const struct policy_change_entry *e)
{
    size_t at = e->index;

    for (size_t i = 0; i < log->nremoved; i++)
        at -= log->removed[i].list == e->list &&
              log->removed[i].index < e->index;
    return at;
}

/* deniedDomainReasons may not speak of an entry that is gone. */
static void remove_reason(const struct policy_change *c,
                          const struct policy_change_log *log,
                          const struct policy_text *gone, struct srt_buf *out)
{
    static const char *const ops[] = {"test", "remove"};
    const struct policy_texts *all =
        &c->settings->lists[POLICY_LIST_DENIED_DOMAINS];

    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->at[i].text, gone->text) == 0 &&
            all->at[i].pointer[0] == '/' &&
            !is_removed(log, POLICY_LIST_DENIED_DOMAINS, i))
            return;
    for (size_t i = 0; i < SRT_ARRAY_LEN(ops); i++) {
        begin_step(out, ops[i]);
        srt_buf_add_str(out, "/network/deniedDomainReasons/");
        add_token(out, gone->text);
        srt_buf_add_char(out, '"');
        if (i == 0) {
            srt_buf_add_str(out, ",\"value\":");
            (void)policy_change_text(out, gone->why);
        }
        srt_buf_add_char(out, '}');
    }
}

static void remove_entry(const struct policy_change *c,
                         struct policy_change_log *log,
                         const struct policy_change_entry *e,
                         struct srt_buf *out)
{
    const struct policy_text *t = &c->settings->lists[e->list].at[e->index];
    const char *name = names[e->list];
    size_t at = place_of(log, e);

    if (is_removed(log, e->list, e->index))
        return;
    begin_step(out, "test");
    srt_buf_addf(out, "/%s/%zu\",\"value\":", name, at);
    add_entry(out, t->text, t->literal);
    srt_buf_add_char(out, '}');
    begin_step(out, "remove");
    srt_buf_addf(out, "/%s/%zu\"}", name, at);
    log->removed = srt_xreallocarray(log->removed, log->nremoved + 1,
                                     sizeof(log->removed[0]));
    log->removed[log->nremoved++] = *e;
    if (e->list == POLICY_LIST_DENIED_DOMAINS && t->why != NULL)
        remove_reason(c, log, t, out);
}

/* ---- additions ---- */

static bool has_object(const struct policy_change *c,
                       const struct policy_change_log *log, unsigned object)
{
    return (log->objects & object) != 0 ||
           (object == NETWORK ? c->settings->has_network
                              : c->settings->has_filesystem);
}

/* Nothing can test that a member is absent, but all of an empty file can be
 * tested. */
static void expect_empty(const struct policy_change *c,
                         const struct policy_change_log *log,
                         struct srt_buf *out)
{
    if (!c->settings->has_members && log->objects == 0)
        srt_buf_add_str(out, "{\"op\":\"test\",\"path\":\"\",\"value\":{}}");
}

static void set_git_config(const struct policy_change *c,
                           struct policy_change_log *log, struct srt_buf *out)
{
    bool object = has_object(c, log, FILESYSTEM);

    if (!object)
        expect_empty(c, log, out);
    begin_step(out, "add");
    srt_buf_add_str(out, object ? "/filesystem/allowGitConfig\",\"value\":true}"
                                : "/filesystem\",\"value\":{\"allowGitConfig\":"
                                  "true}}");
    log->objects |= FILESYSTEM;
}

/* Was it appended already?  Past ADDED_MAX it is not known, and done again. */
static bool is_added(const struct policy_change *c,
                     struct policy_change_log *log)
{
    const unsigned char kind[] = {(unsigned char)c->list, c->literal};
    const uint64_t hash = srt_hash64(srt_hash64(0, kind, sizeof(kind)),
                                     c->entry, strlen(c->entry));

    for (size_t i = 0; i < log->nadded; i++)
        if (log->added[i] == hash)
            return true;
    if (log->nadded == ADDED_MAX)
        return false;
    log->added = srt_xreallocarray(log->added, log->nadded + 1,
                                   sizeof(log->added[0]));
    log->added[log->nadded++] = hash;
    return false;
}

/* At the highest member that is not there yet. */
static void append_entry(const struct policy_change *c,
                         struct policy_change_log *log, struct srt_buf *out)
{
    const char *name = names[c->list];
    const char *key = strchr(name, '/') + 1;
    int object = (int)(key - name - 1);
    unsigned bit = strncmp(name, "network", 7) == 0 ? NETWORK : FILESYSTEM;
    bool has_list = ((c->settings->has_lists | log->lists) >> c->list & 1) != 0;
    const char *tail = "}";

    if (!has_object(c, log, bit)) {
        expect_empty(c, log, out);
        begin_step(out, "add");
        srt_buf_addf(out, "/%.*s\",\"value\":{\"%s\":[", object, name, key);
        tail = "]}}";
    } else if (!has_list) {
        begin_step(out, "add");
        srt_buf_addf(out, "/%s\",\"value\":[", name);
        tail = "]}";
    } else {
        begin_step(out, "add");
        srt_buf_addf(out, "/%s/-\",\"value\":", name);
    }
    add_entry(out, c->entry, c->literal);
    srt_buf_add_str(out, tail);
    log->objects |= bit;
    log->lists |= 1u << c->list;
}

/* Of one list the last first, so that a patch read alone counts plainly. */
static int compare(const void *pa, const void *pb)
{
    const struct policy_change_entry *a = pa;
    const struct policy_change_entry *b = pb;

    if (a->list != b->list)
        return a->list < b->list ? -1 : 1;
    return (a->index < b->index) - (a->index > b->index);
}

void policy_change_print(const struct policy_change *c,
                         struct policy_change_log *log, struct srt_buf *out)
{
    struct policy_change_log own = {0};
    struct policy_change_entry sorted[POLICY_CHANGE_REMOVALS];
    SRT_AUTO_BUF struct srt_buf steps = {0};

    if (c->settings == NULL)
        return;
    if (log == NULL)
        log = &own;
    memcpy(sorted, c->removals, sizeof(sorted));
    qsort(sorted, c->nremovals, sizeof(sorted[0]), compare);
    for (size_t i = 0; i < c->nremovals; i++)
        remove_entry(c, log, &sorted[i], &steps);
    if (c->git_config)
        set_git_config(c, log, &steps);
    if (c->entry[0] != '\0' && !is_added(c, log))
        append_entry(c, log, &steps);
    if (steps.len > 0)
        srt_buf_addf(out, "[%s]", srt_buf_str(&steps));
    policy_change_log_release(&own);
}
