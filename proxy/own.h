/* Is an address this host's own?  Asked of the routing table each time: what
 * an interface gets during the run counts, and so does a local route. */
#ifndef SRT_PROXY_OWN_H
#define SRT_PROXY_OWN_H

#include <stdbool.h>

#include "policy/addr.h"

/* True also when it cannot be known (no netlink socket, no memory): such an
 * address needs an entry of its own then.  A round trip to the kernel. */
bool proxy_own_has(struct policy_addr a);

#endif
