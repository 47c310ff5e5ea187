#include "launcher/linux/start.h"

#include <stdlib.h>

#include "base/alloc.h"
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
    add(l, p->landlock_abi > 0, "landlock");
    add(l, true, "seccomp");
    add(l, full, "supervisor");
    add(l, p->fuse && full, "masks");
    add(l, true, "proxy");
    add(l, s->in->shim_path != NULL,
        full ? "shim (annotation)" : "shim (routing)");
}

static void add_weakenings(struct sentences *l, const struct session *s,
                           const struct prepare *p, bool full)
{
    const struct policy_settings *set = s->in->settings;

    add(l, set->protect != POLICY_PROTECT_NONE,
        "protect: only names that exist at start are protected, as deep as "
        "mandatoryDenySearchDepth below writable roots, and not the hooks and "
        "configs of submodules and worktrees");
    add(l, denies_absent(s->policy),
        "denyWrite: what does not exist at start is refused by its name only");
    for (size_t i = 0; s->in->weakenings[i] != NULL; i++)
        add(l, true, s->in->weakenings[i]);
    add(l, full && !p->fuse,
        "no FUSE: opens for reading are notified one by one");
    add(l, s->in->shim_path == NULL,
        "the shim is not installed: events name no caller");
    add(l, set->lists[POLICY_LIST_DENY_READ].n > 0,
        "denyRead: a file that the host replaces during the run can be read "
        "from then on");
    add(l, set->lists[POLICY_LIST_ALLOWED_DOMAINS].n > 0,
        "allowedDomains: names in TLS and HTTP are not compared with the name "
        "that was looked up");
    add(l, !full, "level preload: refusals are reported by the shim");
    add(l, !full, "level preload: static programs need proxy variables");
    add(l, p->landlock_abi < 6,
        "Landlock before ABI 6: signals to the own process group reach its "
        "members outside");
    add(l, p->landlock_abi > 0 && p->landlock_abi < 3,
        "Landlock before ABI 3: truncate rests on the mounts");
}

void start_tell(const struct session *s, const struct prepare *p)
{
    const bool full = s->in->level == POLICY_LEVEL_FULL;
    struct sentences layers = {0};
    struct sentences weak = {0};

    add_layers(&layers, s, p, full);
    add_weakenings(&weak, s, p, full);
    events_store_start(s->events, &(struct events_start){
                                      .policy_path = s->in->settings->path,
                                      .policy_sha256 = s->in->settings->sha256,
                                      .level = full ? "full" : "preload",
                                      .layers = layers.at,
                                      .weakenings = weak.at,
                                      .silent = filter_silent_calls(),
                                      .argv = (const char *const *)s->in->argv,
                                      .cwd = s->in->cwd,
                                  });
    for (size_t i = 0; s->in->warnings[i] != NULL; i++)
        events_store_warning(s->events, "%s", s->in->warnings[i]);
    srt_free_ptr(&layers.at);
    srt_free_ptr(&weak.at);
}
