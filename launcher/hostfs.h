/* The host's file system, as policy_compile() asks for it. */
#ifndef SRT_LAUNCHER_HOSTFS_H
#define SRT_LAUNCHER_HOSTFS_H

#include "policy/compile.h"

/* Callbacks that resolve paths here and walk the tree in hosttree.c.  `home`
 * and `cwd` are borrowed. */
void launcher_hostfs_init(struct policy_host *ret, const char *home,
                          const char *cwd);

#endif
