/* What is said when a run begins. */
#ifndef SRT_LAUNCHER_LINUX_START_H
#define SRT_LAUNCHER_LINUX_START_H

#include "launcher/linux/prepare.h"

/* The start event: layers in force, everything that this run does not enforce;
 * then a warning for each thing that the launcher found odd about the policy
 * on this host.  Under --debug also the plan, as lines. */
void start_tell(const struct session *s, const struct prepare *p);

#endif
