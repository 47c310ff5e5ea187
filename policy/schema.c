#include "policy/schema.h"

#include <stdint.h>
#include <string.h>

#include "policy/entry.h"

enum state {
    SUPPORTED,
    LATER,   /* refused unless it is the default: "not supported yet" */
    NEVER,   /* protects somebody, and srt cannot give its meaning */
    IGNORED, /* no meaning on this platform; told once under --debug */
};

struct row;
typedef void set_fn(struct policy_schema_job *job, const struct row *row,
                    const cJSON *value, const char *pointer);

/* `arg` of a key without a setter: {} is not the default, but turns it on. */
enum { EMPTY_MEANS_ON = 1 };

struct row {
    const char *object; /* "", "/network", ... */
    const char *key;
    enum state state;
    set_fn *set;
    size_t arg; /* a list, an offset, or nothing, as `set` takes it */
};

/* ---- diagnostics ---- */

static void complain_at(struct policy_schema_job *job, unsigned line,
                        unsigned col, const char *pointer, const char *what)
{
    job->failed = true;
    srt_buf_addf(job->diags, "%s:%u:%u: %s: %s\n", job->name, line, col,
                 pointer[0] != '\0' ? pointer : "/", what);
}

static void complain(struct policy_schema_job *job, const char *pointer,
                     const char *what)
{
    const struct policy_scan_mark *m = policy_scan_find(job->scan, pointer);

    complain_at(job, m != NULL ? m->line : 1, m != NULL ? m->col : 1, pointer,
                what);
}

static void complain_at_key(struct policy_schema_job *job, const char *pointer,
                            const char *what)
{
    const struct policy_scan_mark *m = policy_scan_find(job->scan, pointer);

    if (m != NULL && m->key_line != 0)
        complain_at(job, m->key_line, m->key_col, pointer, what);
    else
        complain(job, pointer, what);
}

/* ---- setters ---- */

static bool takes_literal(enum policy_list list)
{
    return list == POLICY_LIST_DENY_READ || list == POLICY_LIST_ALLOW_READ ||
           list == POLICY_LIST_ALLOW_WRITE || list == POLICY_LIST_DENY_WRITE;
}

static void append(struct policy_schema_job *job, struct policy_texts *list,
                   const char *text, const char *pointer, bool literal)
{
    struct srt_arena *a = &job->settings->arena;

    list->at[list->n++] = (struct policy_text){
        .text = srt_arena_strdup(a, text),
        .pointer = srt_arena_strdup(a, pointer),
        .literal = literal,
    };
}

/* An entry: a string, or {"path": ..., "literal": true} where paths are. */
static void read_entry(struct policy_schema_job *job, enum policy_list list,
                       const cJSON *item, const char *pointer)
{
    const cJSON *path = item;
    bool literal = false;
    const char *what;

    if (cJSON_IsObject(item) && takes_literal(list)) {
        const cJSON *flag = cJSON_GetObjectItemCaseSensitive(item, "literal");

        path = cJSON_GetObjectItemCaseSensitive(item, "path");
        if (!cJSON_IsString(path) || !cJSON_IsBool(flag) ||
            cJSON_GetArraySize(item) != 2) {
            complain(job, pointer,
                     "not an entry; expected a path, or {\"path\": "
                     "\"<path>\", \"literal\": true}");
            return;
        }
        literal = cJSON_IsTrue(flag);
    }
    if (!cJSON_IsString(path)) {
        complain(job, pointer, "wrong type; expected a string");
        return;
    }
    what = policy_entry_check(list, path->valuestring, literal);
    if (what != NULL)
        complain(job, pointer, what);
    else
        append(job, &job->settings->lists[list], path->valuestring, pointer,
               literal);
}

static void set_list(struct policy_schema_job *job, const struct row *row,
                     const cJSON *value, const char *pointer)
{
    struct policy_texts *list = &job->settings->lists[row->arg];
    const cJSON *item;
    size_t i = 0;

    if (!cJSON_IsArray(value)) {
        complain(job, pointer, "wrong type; expected an array of strings");
        return;
    }
    list->at = srt_arena_alloc(&job->settings->arena,
                               ((size_t)cJSON_GetArraySize(value) + 1) *
                                   sizeof(list->at[0]));
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};

        srt_buf_addf(&at, "%s/%zu", pointer, i++);
        read_entry(job, (enum policy_list)row->arg, item, srt_buf_str(&at));
        srt_buf_release(&at);
    }
}

