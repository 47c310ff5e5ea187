/* Descriptors 0-2 and --pass-fd: what may reach the command at all. */
#ifndef SRT_LAUNCHER_STREAMS_H
#define SRT_LAUNCHER_STREAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/*
 * A directory, an O_PATH descriptor, a block device, and every socket but a
 * connected AF_UNIX stream are errors: each is a way past the policy (a TCP
 * socket lives in the host's network, a directory sees under every mask).
 * Closed ones among 0-2 are noted in *ret_closed (bit N) and opened on
 * /dev/null for srt itself; a closed --pass-fd is an error.
 */
enum srt_rc launcher_streams_check(const int *pass_fds, size_t npass_fds,
                                   unsigned *ret_closed,
                                   struct srt_err *err) SRT_MUST_CHECK;

/* Is fd open for writing? */
bool launcher_streams_writable(int fd);

#endif
