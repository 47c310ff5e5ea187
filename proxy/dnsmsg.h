/*
 * DNS messages, RFC 1035 section 4, as far as a filtering resolver needs them:
 * one question in, an answer out.  Nothing is allocated; every byte comes from
 * inside the sandbox or from a name server, and none is believed.
 */
#ifndef SRT_PROXY_DNSMSG_H
#define SRT_PROXY_DNSMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/addr.h"

/* RFC 6891 6.2.5, and no datagram that would be fragmented (DNS flag day
 * 2020). */
#define PROXY_DNSMSG_UDP_MIN 512u
#define PROXY_DNSMSG_UDP_MAX 1232u
#define PROXY_DNSMSG_MAX     65535u
/* Longest text of a name: 254 bytes and a NUL (RFC 1035 2.3.4). */
#define PROXY_DNSMSG_NAME 256u

enum proxy_dnsmsg_type {
    PROXY_DNSMSG_A = 1,
    PROXY_DNSMSG_NS = 2,
    PROXY_DNSMSG_CNAME = 5,
    PROXY_DNSMSG_SOA = 6,
    PROXY_DNSMSG_PTR = 12,
    PROXY_DNSMSG_MX = 15,
    PROXY_DNSMSG_AAAA = 28,
    PROXY_DNSMSG_SRV = 33,
    PROXY_DNSMSG_OPT = 41,
    PROXY_DNSMSG_SVCB = 64,
    PROXY_DNSMSG_HTTPS = 65,
    PROXY_DNSMSG_ANY = 255,
    /* RFC 6895 3.1: these ask for something else than records. */
    PROXY_DNSMSG_META_FIRST = 128,
    PROXY_DNSMSG_META_LAST = 255,
};

enum proxy_dnsmsg_rcode {
    PROXY_DNSMSG_NOERROR = 0,
    PROXY_DNSMSG_FORMERR = 1,
    PROXY_DNSMSG_SERVFAIL = 2,
    PROXY_DNSMSG_NXDOMAIN = 3,
    PROXY_DNSMSG_NOTIMP = 4,
    PROXY_DNSMSG_REFUSED = 5,
};

/* RFC 8914 extended error codes. */
#define PROXY_DNSMSG_EDE_FILTERED 17

struct proxy_dnsmsg_query {
    uint16_t id, flags, type;
    uint16_t udp_size;            /* what the asker takes; without EDNS 512 */
    bool edns;                    /* it sent an OPT record */
    bool odd_name;                /* a label holds a dot or a NUL */
    char name[PROXY_DNSMSG_NAME]; /* labels joined by dots, raw bytes */
    uint8_t question[PROXY_DNSMSG_NAME + 4]; /* as it came; to be repeated */
    size_t question_len;
};

enum proxy_dnsmsg_parsed {
    PROXY_DNSMSG_OK,
    PROXY_DNSMSG_SILENT, /* not even an answer: no header, or a response */
    PROXY_DNSMSG_ERROR,  /* answer with *ret_rcode; id and flags are filled, the
                            question if it could be read, edns is false */
};

enum proxy_dnsmsg_parsed proxy_dnsmsg_parse(const uint8_t *bytes, size_t len,
                                            struct proxy_dnsmsg_query *ret,
                                            enum proxy_dnsmsg_rcode *ret_rcode);

/* An answer being written into `out`. */
struct proxy_dnsmsg_answer {
    uint8_t *out;
    size_t cap, len;
    uint16_t count; /* of answer records */
    bool truncated;
};

/* Begin: header and question.  cap: 512..PROXY_DNSMSG_MAX. */
void proxy_dnsmsg_begin(struct proxy_dnsmsg_answer *a,
                        const struct proxy_dnsmsg_query *q,
                        enum proxy_dnsmsg_rcode rcode, uint8_t *out,
                        size_t cap);
/* A record of the asked name.  What does not fit sets TC. */
void proxy_dnsmsg_add(struct proxy_dnsmsg_answer *a, uint16_t type,
                      uint32_t ttl, const uint8_t *data, size_t len);
/* A PTR record that names `host`. */
void proxy_dnsmsg_add_ptr(struct proxy_dnsmsg_answer *a, uint32_t ttl,
                          const char *host);
/* From a name server's answer: the records of q->type and CNAMEs, names
 * expanded; nothing else.  False: it is malformed, and `a` is to be begun
 * again. */
bool proxy_dnsmsg_copy(struct proxy_dnsmsg_answer *a,
                       const struct proxy_dnsmsg_query *q, const uint8_t *bytes,
                       size_t len, uint32_t max_ttl);
/* End: the OPT record if there was one (with an extended error if `ede` is not
 * 0), the counts.  Returns the length. */
size_t proxy_dnsmsg_end(struct proxy_dnsmsg_answer *a,
                        const struct proxy_dnsmsg_query *q, uint16_t ede,
                        const char *text);

/* A canonical name below in-addr.arpa or ip6.arpa? */
bool proxy_dnsmsg_is_reverse(const char *host);
/* "4.3.2.1.in-addr.arpa", 32 nibbles and ".ip6.arpa": the address. */
bool proxy_dnsmsg_reverse(const char *host, struct policy_addr *ret);

#endif