static void set_bool(struct policy_schema_job *job, const struct row *row,
                     const cJSON *value, const char *pointer)
{
    bool yes = cJSON_IsTrue(value);

    if (!cJSON_IsBool(value))
        complain(job, pointer, "wrong type; expected true or false");
    else
        memcpy((char *)job->settings + row->arg, &yes, sizeof(yes));
}

/* Index of the string in a NULL-terminated list of words, or -1. */
static int word_index(const cJSON *value, const char *const *words)
{
    for (int i = 0; cJSON_IsString(value) && words[i] != NULL; i++)
        if (strcmp(value->valuestring, words[i]) == 0)
            return i;
    return -1;
}

static void set_tmp(struct policy_schema_job *job, const struct row *row,
                    const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"auto", "host", "private", "overlay",
                                        NULL};
    int i = word_index(value, words);

    (void)row;
    if (i < 0)
        complain(job, pointer, "wrong value; expected \"auto\" or \"host\"");
    else if (i > 1)
        complain(job, pointer,
                 "not supported yet; expected \"auto\" or \"host\"");
    else
        job->settings->tmp = (enum policy_tmp)i;
}

static void set_protect(struct policy_schema_job *job, const struct row *row,
                        const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"default", "existing", "none", NULL};
    int i = word_index(value, words);

    (void)row;
    if (cJSON_IsArray(value))
        complain(job, pointer,
                 "a list is not supported yet; expected \"default\", "
                 "\"existing\" or \"none\"");
    else if (i < 0)
        complain(job, pointer,
                 "wrong value; expected \"default\", \"existing\" or "
                 "\"none\"");
    else
        job->settings->protect = (enum policy_protect)i;
}

static void set_proxy_env(struct policy_schema_job *job, const struct row *row,
                          const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"auto", "always", "never", NULL};
    int i = word_index(value, words);

    (void)row;
    if (i < 0)
        complain(job, pointer,
                 "wrong value; expected \"auto\", \"always\" or \"never\"");
    else
        job->settings->proxy_env = (enum policy_proxy_env)i;
}

static void set_level(struct policy_schema_job *job, const struct row *row,
                      const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"landlock", "preload", "full", NULL};
    int i = word_index(value, words);

    (void)row;
    if (i == POLICY_LEVEL_LANDLOCK)
        complain(job, pointer,
                 "\"landlock\" is not supported yet; expected \"full\" or "
                 "\"preload\"");
    else if (i < 0)
        complain(job, pointer,
                 "wrong value; expected \"full\", \"preload\" or "
                 "\"landlock\"");
    else
        job->settings->minimum_level = (enum policy_level)i;
}

static void set_inherit(struct policy_schema_job *job, const struct row *row,
                        const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"all", "none", NULL};
    const struct row list = {.arg = POLICY_LIST_ENV_INHERIT};
    int i = word_index(value, words);

    (void)row;
    if (cJSON_IsArray(value)) {
        job->settings->inherit = POLICY_INHERIT_LISTED;
        set_list(job, &list, value, pointer);
    } else if (i < 0) {
        complain(job, pointer,
                 "wrong value; expected \"all\", \"none\" or an array of "
                 "names");
    } else {
        job->settings->inherit = (enum policy_inherit)i;
    }
}

static void add_pair(struct policy_schema_job *job, struct policy_pairs *pairs,
                     const char *key, const char *value, const char *pointer)
{
    struct srt_arena *a = &job->settings->arena;
    struct policy_pair *grown = srt_arena_alloc(a, (pairs->n + 1) *
                                                       sizeof(*grown));

    if (pairs->n > 0)
        memcpy(grown, pairs->at, pairs->n * sizeof(*grown));
    grown[pairs->n].key.text = srt_arena_strdup(a, key);
    grown[pairs->n].key.pointer = srt_arena_strdup(a, pointer);
    grown[pairs->n].value.text = srt_arena_strdup(a, value);
    grown[pairs->n].value.pointer = grown[pairs->n].key.pointer;
    pairs->at = grown;
    pairs->n++;
}

