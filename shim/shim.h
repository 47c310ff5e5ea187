/*
 * Inside libsrtshim.so.  No heap, no locks, no stdio, no thread-local storage:
 * every function here may run in a signal handler, in a vfork child, and
 * before any constructor.
 */
#ifndef SRT_SHIM_SHIM_H
#define SRT_SHIM_SHIM_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include "shim/config.h"

#define SHIM_EXPORT __attribute__((visibility("default")))

/* The next definition of each function in the search order, found on first
 * use: the table is only ever filled with the same values. */
enum shim_next {
    SHIM_NEXT_OPEN,
    SHIM_NEXT_OPEN64,
    SHIM_NEXT_OPENAT,
    SHIM_NEXT_OPENAT64,
    SHIM_NEXT_OPEN_2,
    SHIM_NEXT_OPEN64_2,
    SHIM_NEXT_OPENAT_2,
    SHIM_NEXT_OPENAT64_2,
    SHIM_NEXT_FOPEN,
    SHIM_NEXT_FOPEN64,
    SHIM_NEXT_OPENDIR,
    SHIM_NEXT_CONNECT,
    SHIM_NEXT_GETADDRINFO,
    SHIM_NEXTS
};

void *shim_next(enum shim_next which); /* NULL: this libc has none */

/* The run's configuration; mode SHIM_MODE_NONE when there is none. */
const struct shim_config *shim_config(void);

/* The raw system call: -4095..-1 is an errno. */
long shim_call(long nr, long a, long b, long c, long d, long e, long f);

/* routing: connect `fd` to addr through the SOCKS listener.  Returns false
 * when the address is none of the proxy's business. */
bool shim_route_connect(int fd, const struct sockaddr *addr, socklen_t len,
                        int *ret_result);
/* routing: an address for a host name by RESOLVE, as text. `family` AF_INET,
 * AF_INET6 or AF_UNSPEC.  Returns 0, or an EAI_ error. */
int shim_route_resolve(const char *host, int family, char *out, size_t size);
/* routing: open of `path` failed with `err`: report it if the policy is why. */
void shim_report_open(int dirfd, const char *path, bool write, bool create,
                      int err, const void *caller);

#endif
