/*
 * The compiled policy: one block of bytes without pointers, made once by
 * policy_compile(), mapped read-only wherever it is asked.
 *
 * These questions are the only place where srt decides.  They allocate
 * nothing, make no system call, and are safe in signal handlers and in a
 * vfork child; the shim links this file's half alone.  All strings returned
 * live in the image or are constants.
 */
#ifndef SRT_POLICY_IMAGE_H
#define SRT_POLICY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/addr.h"

struct policy_image; /* begins with a magic, a version and its length */

enum policy_verdict { POLICY_DENY = 0, POLICY_ALLOW = 1 };

/* What kind of thing decided, for whoever answers differently by it. */
enum policy_by {
    POLICY_BY_OTHER = 0, /* built-ins, network entries, nothing that matched */
    POLICY_BY_DENY_READ,
    POLICY_BY_DENY_WRITE,
    POLICY_BY_PROTECT, /* a protected name */
};

struct policy_decision {
    enum policy_verdict verdict;
    const char *rule;   /* "/filesystem/denyRead/2", "/network/allowedDomains",
                           "builtin:NAME", "option:--allow-write/0" */
    const char *reason; /* one sentence, no full stop */
    enum policy_by by;
};

/* Bytes that may be an image: checks magic, version, length and every offset,
 * so that no later question can leave the block.  NULL if it is none. */
const struct policy_image *policy_image_check(const void *bytes, size_t len);
size_t policy_image_size(const struct policy_image *img);

/* Paths are absolute, clean (srt_path_clean) and real: symlinks resolved by
 * whoever asks. */
struct policy_decision policy_decide_read(const struct policy_image *img,
                                          const char *path);
struct policy_decision policy_decide_write(const struct policy_image *img,
                                           const char *path);
struct policy_decision policy_decide_unix(const struct policy_image *img,
                                          const char *path);

/* May this name be looked up at all (some entry could allow some port)? */
struct policy_decision policy_decide_resolve(const struct policy_image *img,
                                             const char *host);
/* A connection to host:port, host a name or a literal address in any spelling
 * (IPv6 with or without brackets). */
struct policy_decision policy_decide_host(const struct policy_image *img,
                                          const char *host, uint16_t port);
/* The same for what leads to this host itself (a localhost name, an address of
 * its own) by the host's network, not the sandbox's: "*" does not allow it.
 * port 0: at some port. */
struct policy_decision policy_decide_named(const struct policy_image *img,
                                           const char *host, uint16_t port);
/* A connection to an address nobody was given a name for. */
struct policy_decision policy_decide_address(const struct policy_image *img,
                                             struct policy_addr a,
                                             uint16_t port);
/* deniedAddresses alone: wins over whatever a name allows. */
struct policy_decision policy_decide_denied(const struct policy_image *img,
                                            struct policy_addr a,
                                            uint16_t port);
/* May an allowed name lead to this address (the resolved-address check; the
 * host's own interface addresses are the caller's business)?  `host` exempts
 * localhost names for loopback. */
struct policy_decision policy_decide_resolved(const struct policy_image *img,
                                              const char *host,
                                              struct policy_addr a);

/* The same for a connection to this port: an allow entry with a port exempts
 * for that port only, so whoever dials must ask this, not only the resolver
 * (port 0: any port, as above). */
struct policy_decision policy_decide_resolved_at(const struct policy_image *img,
                                                 const char *host,
                                                 struct policy_addr a,
                                                 uint16_t port);

/* Host -> canonical form (lower case, no trailing dot, A-labels, addresses in
 * standard spelling; IPv6 without brackets).  False: malformed, and refused
 * everywhere.  size >= 256. */
bool policy_host_canonical(const char *host, size_t len, char *out,
                           size_t size);

/* Is an event for this command line and target to be kept quiet
 * (ignoreViolations)?  Returns the rule, or NULL. */
const char *policy_ignores(const struct policy_image *img, const char *command,
                           const char *target);

#endif
