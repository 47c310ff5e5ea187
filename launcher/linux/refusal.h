/*
 * Refused calls (CHANNEL_REFUSED): ask the host whether the call would have
 * got this far without srt, record the event if so, answer with the errno.
 * File systems may hang: the asking is a crew's (crew.h), which begins before the
 * command.
 */
#ifndef SRT_LAUNCHER_LINUX_REFUSAL_H
#define SRT_LAUNCHER_LINUX_REFUSAL_H

#include "launcher/linux/session.h"

struct refusal;

enum srt_rc refusal_new(struct session *s, struct refusal **ret,
                        struct srt_err *err) SRT_MUST_CHECK;
/* Takes a copy; answers later through session_send(). */
void refusal_handle(struct refusal *r, const struct channel_msg *m);
/* Wait for what is under way (at most 500 ms), then let go. */
void refusal_free(struct refusal *r);

#endif
