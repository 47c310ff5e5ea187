#include "policy/schema.h"

#include <stdint.h>
#include <string.h>

#include "base/macros.h"
#include "policy/entry.h"
#include "policy/schema_parts.h"

enum state {
    SUPPORTED,
    LATER,   /* refused unless neutral: "not supported yet" */
    NEVER,   /* protects somebody, and srt cannot give its meaning: likewise */
    IGNORED, /* takes nothing from anybody: without meaning here, or what srt
                does anyway */
};

struct row {
    const char *object; /* "", "/network", ... */
    const char *key;
    enum state state;
    policy_schema_set_fn *set;
    size_t arg;          /* a list, an offset, or nothing, as `set` takes it */
    const char *neutral; /* of LATER and NEVER: the value that asks for nothing,
                            as JSON; NULL: there is none */
};

/* ---- the table ---- */

#define LIST(l) policy_schema_set_list, POLICY_LIST_##l, NULL
#define FLAG(m)                                                                \
 policy_schema_set_bool, offsetof(struct policy_settings, m), NULL
#define SET(name)  policy_schema_set_##name, 0, NULL
#define BUT(value) NULL, 0, value
#define NOTHING    NULL, 0, NULL

static const struct row rows[] = {
    {"", "$schema", SUPPORTED, NOTHING},
    {"", "version", SUPPORTED, SET(version)},
    {"", "network", SUPPORTED, NOTHING},
    {"", "filesystem", SUPPORTED, NOTHING},
    {"", "environment", SUPPORTED, NOTHING},
    {"", "ignoreViolations", SUPPORTED, SET(ignore)},
    {"", "minimumLevel", SUPPORTED, SET(level)},
    {"", "bwrapPath", SUPPORTED, SET(bwrap)},
    {"", "mandatoryDenySearchDepth", SUPPORTED, SET(depth)},
    {"", "devices", LATER, BUT("[]")},
    {"", "allowNestedUserNamespaces", LATER, BUT("false")},
    {"", "enableWeakerNestedSandbox", LATER, BUT("false")},
    {"", "git", LATER, BUT("{}")},
    {"", "credentials", NEVER, BUT("{}")},
    {"", "allowPty", IGNORED, NOTHING},
    {"", "allowAppleEvents", IGNORED, NOTHING},
    {"", "enableWeakerNetworkIsolation", IGNORED, NOTHING},
    {"", "ripgrep", IGNORED, NOTHING},
    {"", "seccomp", IGNORED, NOTHING},
    {"", "socatPath", IGNORED, NOTHING},
    {"", "javaAgentJarPath", IGNORED, NOTHING},
    {"", "windows", IGNORED, NOTHING},
    {"/network", "allowedDomains", SUPPORTED, LIST(ALLOWED_DOMAINS)},
    {"/network", "deniedDomains", SUPPORTED, LIST(DENIED_DOMAINS)},
    {"/network", "deniedDomainReasons", SUPPORTED, SET(reasons)},
    {"/network", "allowedAddresses", SUPPORTED, LIST(ALLOWED_ADDRESSES)},
    {"/network", "deniedAddresses", SUPPORTED, LIST(DENIED_ADDRESSES)},
    {"/network", "deniedResolvedAddresses", SUPPORTED,
     LIST(DENIED_RESOLVED_ADDRESSES)},
    {"/network", "allowUnixSockets", SUPPORTED, LIST(ALLOW_UNIX_SOCKETS)},
    {"/network", "allowAllUnixSockets", SUPPORTED,
     FLAG(allow_all_unix_sockets)},
    {"/network", "proxyEnv", SUPPORTED, SET(proxy_env)},
    {"/network", "allowLocalPorts", LATER, BUT("[]")},
    {"/network", "allowLocalBinding", LATER, BUT("false")},
    {"/network", "parentProxy", LATER, BUT("{}")},
    {"/network", "httpProxyPort", LATER, NOTHING},
    {"/network", "socksProxyPort", LATER, NOTHING},
    {"/network", "refuseOpaqueTunnels", NEVER, BUT("false")},
    {"/network", "requireHostMatch", NEVER, BUT("false")},
    {"/network", "stripResponseHeaders", NEVER, BUT("[]")},
    {"/network", "ambiguousRequestTarget", NEVER, BUT("\"asSpelled\"")},
    {"/network", "mitmProxy", NEVER, BUT("{}")},
    {"/network", "tlsTerminate", NEVER, NOTHING}, /* {} turns it on */
    {"/network", "filterRequest", NEVER, NOTHING},
    {"/network", "strictAllowlist", IGNORED, NOTHING},
    {"/network", "allowPlaintextHeaderSet", IGNORED, NOTHING},
    {"/network", "allowMachLookup", IGNORED, NOTHING},
    {"/filesystem", "denyRead", SUPPORTED, LIST(DENY_READ)},
    {"/filesystem", "allowRead", SUPPORTED, LIST(ALLOW_READ)},
    {"/filesystem", "allowWrite", SUPPORTED, LIST(ALLOW_WRITE)},
    {"/filesystem", "denyWrite", SUPPORTED, LIST(DENY_WRITE)},
    {"/filesystem", "allowGitConfig", SUPPORTED, FLAG(allow_git_config)},
    {"/filesystem", "disabled", SUPPORTED, FLAG(filesystem_disabled)},
    {"/filesystem", "protect", SUPPORTED, SET(protect)},
    {"/filesystem", "tmp", SUPPORTED, SET(tmp)},
    {"/filesystem", "mandatoryDenySearchDepth", SUPPORTED, SET(depth)},
    {"/environment", "inherit", SUPPORTED, SET(inherit)},
    {"/environment", "deny", SUPPORTED, LIST(ENV_DENY)},
    {"/environment", "set", SUPPORTED, SET(environment)},
};

