/* This host's own names.  Inside they are the sandbox's own, as localhost is:
 * a program that looks its machine up reaches for nothing outside. */
#ifndef SRT_PROXY_SELF_H
#define SRT_PROXY_SELF_H

#include <stdbool.h>
#include <stddef.h>

#define PROXY_SELF_NAMES 16u
#define PROXY_SELF_SIZE  256u

struct proxy_self {
    char names[PROXY_SELF_NAMES][PROXY_SELF_SIZE]; /* canonical */
    size_t n;
};

/* `hostname`, the first label of it, and what the lines of the hosts file that
 * have one of these call it besides.  hosts_file NULL: /etc/hosts. */
void proxy_self_read(struct proxy_self *s, const char *hostname,
                     const char *hosts_file);
/* A canonical name. */
bool proxy_self_has(const struct proxy_self *s, const char *name);

#endif
