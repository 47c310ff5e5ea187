#include "launcher/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "launcher/events/dest.h"
#include "launcher/linux/bwrap.h"
#include "launcher/load.h"

#define RULE_OWN    "builtin:protect/own"
#define RULE_POLICY "builtin:protect/policy"

static enum srt_rc add(struct launcher_own *own, const char *path,
                       const char *rule, struct srt_err *err)
{
    char whole[SRT_PATH_MAX];
    char here[SRT_PATH_MAX];
    int n;

    if (path == NULL || path[0] == '\0')
        return SRT_OK;
    if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
        return srt_err_sys(err, errno, "working directory, for '%s'", path);
    n = snprintf(whole, sizeof(whole), "%s%s%s", path[0] == '/' ? "" : here,
                 path[0] == '/' ? "" : "/", path);
    if (n < 0 || (size_t)n >= sizeof(whole))
        return srt_err_set(err, SRT_E_LIMIT, "'%s': the path is too long",
                           path);
    if (own->n == LAUNCHER_OWN_MAX)
        return srt_err_set(err, SRT_E_LIMIT, "too many event files");
    own->files[own->n++] = (struct policy_own_file){
        .path = srt_arena_strdup(&own->arena, whole), .rule = rule};
    return SRT_OK;
}

/* srt, and ../lib/libsrtshim.so and srt-init beside it. */
static enum srt_rc add_programs(struct launcher_own *own, struct srt_err *err)
{
    char self[SRT_PATH_MAX];
    char dir[SRT_PATH_MAX];
    char up[SRT_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    /* What execve(2) was given: the link in $PATH, if srt is one. */
    const char *started = (const char *)getauxval(AT_EXECFN);
    enum srt_rc rc;

    if (n <= 0)
        return srt_err_sys(err, errno, "readlink /proc/self/exe");
    self[n] = '\0';
    (void)srt_path_split(self, dir, sizeof(dir));
    (void)srt_path_split(dir, up, sizeof(up));
    if (!srt_path_join(dir, "srt-init", own->init_path,
                       sizeof(own->init_path)) ||
        !srt_path_join(up, "lib/libsrtshim.so", own->shim_path,
                       sizeof(own->shim_path)))
        return srt_err_set(err, SRT_E_LIMIT, "'%s': the path is too long",
                           self);
    rc = add(own, self, RULE_OWN, err);
    if (rc == SRT_OK)
        rc = add(own, started, RULE_OWN, err);
    if (rc == SRT_OK)
        rc = add(own, own->init_path, RULE_OWN, err);
    if (rc == SRT_OK)
        rc = add(own, own->shim_path, RULE_OWN, err);
    return rc;
}

/* Not only the one in use: the next run may be started without the option. */
static enum srt_rc add_policies(struct launcher_own *own,
                                const struct launcher_options *o,
                                struct srt_err *err)
{
    char home[SRT_PATH_MAX];
    enum srt_rc rc = add(own, o->policy, RULE_POLICY, err);

    if (rc == SRT_OK)
        rc = add(own, getenv("SRT_POLICY"), RULE_POLICY, err); /* NOLINT */
    if (rc == SRT_OK && launcher_load_home_policy(home, sizeof(home)))
        rc = add(own, home, RULE_POLICY, err);
    return rc;
}

static enum srt_rc add_sink(struct launcher_own *own, const char *dest,
                            struct srt_err *err)
{
    const char *rest;

    return dest != NULL && events_dest_kind(dest, &rest) == EVENTS_DEST_FILE
               ? add(own, rest, RULE_OWN, err)
               : SRT_OK;
}

static enum srt_rc add_sinks(struct launcher_own *own,
                             const struct launcher_options *o,
                             struct srt_err *err)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    enum srt_rc rc = add_sink(own, getenv("SRT_EVENTS"), err);

    for (size_t i = 0; rc == SRT_OK && i < o->nevents; i++)
        rc = add_sink(own, o->events[i], err);
    return rc;
}

enum srt_rc launcher_own_find(const struct launcher_options *o,
                              const struct policy_settings *s,
                              struct launcher_own *ret, struct srt_err *err)
{
    enum srt_rc rc;

    *ret = (struct launcher_own){0};
    rc = add_programs(ret, err);
    if (rc == SRT_OK)
        rc = add(ret, bwrap_locate(s->bwrap_path), RULE_OWN, err);
    if (rc == SRT_OK)
        rc = add_policies(ret, o, err);
    if (rc == SRT_OK)
        rc = add_sinks(ret, o, err);
    if (rc != SRT_OK)
        launcher_own_release(ret);
    return rc;
}

void launcher_own_release(struct launcher_own *own)
{
    srt_arena_release(&own->arena);
    own->n = 0;
    own->files[0] = (struct policy_own_file){0};
}
