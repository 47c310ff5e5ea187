#include "launcher/linux/announce.h"

#include "launcher/linux/filter.h"

/* Does a denyWrite entry name what is not there? */
static bool denies_absent(const struct policy *p)
{
    for (size_t i = 0; i < p->nplaces; i++)
        if (p->places[i].kind == POLICY_KIND_ABSENT)
            return true;
    return false;
}

void announce_start(const struct session *s, const struct prepare *p)
{
    const char *layers[8];
    const char *weak[12];
    size_t n = 0;
    size_t w = 0;
    const bool full = s->in->level == POLICY_LEVEL_FULL;

    layers[n++] = "bwrap";
    layers[n++] = "landlock";
    layers[n++] = "seccomp";
    if (full)
        layers[n++] = "supervisor";
    if (p->fuse && full)
        layers[n++] = "masks";
    layers[n++] = "proxy";
    if (s->in->shim_path != NULL)
        layers[n++] = full ? "shim (annotation)" : "shim (routing)";
    layers[n] = NULL;
    if (s->in->settings->filesystem_disabled)
        weak[w++] = "filesystem.disabled: files are read and written as if "
                    "there were no sandbox";
    else if (s->in->settings->protect != POLICY_PROTECT_NONE)
        weak[w++] = "protect: only names that exist at start are protected";
    if (denies_absent(s->policy))
        weak[w++] = "denyWrite: what does not exist at start is refused by its "
                    "name only";
    if (full && !p->fuse)
        weak[w++] = "no FUSE: opens for reading are notified one by one";
    if (s->in->shim_path == NULL)
        weak[w++] = "the shim is not installed: events name no caller";
    if (!s->in->settings->filesystem_disabled &&
        s->in->settings->lists[POLICY_LIST_DENY_READ].n > 0)
        weak[w++] = "denyRead: a file that the host replaces during the run "
                    "can be read from then on";
    if (s->in->settings->lists[POLICY_LIST_ALLOWED_DOMAINS].n > 0)
        weak[w++] = "allowedDomains: names in TLS and HTTP are not compared "
                    "with the name that was looked up";
    if (!full) {
        weak[w++] = "level preload: refusals are reported by the shim";
        weak[w++] = "level preload: static programs need proxy variables";
    }
    if (p->landlock_abi < 6)
        weak[w++] = "Landlock before ABI 6: signals to the own process group "
                    "reach its members outside";
    if (p->landlock_abi < 3)
        weak[w++] = "Landlock before ABI 3: truncate rests on the mounts";
    weak[w] = NULL;
    events_store_start(s->events, &(struct events_start){
                                      .policy_path = s->in->settings->path,
                                      .policy_sha256 = s->in->settings->sha256,
                                      .level = full ? "full" : "preload",
                                      .layers = layers,
                                      .weakenings = weak,
                                      .silent = filter_silent_calls(),
                                      .argv = (const char *const *)s->in->argv,
                                      .cwd = s->in->cwd,
                                  });
}