static void child_pointer(struct srt_buf *out, const char *pointer,
                          const char *key)
{
    srt_buf_addf(out, "%s/", pointer);
    for (; *key != '\0'; key++) {
        if (*key == '~' || *key == '/')
            srt_buf_add_str(out, *key == '~' ? "~0" : "~1");
        else
            srt_buf_add_char(out, *key);
    }
}

static void set_environment(struct policy_schema_job *job,
                            const struct row *row, const cJSON *value,
                            const char *pointer)
{
    const cJSON *item;

    (void)row;
    if (!cJSON_IsObject(value)) {
        complain(job, pointer, "wrong type; expected {\"NAME\": \"value\"}");
        return;
    }
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};

        child_pointer(&at, pointer, item->string);
        if (item->string[0] == '\0' || strchr(item->string, '=') != NULL)
            complain_at_key(job, srt_buf_str(&at),
                            "not a variable name; expected one without '='");
        else if (!cJSON_IsString(item))
            complain(job, srt_buf_str(&at), "wrong type; expected a string");
        else
            add_pair(job, &job->settings->env_set, item->string,
                     item->valuestring, srt_buf_str(&at));
        srt_buf_release(&at);
    }
}

static void read_ignored(struct policy_schema_job *job, const cJSON *texts,
                         const char *pointer)
{
    const cJSON *item;
    size_t i = 0;

    if (!cJSON_IsArray(texts)) {
        complain(job, pointer, "wrong type; expected an array of strings");
        return;
    }
    cJSON_ArrayForEach(item, texts)
    {
        struct srt_buf at = {0};

        srt_buf_addf(&at, "%s/%zu", pointer, i++);
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0')
            complain(job, srt_buf_str(&at),
                     "wrong value; expected a string that is not empty");
        else
            add_pair(job, &job->settings->ignore, texts->string,
                     item->valuestring, srt_buf_str(&at));
        srt_buf_release(&at);
    }
}

static void set_ignore(struct policy_schema_job *job, const struct row *row,
                       const cJSON *value, const char *pointer)
{
    const cJSON *item;

    (void)row;
    if (!cJSON_IsObject(value)) {
        complain(job, pointer,
                 "wrong type; expected {\"command\": [\"text\"]}");
        return;
    }
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};

        child_pointer(&at, pointer, item->string);
        read_ignored(job, item, srt_buf_str(&at));
        srt_buf_release(&at);
    }
}

/* Texts for entries of deniedDomains; attached after both were read. */
static void set_reasons(struct policy_schema_job *job, const struct row *row,
                        const cJSON *value, const char *pointer)
{
    struct policy_texts *list =
        &job->settings->lists[POLICY_LIST_DENIED_DOMAINS];
    const cJSON *item;

    (void)row;
    if (!cJSON_IsObject(value)) {
        complain(job, pointer, "wrong type; expected {\"entry\": \"text\"}");
        return;
    }
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};
        bool found = false;

        child_pointer(&at, pointer, item->string);
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
            complain(job, srt_buf_str(&at),
                     "wrong value; expected a text that is not empty");
            srt_buf_release(&at);
            continue;
        }
        for (size_t i = 0; i < list->n; i++)
            if (strcmp(list->at[i].text, item->string) == 0) {
                list->at[i].why = srt_arena_strdup(&job->settings->arena,
                                                   item->valuestring);
                found = true;
            }
        if (!found)
            complain_at_key(job, srt_buf_str(&at),
                            "no such entry in deniedDomains; expected the "
                            "text of one");
        srt_buf_release(&at);
    }
}

static void set_version(struct policy_schema_job *job, const struct row *row,
                        const cJSON *value, const char *pointer)
{
    (void)row;
    if (!cJSON_IsNumber(value) || value->valuedouble < 1 ||
        value->valuedouble > 1)
        complain(job, pointer, "unknown version; expected 1");
}

