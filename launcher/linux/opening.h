/* What a run says of itself when it begins. */
#ifndef SRT_LAUNCHER_LINUX_OPENING_H
#define SRT_LAUNCHER_LINUX_OPENING_H

#include "launcher/linux/prepare.h"

/* The "start" record; under --debug layers, weakenings and the plan, too. */
void opening_tell(const struct session *s, const struct prepare *p);

#endif
