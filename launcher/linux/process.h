/* Who a host thread of the sandbox is, read from /proc while it is blocked. */
#ifndef SRT_LAUNCHER_LINUX_PROCESS_H
#define SRT_LAUNCHER_LINUX_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "launcher/events/event.h"

/* Fill *ret for host thread `tid`, with the shim's annotation; what cannot be
 * read stays empty.  Never blocks on the process's memory being swapped in by
 * us more than a page. */
void process_describe(pid_t tid, struct events_process *ret);

/* Is the thread in a pid namespace below ours?  The sandbox's are; the
 * supervisor and its workers are not. */
bool process_is_inside(pid_t tid); /* true also if it cannot be known now */

/*
 * The process that owns the inet socket bound to local `port` inside
 * (`proto` IPPROTO_UDP or IPPROTO_TCP, `family` AF_INET or AF_INET6), found
 * by sock_diag(7) on `diag_fd` and a walk over the descriptors of `init_pid`
 * and the processes below it.  A dual-stack socket is found for both families.
 * Returns its host pid, or 0.
 */
pid_t process_by_port(int diag_fd, pid_t init_pid, int family, int proto,
                      uint16_t port);

#endif
