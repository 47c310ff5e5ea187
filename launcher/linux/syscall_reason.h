/* Why a system call is refused, in words. */
#ifndef SRT_LAUNCHER_LINUX_SYSCALL_REASON_H
#define SRT_LAUNCHER_LINUX_SYSCALL_REASON_H

#include <stddef.h>

/* One sentence for the call `nr` that an event has as `target`
 * ("socket(AF_UNIX, 2, 0)", "unshare(0x10000000)", "bpf"). */
void syscall_reason(int nr, const char *target, char *out, size_t size);

#endif
