/*
 * Refused calls (CHANNEL_REFUSED): ask the host whether the call would have
 * got this far without srt, record the event if so, answer with the errno.
 * File systems may hang: the asking is a crew's (crew.h), started with the
 * first refusal.
 */
#ifndef SRT_LAUNCHER_LINUX_REFUSAL_H
#define SRT_LAUNCHER_LINUX_REFUSAL_H

#include "launcher/linux/session.h"

struct refusal;

struct refusal *refusal_new(struct session *s);
/* Takes a copy; answers later through session_send(). */
void refusal_handle(struct refusal *r, const struct channel_msg *m);
/* Wait for what is under way (at most 500 ms), then let go. */
void refusal_free(struct refusal *r);

#endif
