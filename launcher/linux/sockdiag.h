/* Inodes of inet sockets by their local port, sock_diag(7). */
#ifndef SRT_LAUNCHER_LINUX_SOCKDIAG_H
#define SRT_LAUNCHER_LINUX_SOCKDIAG_H

#include <stddef.h>
#include <stdint.h>

#define SOCKDIAG_MAX 8u

/*
 * Sockets bound to `port` in the namespace of diag_fd (NETLINK_SOCK_DIAG):
 * those of `family`, and for AF_INET those of AF_INET6, which may be
 * dual-stack, too.  `proto` IPPROTO_TCP or IPPROTO_UDP.
 * Fills `ret` and returns how many.  Waits at most 200 ms for the kernel.
 */
size_t sockdiag_by_port(int diag_fd, int family, int proto, uint16_t port,
                        uint64_t ret[SOCKDIAG_MAX]);

#endif
