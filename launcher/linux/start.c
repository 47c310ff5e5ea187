#include "launcher/linux/start.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "launcher/linux/filter.h"

/* Does a denyWrite entry name what is not there? */
static bool denies_absent(const struct policy *p)
{
    for (size_t i = 0; i < p->nplaces; i++)
        if (p->places[i].kind == POLICY_KIND_ABSENT)
            return true;
    return false;
}

/* A NULL-terminated list that grows. */
struct sentences {
    const char **at; /* owned */
    size_t n;
};

static void add(struct sentences *l, bool holds, const char *sentence)
{
    l->at = srt_xreallocarray(l->at, l->n + 2, sizeof(l->at[0]));
    if (holds)
        l->at[l->n++] = sentence;
    l->at[l->n] = NULL;
}

static void add_layers(struct sentences *l, const struct session *s,
                       const struct prepare *p, bool full)
{
    add(l, true, "bwrap");
    add(l, true, "landlock");
    add(l, true, "seccomp");
    add(l, full, "supervisor");
    add(l, p->fuse, "masks");
    add(l, true, "proxy");
    add(l, s->in->shim_path != NULL,
        full ? "shim (annotation)" : "shim (routing)");
}

static void add_weakenings(struct sentences *l, const struct session *s,
                           const struct prepare *p, bool full)
{
    const struct policy_settings *set = s->in->settings;

    add(l, set->filesystem_disabled,
        "filesystem.disabled: files are read and written as if there were no "
        "sandbox");
    add(l, !set->filesystem_disabled && set->protect != POLICY_PROTECT_NONE,
        "protect: only names that exist at start are protected, as deep as "
        "mandatoryDenySearchDepth below writable roots, and not the hooks and "
        "configs of submodules and worktrees; one that the host replaces "
        "during the run by its name only");
    add(l, denies_absent(s->policy),
        "denyWrite: what does not exist at start is refused by its name only");
    for (size_t i = 0; s->in->weakenings[i] != NULL; i++)
        add(l, true, s->in->weakenings[i]);
    add(l, full && p->plain_masks,
        "no FUSE: opens for reading are notified one by one; other refused "
        "reads (stat, chdir, exec) make no event");
    add(l, s->in->shim_path == NULL,
        "the shim is not installed: events name no caller");
    add(l, !set->filesystem_disabled && set->lists[POLICY_LIST_DENY_READ].n > 0,
        "denyRead: what the host replaces or makes there during the run can be "
        "read from then on");
    add(l, set->lists[POLICY_LIST_ALLOWED_DOMAINS].n > 0,
        "allowedDomains: names in TLS and HTTP are not compared with the name "
        "that was looked up");
    add(l, !full, "level preload: refusals are reported by the shim");
    add(l, !full, "level preload: static programs need proxy variables");
    add(l, p->landlock_abi < 6,
        "Landlock before ABI 6: signals to the own process group reach its "
        "members outside");
    add(l, p->landlock_abi < 3,
        "Landlock before ABI 3: truncate rests on the mounts");
}

/* What the host would have done, and no layer sees fail. */
static void add_untold(struct sentences *l, const struct session *s, bool full)
{
    add(l, geteuid() == 0,
        "what takes a capability: the command has none, though srt is run by "
        "root (other users' files, their ids, ports below 1024, mounts)");
    add(l, true, "what gains privileges: set-user-ID programs run without");
    add(l, s->in->settings->lists[POLICY_LIST_ALLOWED_DOMAINS].n > 0,
        "datagrams: only look-ups leave, to allowed hosts, too");
    add(l, !full, "level preload: what the policy allows and fails");
}

/* Lines of the plan that one may want to read. */
enum { REGIONS_MAX = 200 };

static void tell_plan(const struct plan *plan)
{
    static const char *const words[] = {[PLAN_MASKED] = "not readable",
                                        [PLAN_READONLY] = "readable",
                                        [PLAN_WRITABLE] = "writable"};
    char quoted[SRT_LOG_QUOTED_MAX];
    size_t n = plan->nregions < REGIONS_MAX ? plan->nregions : REGIONS_MAX;

    srt_log(SRT_LOG_DEBUG, "plan: / is readable");
    for (size_t i = 0; i < n; i++) {
        const struct plan_region *r = &plan->regions[i];

        srt_log(SRT_LOG_DEBUG, "plan: %s is %s%s (%s)",
                srt_log_quote(r->path, quoted, sizeof(quoted)),
                words[r->access], r->pinned ? ", and keeps its name" : "",
                r->rule);
    }
    if (n < plan->nregions)
        srt_log(SRT_LOG_DEBUG, "plan: ... and %zu more", plan->nregions - n);
}

static void tell_debug(const struct session *s, const char *const *layers,
                       const char *const *weak)
{
    for (; *layers != NULL; layers++)
        srt_log(SRT_LOG_DEBUG, "layer: %s", *layers);
    for (; *weak != NULL; weak++)
        srt_log(SRT_LOG_DEBUG, "not enforced: %s", *weak);
    tell_plan(s->plan);
}

void start_tell(const struct session *s, const struct prepare *p)
{
    const bool full = s->in->level == POLICY_LEVEL_FULL;
    struct sentences layers = {0};
    struct sentences weak = {0};
    struct sentences untold = {0};

    add_layers(&layers, s, p, full);
    add_weakenings(&weak, s, p, full);
    add_untold(&untold, s, full);
    if (srt_log_shows(SRT_LOG_DEBUG))
        tell_debug(s, layers.at, weak.at);
    events_store_start(s->events, &(struct events_start){
                                      .policy_path = s->in->settings->path,
                                      .policy_sha256 = s->in->settings->sha256,
                                      .level = policy_level_words[s->in->level],
                                      .layers = layers.at,
                                      .weakenings = weak.at,
                                      .silent = filter_silent_calls(),
                                      .untold = untold.at,
                                      .argv = (const char *const *)s->in->argv,
                                      .cwd = s->in->cwd,
                                  });
    for (size_t i = 0; s->in->warnings[i] != NULL; i++)
        events_store_warning(s->events, "%s", s->in->warnings[i]);
    srt_free_ptr(&layers.at);
    srt_free_ptr(&weak.at);
    srt_free_ptr(&untold.at);
}
