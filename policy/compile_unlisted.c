/*
 * Directories that a walk could not list.  One that may be entered can hold a
 * name that the rule means, and so can one of the user's own that the command
 * could open first.  Such a rule would be silently less than it says: an
 * error, unless another entry covers the directory as a whole.
 */
#include "base/log.h"
#include "base/path.h"
#include "policy/compile_parts.h"

void policy_compile_unlisted(void *ctx, const char *path, bool open)
{
    const struct policy_entry *e = ctx;
    struct policy_compiler *c = e->c;

    if (c->nunlisted == c->unlisted_cap) {
        c->unlisted_cap = c->unlisted_cap != 0 ? 2 * c->unlisted_cap : 16;
        c->unlisted = srt_xreallocarray(c->unlisted, c->unlisted_cap,
                                        sizeof(c->unlisted[0]));
    }
    c->unlisted[c->nunlisted++] = (struct policy_unlisted){
        .path = srt_arena_strdup(&c->arena, path),
        .pointer = e->pointer,
        .list = e->list,
        .open = open};
}

/* Does this denial keep everybody out of the whole of it? */
static bool is_whole(const struct policy_compiler *c,
                     const struct policy_place *denied)
{
    for (size_t i = 0; i < c->nplaces; i++)
        if ((c->places[i].list == POLICY_LIST_ALLOW_READ ||
             c->places[i].list == POLICY_LIST_ALLOW_WRITE) &&
            srt_path_under(c->places[i].path, denied->path))
            return false;
    return true;
}

/* Nothing in it can be read; or, where that is all the rule is about, nor be
 * changed, its mode with it. */
static bool is_covered(const struct policy_compiler *c,
                       const struct policy_unlisted *u)
{
    for (size_t i = 0; i < c->nplaces; i++) {
        const struct policy_place *p = &c->places[i];

        if (p->kind != POLICY_KIND_DIR || p->link ||
            !srt_path_under(u->path, p->path))
            continue;
        if (p->list == POLICY_LIST_DENY_READ && is_whole(c, p))
            return true;
        if (p->list == POLICY_LIST_DENY_WRITE &&
            (u->list != POLICY_LIST_DENY_READ || !u->open))
            return true;
    }
    return false;
}

static void judge(struct policy_compiler *c, const struct policy_unlisted *u)
{
    char quoted[SRT_LOG_QUOTED_MAX];

    /* Elsewhere its mode cannot be changed. */
    if ((!u->open && !policy_compile_is_root(c, u->path)) || is_covered(c, u))
        return;
    srt_log_quote(u->path, quoted, sizeof(quoted));
    if (u->list == POLICY_RULE_PROTECT)
        policy_compile_complain(
            c, u->pointer,
            "protected names in \"%s\" cannot be found, as it cannot be "
            "listed; expected it to be readable for you, denied by denyWrite, "
            "or a smaller mandatoryDenySearchDepth",
            quoted);
    else
        policy_compile_complain(
            c, u->pointer,
            "what the glob names in \"%s\" cannot be found, as it cannot be "
            "listed but %s; expected it to be readable for you, or denied "
            "itself",
            quoted,
            u->open ? "may be entered" : "the command could change its mode");
}

void policy_compile_judge_unlisted(struct policy_compiler *c)
{
    for (size_t i = 0; i < c->nunlisted; i++)
        judge(c, &c->unlisted[i]);
}
