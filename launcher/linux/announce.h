/* The event `start`: what holds this run, and what does not. */
#ifndef SRT_LAUNCHER_LINUX_ANNOUNCE_H
#define SRT_LAUNCHER_LINUX_ANNOUNCE_H

#include "launcher/linux/prepare.h"
#include "launcher/linux/session.h"

void announce_start(const struct session *s, const struct prepare *p);

#endif
