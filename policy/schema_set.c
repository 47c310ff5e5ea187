/* Values of the settings file: checked, complained about, stored. */
#include <string.h>

#include "policy/entry.h"
#include "policy/schema_parts.h"

/* ---- diagnostics ---- */

static void complain_at(struct policy_schema_job *job, unsigned line,
                        unsigned col, const char *pointer, const char *what)
{
    job->failed = true;
    srt_buf_addf(job->diags, "%s:%u:%u: %s: %s\n", job->name, line, col,
                 pointer[0] != '\0' ? pointer : "/", what);
}

void policy_schema_complain(struct policy_schema_job *job, const char *pointer,
                            const char *what)
{
    const struct policy_scan_mark *m = policy_scan_find(job->scan, pointer);

    complain_at(job, m != NULL ? m->line : 1, m != NULL ? m->col : 1, pointer,
                what);
}

void policy_schema_complain_at_key(struct policy_schema_job *job,
                                   const char *pointer, const char *what)
{
    const struct policy_scan_mark *m = policy_scan_find(job->scan, pointer);

    if (m != NULL && m->key_line != 0)
        complain_at(job, m->key_line, m->key_col, pointer, what);
    else
        policy_schema_complain(job, pointer, what);
}

/* ---- setters ---- */

static bool takes_literal(enum policy_list list)
{
    return list == POLICY_LIST_DENY_READ || list == POLICY_LIST_ALLOW_READ ||
           list == POLICY_LIST_ALLOW_WRITE || list == POLICY_LIST_DENY_WRITE;
}

void policy_schema_append(struct policy_schema_job *job,
                          struct policy_texts *list, const char *text,
                          const char *pointer, bool literal)
{
    struct srt_arena *a = &job->settings->arena;
    const struct policy_scan_mark *m = policy_scan_find(job->scan, pointer);

    list->at[list->n++] = (struct policy_text){
        .line = m != NULL ? m->line : 0,
        .col = m != NULL ? m->col : 0,
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
            policy_schema_complain(
                job, pointer,
                "not an entry; expected a path, or {\"path\": "
                "\"<path>\", \"literal\": true}");
            return;
        }
        literal = cJSON_IsTrue(flag);
    }
    if (!cJSON_IsString(path)) {
        policy_schema_complain(job, pointer, "wrong type; expected a string");
        return;
    }
    what = policy_entry_check(list, path->valuestring, literal);
    if (what != NULL)
        policy_schema_complain(job, pointer, what);
    else
        policy_schema_append(job, &job->settings->lists[list],
                             path->valuestring, pointer, literal);
}

void policy_schema_set_list(struct policy_schema_job *job, size_t arg,
                            const cJSON *value, const char *pointer)
{
    struct policy_texts *list = &job->settings->lists[arg];
    const cJSON *item;
    size_t i = 0;

    if (!cJSON_IsArray(value)) {
        policy_schema_complain(job, pointer,
                               "wrong type; expected an array of strings");
        return;
    }
    list->at = srt_arena_alloc(&job->settings->arena,
                               ((size_t)cJSON_GetArraySize(value) + 1) *
                                   sizeof(list->at[0]));
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};

        srt_buf_addf(&at, "%s/%zu", pointer, i++);
        read_entry(job, (enum policy_list)arg, item, srt_buf_str(&at));
        srt_buf_release(&at);
    }
}

void policy_schema_set_bool(struct policy_schema_job *job, size_t arg,
                            const cJSON *value, const char *pointer)
{
    bool yes = cJSON_IsTrue(value);

    if (!cJSON_IsBool(value))
        policy_schema_complain(job, pointer,
                               "wrong type; expected true or false");
    else
        memcpy((char *)job->settings + arg, &yes, sizeof(yes));
}

/* Index of the string in a NULL-terminated list of words, or -1. */
static int word_index(const cJSON *value, const char *const *words)
{
    for (int i = 0; cJSON_IsString(value) && words[i] != NULL; i++)
        if (strcmp(value->valuestring, words[i]) == 0)
            return i;
    return -1;
}

void policy_schema_set_tmp(struct policy_schema_job *job, size_t arg,
                           const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"auto", "host", "private", "overlay",
                                        NULL};
    int i = word_index(value, words);

    (void)arg;
    if (i < 0)
        policy_schema_complain(job, pointer,
                               "wrong value; expected \"auto\" or \"host\"");
    else if (i > 1)
        policy_schema_complain(
            job, pointer, "not supported yet; expected \"auto\" or \"host\"");
    else
        job->settings->tmp = (enum policy_tmp)i;
}

void policy_schema_set_protect(struct policy_schema_job *job, size_t arg,
                               const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"default", "existing", "none", NULL};
    int i = word_index(value, words);

    (void)arg;
    if (cJSON_IsArray(value))
        policy_schema_complain(
            job, pointer,
            "a list is not supported yet; expected \"default\", "
            "\"existing\" or \"none\"");
    else if (i < 0)
        policy_schema_complain(
            job, pointer,
            "wrong value; expected \"default\", \"existing\" or "
            "\"none\"");
    else
        job->settings->protect = (enum policy_protect)i;
}

void policy_schema_set_proxy_env(struct policy_schema_job *job, size_t arg,
                                 const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"auto", "always", "never", NULL};
    int i = word_index(value, words);

    (void)arg;
    if (i < 0)
        policy_schema_complain(
            job, pointer,
            "wrong value; expected \"auto\", \"always\" or \"never\"");
    else
        job->settings->proxy_env = (enum policy_proxy_env)i;
}