static void set_bwrap(struct policy_schema_job *job, const struct row *row,
                      const cJSON *value, const char *pointer)
{
    (void)row;
    if (!cJSON_IsString(value) || value->valuestring[0] != '/')
        complain(job, pointer, "wrong value; expected an absolute path");
    else
        job->settings->bwrap_path = srt_arena_strdup(&job->settings->arena,
                                                     value->valuestring);
}

/* ---- the table ---- */

#define LIST(l) set_list, POLICY_LIST_##l
#define FLAG(m) set_bool, offsetof(struct policy_settings, m)

static const struct row rows[] = {
    {"", "$schema", SUPPORTED, NULL, 0},
    {"", "version", SUPPORTED, set_version, 0},
    {"", "network", SUPPORTED, NULL, 0},
    {"", "filesystem", SUPPORTED, NULL, 0},
    {"", "environment", SUPPORTED, NULL, 0},
    {"", "ignoreViolations", SUPPORTED, set_ignore, 0},
    {"", "minimumLevel", SUPPORTED, set_level, 0},
    {"", "bwrapPath", SUPPORTED, set_bwrap, 0},
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
    {"/network", "deniedDomainReasons", SUPPORTED, set_reasons, 0},
    {"/network", "allowedAddresses", SUPPORTED, LIST(ALLOWED_ADDRESSES)},
    {"/network", "deniedAddresses", SUPPORTED, LIST(DENIED_ADDRESSES)},
    {"/network", "deniedResolvedAddresses", SUPPORTED,
     LIST(DENIED_RESOLVED_ADDRESSES)},
    {"/network", "allowUnixSockets", SUPPORTED, LIST(ALLOW_UNIX_SOCKETS)},
    {"/network", "allowAllUnixSockets", SUPPORTED,
     FLAG(allow_all_unix_sockets)},
    {"/network", "proxyEnv", SUPPORTED, set_proxy_env, 0},
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
    {"/filesystem", "protect", SUPPORTED, set_protect, 0},
    {"/filesystem", "tmp", SUPPORTED, set_tmp, 0},
    {"/filesystem", "mandatoryDenySearchDepth", LATER, NULL, 0},
    {"/environment", "inherit", SUPPORTED, set_inherit, 0},
    {"/environment", "deny", SUPPORTED, LIST(ENV_DENY)},
    {"/environment", "set", SUPPORTED, set_environment, 0},
};

static const struct row *list_row(enum policy_list list)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (rows[i].set == set_list && rows[i].arg == (size_t)list)
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
    complain_at_key(job, pointer, srt_buf_str(&text));
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
    append(job, t, key, pointer, false);
}

static void read_object(struct policy_schema_job *job, const cJSON *object,
                        const char *pointer);

static void read_row(struct policy_schema_job *job, const struct row *row,
                     const cJSON *item, const char *pointer)
{
    switch (row->state) {
    case SUPPORTED:
        if (row->set != NULL)
            row->set(job, row, item, pointer);
        else if (strcmp(row->key, "$schema") != 0)
            read_object(job, item, pointer);
        break;
    case LATER:
        if (!is_default(row, item))
            complain_at_key(job, pointer,
                            "not supported yet; expected no such key");
        break;
    case NEVER:
        if (!is_default(row, item))
            complain_at_key(job, pointer,
                            "srt cannot give this protection yet, and will "
                            "not run without it; expected no such key");
        break;
    case IGNORED:
        note_no_meaning(job, row->key, pointer);
        break;
    }
}

static void read_member(struct policy_schema_job *job, const cJSON *item,
                        const char *object, const char *pointer)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].object, object) == 0 &&
            strcmp(rows[i].key, item->string) == 0) {
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
        complain(job, pointer, "wrong type; expected an object");
        return;
    }
    for (int last = 0; last <= 1; last++) {
        cJSON_ArrayForEach(item, object)
        {
            struct srt_buf at = {0};

            if (comes_last(item) != (last == 1))
                continue;
            child_pointer(&at, pointer, item->string);
            read_member(job, item, pointer, srt_buf_str(&at));
            srt_buf_release(&at);
        }
    }
}

void policy_schema_read(struct policy_schema_job *job, const cJSON *root)
{
    read_object(job, root, "");
}