static const struct row *list_row(enum policy_list list)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (rows[i].set == policy_schema_set_list &&
            rows[i].arg == (size_t)list)
            return &rows[i];
    return NULL; /* ENV_INHERIT, whose key takes more than a list */
}

const char *policy_schema_list_key(enum policy_list list)
{
    const struct row *r = list_row(list);

    return r != NULL ? r->key : "inherit";
}

const char *policy_schema_list_object(enum policy_list list)
{
    const struct row *r = list_row(list);

    return r != NULL ? r->object : "/environment";
}

/* ---- the walk ---- */

/* A key this near is worth suggesting. */
static bool near_enough(size_t d, const char *key)
{
    return d <= 1 + strlen(key) / 4;
}

static void unknown_key(struct policy_schema_job *job, const char *object,
                        const char *key, const char *pointer)
{
    const struct row *nearest = NULL;
    size_t best = SIZE_MAX;
    struct srt_buf text = {0};

    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        size_t d = policy_entry_distance(key, rows[i].key);

        /* The same name in another object is a misplaced key. */
        if (strcmp(rows[i].object, object) != 0 && d > 0)
            continue;
        if (d < best) {
            best = d;
            nearest = &rows[i];
        }
    }
    srt_buf_add_str(&text, "unknown key");
    if (nearest != NULL && near_enough(best, key))
        srt_buf_addf(&text, "; expected \"%s\"%s%s?", nearest->key,
                     best == 0 ? " in " : "", best == 0 ? nearest->object : "");
    else
        srt_buf_add_str(&text, "; expected a key of the documentation");
    policy_schema_complain_at_key(job, pointer, srt_buf_str(&text));
    srt_buf_release(&text);
}

/* Does it ask for nothing?  Then nobody loses anything. */
static bool is_neutral(const struct row *row, const cJSON *value)
{
    char *text = cJSON_PrintUnformatted(value);
    bool same = text != NULL && row->neutral != NULL &&
                strcmp(text, row->neutral) == 0;

    cJSON_free(text);
    return same;
}

static void note_no_meaning(struct policy_schema_job *job, const char *key,
                            const char *pointer)
{
    struct policy_texts *t = &job->settings->no_meaning;
    struct policy_text *grown = srt_arena_alloc(&job->settings->arena,
                                                (t->n + 1) * sizeof(*grown));

    if (t->n > 0)
        memcpy(grown, t->at, t->n * sizeof(*grown));
    t->at = grown;
    policy_schema_append(job, t, key, pointer, false);
}

static void refuse(struct policy_schema_job *job, const struct row *row,
                   const char *pointer)
{
    struct srt_buf text = {0};

    srt_buf_add_str(&text, row->state == LATER
                               ? "not supported yet"
                               : "srt cannot give this protection yet, and "
                                 "will not run without it");
    srt_buf_add_str(&text, "; expected no such key");
    if (row->neutral != NULL)
        srt_buf_addf(&text, ", or %s", row->neutral);
    policy_schema_complain_at_key(job, pointer, srt_buf_str(&text));
    srt_buf_release(&text);
}

static void read_object(struct policy_schema_job *job, const cJSON *object,
                        const char *pointer);

static void read_row(struct policy_schema_job *job, const struct row *row,
                     const cJSON *item, const char *pointer)
{
    switch (row->state) {
    case SUPPORTED:
        if (row->set != NULL)
            row->set(job, row->arg, item, pointer);
        else if (strcmp(row->key, "$schema") != 0)
            read_object(job, item, pointer);
        break;
    case LATER:
    case NEVER:
        if (is_neutral(row, item))
            note_no_meaning(job, row->key, pointer);
        else
            refuse(job, row, pointer);
        break;
    case IGNORED:
        note_no_meaning(job, row->key, pointer);
        break;
    }
}

/* For whoever changes the file: what is there, and what is to be made. */
static void note_presence(struct policy_settings *s, const struct row *row)
{
    s->has_members = true;
    if (row->set == policy_schema_set_list)
        s->has_lists |= 1u << row->arg;
    s->has_network |= strcmp(row->object, "/network") == 0 ||
                      strcmp(row->key, "network") == 0;
    s->has_filesystem |= strcmp(row->object, "/filesystem") == 0 ||
                         strcmp(row->key, "filesystem") == 0;
}

static void read_member(struct policy_schema_job *job, const cJSON *item,
                        const char *object, const char *pointer)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].object, object) == 0 &&
            strcmp(rows[i].key, item->string) == 0) {
            note_presence(job->settings, &rows[i]);
            read_row(job, &rows[i], item, pointer);
            return;
        }
    unknown_key(job, object, item->string, pointer);
}

/* deniedDomainReasons speaks of deniedDomains, wherever it stands. */
static bool comes_last(const cJSON *item)
{
    return strcmp(item->string, "deniedDomainReasons") == 0;
}

static void read_object(struct policy_schema_job *job, const cJSON *object,
                        const char *pointer)
{
    const cJSON *item;

    if (!cJSON_IsObject(object)) {
        policy_schema_complain(job, pointer, "wrong type; expected an object");
        return;
    }
    for (int last = 0; last <= 1; last++) {
        cJSON_ArrayForEach(item, object)
        {
            struct srt_buf at = {0};

            if (comes_last(item) != (last == 1))
                continue;
            policy_schema_child_pointer(&at, pointer, item->string);
            read_member(job, item, pointer, srt_buf_str(&at));
            srt_buf_release(&at);
        }
    }
}

void policy_schema_read(struct policy_schema_job *job, const cJSON *root)
{
    read_object(job, root, "");
}