void policy_schema_set_level(struct policy_schema_job *job, size_t arg,
                             const cJSON *value, const char *pointer)
{
    int i = word_index(value, policy_level_words);

    (void)arg;
    if (i == POLICY_LEVEL_LANDLOCK)
        policy_schema_complain(
            job, pointer,
            "\"landlock\" is not supported yet; expected \"full\" or "
            "\"preload\"");
    else if (i < 0)
        policy_schema_complain(job, pointer,
                               "wrong value; expected \"full\", \"preload\" or "
                               "\"landlock\"");
    else
        job->settings->minimum_level = (enum policy_level)i;
}

void policy_schema_set_inherit(struct policy_schema_job *job, size_t arg,
                               const cJSON *value, const char *pointer)
{
    static const char *const words[] = {"all", "none", NULL};
    int i = word_index(value, words);

    (void)arg;
    if (cJSON_IsArray(value)) {
        job->settings->inherit = POLICY_INHERIT_LISTED;
        policy_schema_set_list(job, POLICY_LIST_ENV_INHERIT, value, pointer);
    } else if (i < 0) {
        policy_schema_complain(
            job, pointer,
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

void policy_schema_child_pointer(struct srt_buf *out, const char *pointer,
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

void policy_schema_set_environment(struct policy_schema_job *job, size_t arg,
                                   const cJSON *value, const char *pointer)
{
    const cJSON *item;

    (void)arg;
    if (!cJSON_IsObject(value)) {
        policy_schema_complain(job, pointer,
                               "wrong type; expected {\"NAME\": \"value\"}");
        return;
    }
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};

        policy_schema_child_pointer(&at, pointer, item->string);
        if (item->string[0] == '\0' || strchr(item->string, '=') != NULL)
            policy_schema_complain_at_key(
                job, srt_buf_str(&at),
                "not a variable name; expected one without '='");
        else if (!cJSON_IsString(item))
            policy_schema_complain(job, srt_buf_str(&at),
                                   "wrong type; expected a string");
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
        policy_schema_complain(job, pointer,
                               "wrong type; expected an array of strings");
        return;
    }
    cJSON_ArrayForEach(item, texts)
    {
        struct srt_buf at = {0};

        srt_buf_addf(&at, "%s/%zu", pointer, i++);
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0')
            policy_schema_complain(
                job, srt_buf_str(&at),
                "wrong value; expected a string that is not empty");
        else
            add_pair(job, &job->settings->ignore, texts->string,
                     item->valuestring, srt_buf_str(&at));
        srt_buf_release(&at);
    }
}

void policy_schema_set_ignore(struct policy_schema_job *job, size_t arg,
                              const cJSON *value, const char *pointer)
{
    const cJSON *item;

    (void)arg;
    if (!cJSON_IsObject(value)) {
        policy_schema_complain(
            job, pointer, "wrong type; expected {\"command\": [\"text\"]}");
        return;
    }
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};

        policy_schema_child_pointer(&at, pointer, item->string);
        read_ignored(job, item, srt_buf_str(&at));
        srt_buf_release(&at);
    }
}

/* Texts for entries of deniedDomains; attached after both were read. */
void policy_schema_set_reasons(struct policy_schema_job *job, size_t arg,
                               const cJSON *value, const char *pointer)
{
    struct policy_texts *list =
        &job->settings->lists[POLICY_LIST_DENIED_DOMAINS];
    const cJSON *item;

    (void)arg;
    if (!cJSON_IsObject(value)) {
        policy_schema_complain(job, pointer,
                               "wrong type; expected {\"entry\": \"text\"}");
        return;
    }
    cJSON_ArrayForEach(item, value)
    {
        struct srt_buf at = {0};
        bool found = false;

        policy_schema_child_pointer(&at, pointer, item->string);
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
            policy_schema_complain(
                job, srt_buf_str(&at),
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
            policy_schema_complain_at_key(
                job, srt_buf_str(&at),
                "no such entry in deniedDomains; expected the "
                "text of one");
        srt_buf_release(&at);
    }
}

void policy_schema_set_version(struct policy_schema_job *job, size_t arg,
                               const cJSON *value, const char *pointer)
{
    (void)arg;
    if (!cJSON_IsNumber(value) || value->valuedouble < 1 ||
        value->valuedouble > 1)
        policy_schema_complain(job, pointer, "unknown version; expected 1");
}

/* At the top, as the TypeScript tool has it, or in filesystem; the file says
 * one number, so two must agree. */
void policy_schema_set_depth(struct policy_schema_job *job, size_t arg,
                             const cJSON *value, const char *pointer)
{
    unsigned depth;

    (void)arg;
    if (!cJSON_IsNumber(value) || value->valuedouble < 1 ||
        value->valuedouble > POLICY_SEARCH_DEPTH_MAX ||
        value->valuedouble > value->valueint ||
        value->valuedouble < value->valueint) {
        policy_schema_complain(job, pointer,
                               "wrong value; expected a number from 1 to 10");
        return;
    }
    depth = (unsigned)value->valueint;
    if (job->depth_given && depth != job->settings->search_depth)
        policy_schema_complain(job, pointer,
                               "given twice; expected the same number");
    job->depth_given = true;
    job->settings->depth_in_filesystem |= strncmp(pointer, "/filesystem/",
                                                  12) == 0;
    job->settings->search_depth = depth;
}

void policy_schema_set_bwrap(struct policy_schema_job *job, size_t arg,
                             const cJSON *value, const char *pointer)
{
    (void)arg;
    if (!cJSON_IsString(value) || value->valuestring[0] != '/')
        policy_schema_complain(job, pointer,
                               "wrong value; expected an absolute path");
    else
        job->settings->bwrap_path = srt_arena_strdup(&job->settings->arena,
                                                     value->valuestring);
}
