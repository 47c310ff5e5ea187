/*
 * A refusal becomes an event: what would allow it, who asked, the store.
 */
#ifndef SRT_LAUNCHER_LINUX_TELL_H
#define SRT_LAUNCHER_LINUX_TELL_H

#include "launcher/linux/session.h"
#include "policy/suggest.h"

/*
 * Record *about, refused by *d to host thread `tid` (0: not known), before the
 * refusal is answered.
 *
 * Rule and reason are those of *d; hint and change what policy_suggest() has
 * for *what, of which the caller sets kind, deed, targets and address; NULL:
 * nothing is suggested, and a hint of the caller's stays.  Any thread.
 */
void tell_violation(struct session *s, const struct events_violation *about,
                    const struct policy_decision *d,
                    const struct policy_refused *what, pid_t tid);

#endif
