#include "policy/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "policy/entry.h"
#include "policy/scan.h"
#include "policy/schema.h"

const char *const policy_level_words[POLICY_LEVELS + 1] = {
    [POLICY_LEVEL_LANDLOCK] = "landlock",
    [POLICY_LEVEL_PRELOAD] = "preload",
    [POLICY_LEVEL_FULL] = "full",
};

void policy_settings_init(struct policy_settings *ret)
{
    *ret = (struct policy_settings){.minimum_level = POLICY_LEVEL_FULL,
                                    .search_depth = POLICY_SEARCH_DEPTH};
}

void policy_settings_release(struct policy_settings *s)
{
    srt_arena_release(&s->arena);
    policy_settings_init(s);
}

enum srt_rc policy_settings_parse(const char *name, const char *bytes,
                                  size_t len, struct policy_settings *s,
                                  struct srt_buf *diags)
{
    struct policy_scan scan;
    struct policy_scan_error error;
    struct policy_schema_job job = {
        .name = name, .scan = &scan, .settings = s, .diags = diags};
    cJSON *root;

    policy_settings_init(s);
    if (!policy_scan(bytes, len, &scan, &error)) {
        srt_buf_addf(diags, "%s:%u:%u: /: %s\n", name, error.line, error.col,
                     error.what);
        return SRT_E_CONFIG;
    }
    root = vnd_json_parse(bytes, len);
    if (root == NULL) {
        srt_buf_addf(diags, "%s:1:1: /: not JSON; expected an object\n", name);
        job.failed = true;
    } else {
        s->path = srt_arena_strdup(&s->arena, name);
        policy_schema_read(&job, root);
        s->was_read = true;
    }
    cJSON_Delete(root);
    policy_scan_release(&scan);
    if (job.failed)
        return SRT_E_CONFIG;
    srt_sha256_hex(bytes, len, s->sha256);
    return SRT_OK;
}

static enum srt_rc complain(struct srt_buf *diags, const char *name,
                            const char *what)
{
    srt_buf_addf(diags, "%s: %s\n", name, what);
    return SRT_E_CONFIG;
}

/* The whole file in *ret (freed by the caller), or a line in diags. */
static enum srt_rc read_file(const char *name, char **ret, size_t *ret_len,
                             struct srt_buf *diags)
{
    /* O_NONBLOCK: a FIFO planted at this path must not hang the launcher. */
    SRT_AUTO_FD int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    SRT_AUTO_FREE char *bytes = NULL;
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) != 0)
        return complain(diags, name, strerror(errno)); /* NOLINT */
    if (!S_ISREG(st.st_mode))
        return complain(diags, name, "not a regular file; expected a policy");
    bytes = srt_xmalloc(POLICY_SETTINGS_MAX_BYTES + 1);
    n = srt_fd_read_all(fd, bytes, POLICY_SETTINGS_MAX_BYTES + 1);
    if (n < 0)
        return complain(diags, name, strerror(errno)); /* NOLINT */
    if (n == 0)
        return complain(diags, name,
                        "the file is empty; expected a policy, "
                        "{} at least");
    if ((size_t)n > POLICY_SETTINGS_MAX_BYTES)
        return complain(diags, name, "too large; expected at most 1 MiB");
    *ret = bytes;
    *ret_len = (size_t)n;
    bytes = NULL;
    return SRT_OK;
}

enum srt_rc policy_settings_load(const char *name, struct policy_settings *s,
                                 struct srt_buf *diags)
{
    SRT_AUTO_FREE char *bytes = NULL;
    size_t len = 0;
    enum srt_rc rc;

    policy_settings_init(s);
    rc = read_file(name, &bytes, &len, diags);
    if (rc == SRT_OK)
        rc = policy_settings_parse(name, bytes, len, s, diags);
    return rc;
}

/* How many entries of the list this option made. */
static size_t count_of(const struct policy_texts *list, const char *option)
{
    size_t n = 0;
    size_t len = strlen(option);

    for (size_t i = 0; i < list->n; i++)
        if (strncmp(list->at[i].pointer, "option:", 7) == 0 &&
            strncmp(list->at[i].pointer + 7, option, len) == 0 &&
            list->at[i].pointer[7 + len] == '/')
            n++;
    return n;
}

enum srt_rc policy_settings_add(struct policy_settings *s,
                                enum policy_list list, const char *option,
                                const char *value, struct srt_err *err)
{
    struct policy_texts *l = &s->lists[list];
    const char *what = policy_entry_check(list, value, false);
    struct policy_text *grown;
    SRT_AUTO_BUF struct srt_buf pointer = {0};

    if (what != NULL)
        return srt_err_set(err, SRT_E_CONFIG, "%s '%s': %s", option, value,
                           what);
    srt_buf_addf(&pointer, "option:%s/%zu", option, count_of(l, option));
    grown = srt_arena_alloc(&s->arena, (l->n + 1) * sizeof(*grown));
    if (l->n > 0)
        memcpy(grown, l->at, l->n * sizeof(*grown));
    grown[l->n] = (struct policy_text){
        .text = srt_arena_strdup(&s->arena, value),
        .pointer = srt_arena_strdup(&s->arena, srt_buf_str(&pointer)),
    };
    l->at = grown;
    l->n++;
    return SRT_OK;
}
