#include "launcher/linux/tell.h"

#include "base/buf.h"
#include "launcher/linux/process.h"

void tell_violation(struct session *s, const struct events_violation *about,
                    const struct policy_decision *d,
                    const struct policy_refused *what, pid_t tid)
{
    static _Thread_local struct events_process process;
    SRT_AUTO_BUF struct srt_buf hint = {0};
    struct policy_change change = {0};
    struct events_violation v = *about;

    v.rule = d->rule;
    v.reason = d->reason;
    if (what != NULL) {
        struct policy_refused r = *what;

        r.image = s->policy->image;
        r.settings = s->in->settings;
        r.home = s->in->home;
        r.decision = d;
        policy_suggest(&r, &hint, &change);
        v.hint = hint.len > 0 ? srt_buf_str(&hint) : NULL;
        v.change = &change;
    }
    process_describe(tid, &process);
    events_store_violation(s->events, &v, &process);
}
