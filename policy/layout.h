/*
 * Inside the image.  Offsets are bytes from its beginning; all numbers are the
 * machine's own: an image never leaves the machine that made it.
 *
 *   header | name, net and path tables | rules | globs | ignores | strings
 *
 * A table is an open-addressing hash table.  Its keys:
 *   names  "a.example" exact, ".a.example" everything below it, "*" any host
 *   nets   family, bits, address: 1 + 1 + 4 or 16 bytes
 *   paths  "/", "/a", "/a/b"
 */
#ifndef SRT_POLICY_LAYOUT_H
#define SRT_POLICY_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/addr.h"
#include "policy/settings.h" /* enum policy_list */

#define POLICY_IMAGE_MAGIC   0x6d697472736c6f70u
#define POLICY_IMAGE_VERSION 1u

/* What a rule says beyond the lists of the settings. */
enum { POLICY_RULE_PROTECT = POLICY_LISTS, POLICY_RULE_KINDS };

enum {
    POLICY_IMAGE_NO_FILE_RULES = 1 << 0, /* filesystem.disabled */
    POLICY_IMAGE_ALL_UNIX = 1 << 1,      /* network.allowAllUnixSockets */
    POLICY_IMAGE_HAS_NETWORK = 1 << 2,   /* the file has the object */
    POLICY_IMAGE_HAS_FILESYSTEM = 1 << 3,
};

struct policy_span {
    uint32_t at; /* offset; a multiple of 4 except for the strings */
    uint32_t count;
};

/* One key of a table and what hangs on it; key_len 0: empty. */
struct policy_node {
    uint32_t hash;
    uint32_t key; /* in strings, like all texts below */
    uint32_t key_len;
    uint32_t first, count;           /* rules */
    uint32_t first_glob, glob_count; /* globs that begin at this path */
};

struct policy_rule {
    uint32_t pointer;
    uint32_t reason; /* deniedDomainReasons' text; 0: none */
    uint16_t port_lo, port_hi;
    uint32_t list; /* enum policy_list or POLICY_RULE_PROTECT */
};

struct policy_glob_rule {
    uint32_t pattern; /* relative to the node's path */
    uint32_t rule;
};

struct policy_ignore {
    uint32_t command, text, pointer;
};

struct policy_image {
    uint64_t magic;
    uint32_t version;
    uint32_t size;
    uint32_t flags;
    uint32_t has_list;   /* a bit for each list that the file has entries of */
    uint32_t v4_lens[2]; /* prefix lengths that occur in nets, as bits */
    uint32_t v6_lens[5];
    uint32_t reserved;
    struct policy_span names, nets, paths; /* policy_node; a power of two */
    struct policy_span rules, globs, ignores, strings;
};

/* For the reader and policy_suggest(); `i` in range as the check ensured. */
const char *policy_image_text(const struct policy_image *img, uint32_t at);
const struct policy_rule *policy_image_rule(const struct policy_image *img,
                                            uint32_t i);
const struct policy_glob_rule *policy_image_glob(const struct policy_image *img,
                                                 uint32_t i);
/* The node of a key, or NULL. */
const struct policy_node *policy_image_find(const struct policy_image *img,
                                            const struct policy_span *table,
                                            const void *key, size_t len,
                                            uint32_t hash);

/* The hash of a key goes byte by byte (base/hash.h), of paths and nets forward,
 * of names backward, so that one walk gives every prefix or suffix. */
static inline uint32_t policy_hash_slot(uint32_t h)
{
    return h ^ h >> 15;
}

#define POLICY_NET_KEY_MAX 18

/* Key of the net of `bits` bits that a lies in; returns its length. */
size_t policy_image_net_key(struct policy_addr a, unsigned bits,
                            uint8_t key[POLICY_NET_KEY_MAX]);

/* One rule that applies to a question, and how closely. */
struct policy_match {
    const struct policy_rule *rule;
    int depth; /* components of the matched path; bits of the matched net;
                  labels of the matched name; -1: "*" */
};

/* Call emit for every path rule that names `path` or an ancestor. */
typedef void policy_match_fn(void *ctx, const struct policy_match *m);
void policy_paths_each(const struct policy_image *img, const char *path,
                       policy_match_fn *emit, void *ctx);
/* Call emit for every domain and address rule that names the canonical host,
 * whatever its port. */
void policy_hosts_each(const struct policy_image *img, const char *host,
                       policy_match_fn *emit, void *ctx);

/* What srt itself puts at a path, if it does. */
enum policy_own {
    POLICY_OWN_READABLE, /* whatever stands above it in denyRead */
    POLICY_OWN_WRITABLE, /* also whatever stands above it in denyWrite */
    POLICY_OWN_READONLY, /* no allowWrite makes it writable */
};

struct policy_builtin {
    const char *path;
    int depth;
    enum policy_own access;
    bool tree;        /* and everything below */
    const char *rule; /* of a write to a READONLY one */
};
const struct policy_builtin *policy_paths_builtin(const char *path);

#endif
