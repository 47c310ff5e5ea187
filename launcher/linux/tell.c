#include "launcher/linux/tell.h"

#include "base/buf.h"
#include "launcher/linux/process.h"

void tell_violation(struct session *s, struct events_violation *v,
                    const struct policy_decision *d, enum policy_subject kind,
                    const char *subject, pid_t tid)
{
    static _Thread_local struct events_process process;
    SRT_AUTO_BUF struct srt_buf hint = {0}, change = {0};

    v->rule = d->rule;
    v->reason = d->reason;
    if (subject != NULL) {
        policy_suggest(s->policy->image, kind, subject, d, &hint, &change);
        v->hint = hint.len > 0 ? srt_buf_str(&hint) : NULL;
        v->change = change.len > 0 ? srt_buf_str(&change) : NULL;
    }
    process_describe(tid, &process);
    events_store_violation(s->events, v, &process);
}
