/*
 * The name memory: which names each address was given for, for the whole run.
 * 65 536 addresses with 16 names each; an address or name beyond that is not
 * remembered, and a connection to it is judged as an address: flooding it by a
 * wildcard loses the flooder his own names, and nobody another's.
 */
#ifndef SRT_PROXY_NAMES_H
#define SRT_PROXY_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/addr.h"

#define PROXY_NAMES_ADDRESSES 65536
#define PROXY_NAMES_EACH      16

struct proxy_names;

struct proxy_names *proxy_names_new(void); /* NULL: no memory */
void proxy_names_free(struct proxy_names *n);

/* False: it was full, or no memory. */
bool proxy_names_add(struct proxy_names *n, struct policy_addr a,
                     const char *name);
/* The i-th name of an address, or NULL; n may be NULL. */
const char *proxy_names_get(const struct proxy_names *n, struct policy_addr a,
                            size_t i);

#endif
