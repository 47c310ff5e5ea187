#include "policy/schema.h"

#include <stdint.h>
#include <string.h>

#include "policy/entry.h"
#include "policy/schema_parts.h"

enum state {
    SUPPORTED,
    LATER,   /* refused unless it is the default: "not supported yet" */
    NEVER,   /* protects somebody, and srt cannot give its meaning */
    IGNORED, /* no meaning on this platform; told once under --debug */
};

/* `arg` of a key without a setter: {} is not the default, but turns it on. */
enum { EMPTY_MEANS_ON = 1 };

struct row {
    const char *object; /* "", "/network", ... */
    const char *key;
    enum state state;
    policy_schema_set_fn *set;
    size_t arg; /* a list, an offset, or nothing, as `set` takes it */
};

/* ---- the table ---- */

#define LIST(l) policy_schema_set_list, POLICY_LIST_##l
#define FLAG(m) policy_schema_set_bool, offsetof(struct policy_settings, m)

static const struct row rows[] = {
    {"", "$schema", SUPPORTED, NULL, 0},
    {"", "version", SUPPORTED, policy_schema_set_version, 0},
    {"", "network", SUPPORTED, NULL, 0},
    {"", "filesystem", SUPPORTED, NULL, 0},
    {"", "environment", SUPPORTED, NULL, 0},
    {"", "ignoreViolations", SUPPORTED, policy_schema_set_ignore, 0},
    {"", "minimumLevel", SUPPORTED, policy_schema_set_level, 0},
    {"", "bwrapPath", SUPPORTED, policy_schema_set_bwrap, 0},
    {"", "devices", LATER, NULL, 0},
    {"", "allowNestedUserNamespaces", LATER, NULL, 0},
    {"", "enableWeakerNestedSandbox", LATER, NULL, 0},
    {"", "mandatoryDenySearchDepth", LATER, NULL, 0},
    {"", "credentials", NEVER, NULL, 0},
    {"", "git", LATER, NULL, 0},
    {"", "allowPty", IGNORED, NULL, 0},
    {"", "allowAppleEvents", IGNORED, NULL, 0},
    {"", "enableWeakerNetworkIsolation", IGNORED, NULL, 0},
    {"", "ripgrep", IGNORED, NULL, 0},
    {"", "seccomp", IGNORED, NULL, 0},
    {"", "socatPath", IGNORED, NULL, 0},
    {"", "javaAgentJarPath", IGNORED, NULL, 0},
    {"", "windows", IGNORED, NULL, 0},
    {"/network", "allowedDomains", SUPPORTED, LIST(ALLOWED_DOMAINS)},
    {"/network", "deniedDomains", SUPPORTED, LIST(DENIED_DOMAINS)},
    {"/network", "deniedDomainReasons", SUPPORTED, policy_schema_set_reasons,
     0},
    {"/network", "allowedAddresses", SUPPORTED, LIST(ALLOWED_ADDRESSES)},
    {"/network", "deniedAddresses", SUPPORTED, LIST(DENIED_ADDRESSES)},
    {"/network", "deniedResolvedAddresses", SUPPORTED,
     LIST(DENIED_RESOLVED_ADDRESSES)},
    {"/network", "allowUnixSockets", SUPPORTED, LIST(ALLOW_UNIX_SOCKETS)},
    {"/network", "allowAllUnixSockets", SUPPORTED,
     FLAG(allow_all_unix_sockets)},
    {"/network", "proxyEnv", SUPPORTED, policy_schema_set_proxy_env, 0},
    {"/network", "allowLocalPorts", LATER, NULL, 0},
    {"/network", "allowLocalBinding", LATER, NULL, 0},
    {"/network", "parentProxy", LATER, NULL, 0},
    {"/network", "httpProxyPort", LATER, NULL, 0},
    {"/network", "socksProxyPort", LATER, NULL, 0},
    {"/network", "refuseOpaqueTunnels", NEVER, NULL, 0},
    {"/network", "requireHostMatch", NEVER, NULL, 0},
    {"/network", "stripResponseHeaders", NEVER, NULL, 0},
    {"/network", "ambiguousRequestTarget", IGNORED, NULL, 0},
    {"/network", "allowPlaintextHeaderSet", IGNORED, NULL, 0},
    {"/network", "strictAllowlist", IGNORED, NULL, 0},
    {"/network", "allowMachLookup", IGNORED, NULL, 0},
    {"/network", "tlsTerminate", NEVER, NULL, EMPTY_MEANS_ON},
    {"/network", "mitmProxy", NEVER, NULL, 0},
    {"/network", "filterRequest", NEVER, NULL, 0},
    {"/filesystem", "denyRead", SUPPORTED, LIST(DENY_READ)},
    {"/filesystem", "allowRead", SUPPORTED, LIST(ALLOW_READ)},
    {"/filesystem", "allowWrite", SUPPORTED, LIST(ALLOW_WRITE)},
    {"/filesystem", "denyWrite", SUPPORTED, LIST(DENY_WRITE)},
    {"/filesystem", "allowGitConfig", SUPPORTED, FLAG(allow_git_config)},
    {"/filesystem", "disabled", SUPPORTED, FLAG(filesystem_disabled)},
    {"/filesystem", "protect", SUPPORTED, policy_schema_set_protect, 0},
    {"/filesystem", "tmp", SUPPORTED, policy_schema_set_tmp, 0},
    {"/filesystem", "mandatoryDenySearchDepth", LATER, NULL, 0},
    {"/environment", "inherit", SUPPORTED, policy_schema_set_inherit, 0},
    {"/environment", "deny", SUPPORTED, LIST(ENV_DENY)},
    {"/environment", "set", SUPPORTED, policy_schema_set_environment, 0},
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

/* Is it what a missing key means?  Then nobody loses anything. */
static bool is_default(const struct row *row, const cJSON *value)
{
    if (strcmp(row->key, "mandatoryDenySearchDepth") == 0)
        return cJSON_IsNumber(value) && value->valueint == 3;
    return cJSON_IsFalse(value) || cJSON_IsNull(value) ||
           ((cJSON_IsArray(value) || cJSON_IsObject(value)) &&
            cJSON_GetArraySize(value) == 0 && row->arg != EMPTY_MEANS_ON);
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
        if (!is_default(row, item))
            policy_schema_complain_at_key(
                job, pointer, "not supported yet; expected no such key");
        break;
    case NEVER:
        if (!is_default(row, item))
            policy_schema_complain_at_key(
                job, pointer,
                "srt cannot give this protection yet, and will "
                "not run without it; expected no such key");
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
