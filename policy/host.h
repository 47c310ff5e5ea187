/* The one form of a host: for rules, look-ups, dialling and events alike. */
#ifndef SRT_POLICY_HOST_H
#define SRT_POLICY_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/addr.h"

/* Longest name, without a trailing dot. */
#define POLICY_NAME_MAX 253
/* Room for any canonical host. */
#define POLICY_HOST_SIZE 256

/* policy_host_canonical() (policy/image.h), and the address when the host is
 * one, as it was written (family 0: it is a name).  size >= POLICY_HOST_SIZE. */
bool policy_host_parse(const char *host, size_t len, char *out, size_t size,
                       struct policy_addr *ret_addr);

/* "localhost" or a name below it; name canonical. */
bool policy_host_is_localhost(const char *name);

#endif
