/* The settings in full, as a file that loads to the same. */
#include <string.h>

#include "policy/schema.h"
#include "vendor/json.h"

static cJSON *list_json(const struct policy_texts *list)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < list->n; i++) {
        const struct policy_text *t = &list->at[i];
        cJSON *item = cJSON_CreateString(t->text);

        if (t->literal) {
            cJSON *entry = cJSON_CreateObject();

            cJSON_AddItemToObject(entry, "path", item);
            cJSON_AddBoolToObject(entry, "literal", 1);
            item = entry;
        }
        cJSON_AddItemToArray(array, item);
    }
    return array;
}

static void add_lists(cJSON *object, const char *name,
                      const struct policy_settings *s)
{
    for (int i = 0; i < POLICY_LISTS; i++) {
        enum policy_list list = (enum policy_list)i;

        if (list != POLICY_LIST_ENV_INHERIT &&
            strcmp(policy_schema_list_object(list), name) == 0)
            cJSON_AddItemToObject(object, policy_schema_list_key(list),
                                  list_json(&s->lists[list]));
    }
}

static void add_network(cJSON *root, const struct policy_settings *s)
{
    static const char *const proxy_env[] = {"auto", "always", "never"};
    const struct policy_texts *denied = &s->lists[POLICY_LIST_DENIED_DOMAINS];
    cJSON *network = cJSON_AddObjectToObject(root, "network");
    cJSON *reasons;

    add_lists(network, "/network", s);
    reasons = cJSON_AddObjectToObject(network, "deniedDomainReasons");
    for (size_t i = 0; i < denied->n; i++)
        if (denied->at[i].why != NULL &&
            !cJSON_HasObjectItem(reasons, denied->at[i].text))
            cJSON_AddStringToObject(reasons, denied->at[i].text,
                                    denied->at[i].why);
    cJSON_AddBoolToObject(network, "allowAllUnixSockets",
                          s->allow_all_unix_sockets);
    cJSON_AddStringToObject(network, "proxyEnv", proxy_env[s->proxy_env]);
}

static void add_filesystem(cJSON *root, const struct policy_settings *s)
{
    static const char *const tmp[] = {"auto", "host"};
    static const char *const protect[] = {"default", "existing", "none"};
    cJSON *filesystem = cJSON_AddObjectToObject(root, "filesystem");

    add_lists(filesystem, "/filesystem", s);
    cJSON_AddBoolToObject(filesystem, "allowGitConfig", s->allow_git_config);
    cJSON_AddStringToObject(filesystem, "protect", protect[s->protect]);
    cJSON_AddStringToObject(filesystem, "tmp", tmp[s->tmp]);
    cJSON_AddNumberToObject(filesystem, "mandatoryDenySearchDepth",
                            s->search_depth);
    cJSON_AddBoolToObject(filesystem, "disabled", s->filesystem_disabled);
}

static void add_environment(cJSON *root, const struct policy_settings *s)
{
    cJSON *environment = cJSON_AddObjectToObject(root, "environment");
    cJSON *set;

    if (s->inherit == POLICY_INHERIT_LISTED)
        cJSON_AddItemToObject(environment, "inherit",
                              list_json(&s->lists[POLICY_LIST_ENV_INHERIT]));
    else
        cJSON_AddStringToObject(environment, "inherit",
                                s->inherit == POLICY_INHERIT_ALL ? "all"
                                                                 : "none");
    add_lists(environment, "/environment", s);
    set = cJSON_AddObjectToObject(environment, "set");
    for (size_t i = 0; i < s->env_set.n; i++)
        cJSON_AddStringToObject(set, s->env_set.at[i].key.text,
                                s->env_set.at[i].value.text);
}

static void add_ignored(cJSON *root, const struct policy_settings *s)
{
    cJSON *ignore = cJSON_AddObjectToObject(root, "ignoreViolations");

    for (size_t i = 0; i < s->ignore.n; i++) {
        const char *key = s->ignore.at[i].key.text;
        cJSON *texts = cJSON_GetObjectItemCaseSensitive(ignore, key);

        if (texts == NULL)
            texts = cJSON_AddArrayToObject(ignore, key);
        cJSON_AddItemToArray(texts,
                             cJSON_CreateString(s->ignore.at[i].value.text));
    }
}

void policy_settings_print(const struct policy_settings *s, struct srt_buf *out)
{
    cJSON *root = cJSON_CreateObject();
    char *text;

    cJSON_AddNumberToObject(root, "version", 1);
    add_network(root, s);
    add_filesystem(root, s);
    add_environment(root, s);
    add_ignored(root, s);
    cJSON_AddStringToObject(root, "minimumLevel",
                            policy_level_words[s->minimum_level]);
    if (s->bwrap_path != NULL)
        cJSON_AddStringToObject(root, "bwrapPath", s->bwrap_path);
    text = cJSON_Print(root);
    if (text != NULL) {
        srt_buf_add_str(out, text);
        srt_buf_add_char(out, '\n');
        cJSON_free(text);
    }
    cJSON_Delete(root);
}
