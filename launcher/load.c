#include "launcher/load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "launcher/hostfs.h"
#include "launcher/patience.h"

bool launcher_load_home_policy(char *out, size_t size)
{
    /* No thread changes the environment. */
    const char *home = getenv("HOME"); /* NOLINT(concurrency-mt-unsafe) */
    int n;

    if (home == NULL || home[0] != '/')
        return false;
    n = snprintf(out, size, "%s/.srt-settings.json", home);
    return n >= 0 && (size_t)n < size;
}

/* NULL: the built-in policy.  False: a diagnostic was made. */
static bool find_policy(const struct launcher_options *o, char *buf,
                        size_t size, const char **ret, struct srt_buf *diags)
{
    /* No thread changes the environment. */
    const char *named = getenv(
        "SRT_POLICY"); /* NOLINT(concurrency-mt-unsafe) */
    struct stat st;

    *ret = o->policy != NULL ? o->policy : named;
    if (*ret != NULL && (*ret)[0] == '\0') {
        srt_buf_addf(diags, "%s is empty; expected the path of a policy\n",
                     o->policy != NULL ? "--policy" : "SRT_POLICY");
        return false;
    }
    if (*ret != NULL || !launcher_load_home_policy(buf, size))
        return true;
    /* One that is there but cannot be used is an error, not a reason to go
     * on without it. */
    if (lstat(buf, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        *ret = buf;
    return true;
}

const char *launcher_load_source(const struct launcher_options *o)
{
    if (o->policy != NULL)
        return o->policy_source != NULL ? o->policy_source : "--policy";
    return getenv("SRT_POLICY") != NULL /* NOLINT(concurrency-mt-unsafe) */
               ? "$SRT_POLICY"
               : "the default";
}

/* A file that is not there, or not to be read: who named it, and what to do. */
static bool can_open(const struct launcher_options *o, const char *path,
                     struct srt_buf *diags)
{
    SRT_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *source = launcher_load_source(o);

    if (fd >= 0)
        return true;
    srt_buf_addf(diags,
                 "%s: %s; named by %s; expected a policy that you may "
                 "read",
                 path, strerror(errno), source); /* NOLINT: one thread */
    if (strcmp(source, "the default") == 0)
        srt_buf_add_str(diags, " there, or nothing\n");
    else
        srt_buf_add_str(diags, " ({} is one: no writes, no network)\n");
    return false;
}

static enum srt_rc load_settings(const struct launcher_options *o,
                                 struct policy_settings *s,
                                 struct srt_buf *diags)
{
    struct srt_err err;
    char buf[SRT_PATH_MAX];
    const char *path;
    enum srt_rc rc = SRT_OK;

    policy_settings_init(s);
    if (!find_policy(o, buf, sizeof(buf), &path, diags))
        return SRT_E_CONFIG;
    if (path != NULL && !can_open(o, path, diags))
        return SRT_E_CONFIG;
    if (path != NULL)
        rc = policy_settings_load(path, s, diags);
    for (size_t i = 0; rc == SRT_OK && i < o->nadded; i++) {
        const struct launcher_added *a = &o->added[i];

        rc = policy_settings_add(s, a->list, a->option, a->value, &err);
        if (rc != SRT_OK)
            srt_buf_addf(diags, "%s\n", err.msg);
    }
    return rc;
}

/* The real directory that relative paths of the policy are relative to: --cwd,
 * or srt's own. */
static enum srt_rc find_cwd(const struct launcher_options *o, char *out,
                            size_t size, struct srt_err *err)
{
    const char *dir = o->cwd != NULL ? o->cwd : ".";
    char real[PATH_MAX];
    struct stat st;

    if (realpath(dir, real) == NULL || stat(real, &st) != 0)
        return srt_err_sys(err, errno, "%s '%s'",
                           o->cwd != NULL ? "--cwd" : "working directory", dir);
    if (!S_ISDIR(st.st_mode))
        return srt_err_set(err, SRT_E_CONFIG, "--cwd '%s': not a directory",
                           dir);
    if (strlen(real) >= size)
        return srt_err_set(err, SRT_E_LIMIT, "'%s': too long", dir);
    memcpy(out, real, strlen(real) + 1);
    return SRT_OK;
}

static enum srt_rc choose_level(const struct launcher_options *o,
                                enum policy_level least, enum policy_level *ret,
                                struct srt_err *err)
{
    enum policy_level level = o->level_given ? o->level : POLICY_LEVEL_FULL;

    if (level < least)
        return srt_err_set(err, SRT_E_CONFIG,
                           "--level %s is weaker than the policy's "
                           "minimumLevel (%s); set minimumLevel to \"%s\" to "
                           "allow it",
                           policy_level_words[level], policy_level_words[least],
                           policy_level_words[level]);
    *ret = level;
    return SRT_OK;
}

/* A policy of many globs takes its time, and a person waits. */
static enum srt_rc compile(const struct launcher_options *o,
                           struct launcher_loaded *l, struct srt_buf *diags)
{
    struct launcher_patience p;
    enum srt_rc rc;

    launcher_hostfs_init(&l->host, getenv("HOME"), l->cwd); /* NOLINT */
    launcher_patience_begin(
        &p, !o->quiet && isatty(STDERR_FILENO) == 1,
        "still looking for what the globs of the policy match");
    rc = policy_compile(&l->settings, &l->host, l->own.files, &l->policy,
                        diags);
    launcher_patience_end(&p);
    return rc;
}

enum srt_rc launcher_load(const struct launcher_options *o,
                          struct launcher_loaded *ret, struct srt_buf *diags)
{
    struct srt_err err;
    enum srt_rc loaded;
    enum srt_rc rc;

    *ret = (struct launcher_loaded){0};
    /* Where the text is readable, all that is wrong is told in one run. */
    loaded = load_settings(o, &ret->settings, diags);
    if (loaded != SRT_OK && !ret->settings.was_read)
        return loaded;
    rc = find_cwd(o, ret->cwd, sizeof(ret->cwd), &err);
    if (rc == SRT_OK)
        rc = launcher_own_find(o, &ret->settings, &ret->own, &err);
    if (rc == SRT_OK)
        rc = choose_level(o, ret->settings.minimum_level, &ret->level, &err);
    if (rc != SRT_OK) {
        srt_buf_addf(diags, "%s\n", err.msg);
        return rc;
    }
    rc = compile(o, ret, diags);
    return loaded != SRT_OK ? loaded : rc;
}

void launcher_loaded_release(struct launcher_loaded *l)
{
    policy_release(&l->policy);
    launcher_own_release(&l->own);
    policy_settings_release(&l->settings);
}
