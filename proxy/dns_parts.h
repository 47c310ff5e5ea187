/* Between dns.c (what is answered) and dns_io.c (how it comes and goes). */
#ifndef SRT_PROXY_DNS_PARTS_H
#define SRT_PROXY_DNS_PARTS_H

#include "proxy/dnsmsg.h"
#include "proxy/internal.h"

enum { PROXY_DNS_SUFFIXES = 8, PROXY_DNS_TOLD = 32 };

/* A socket that takes queries: the UDP one, or one TCP connection. */
struct proxy_dns_endpoint {
    struct proxy_dns_endpoint *next;
    struct proxy *p;
    struct proxy_watch watch;
    struct proxy_timer idle;
    int fd; /* owned; -1: closed, kept for the queries under way */
    unsigned pending;
    bool stream;
    bool ended; /* stream: the client sends no more, but still reads */
    union srt_sockaddr peer;                  /* stream */
    size_t in_len, out_len, out_at;           /* stream */
    uint8_t in[2 + PROXY_DNSMSG_NAME + 1024]; /* stream: one query at most */
    uint8_t *out;                             /* stream: owned */
};

/* Where a datagram's answer goes, and the address it must come from. */
struct proxy_dns_back {
    union srt_sockaddr peer;
    socklen_t peer_len;
    struct in_addr v4;
    struct in6_addr v6;
};

/* A refusal that was told: the other address family of the same call, from the
 * same socket or (Go has one for each) process, is no second one. */
struct proxy_dns_told {
    uint64_t until_ms; /* 0: none */
    struct proxy_client client;
    uint16_t type;
    char host[PROXY_DNSMSG_NAME];
};

/* A place in the list of queries under way. */
struct proxy_dns_link {
    struct proxy_dns_link *next, **at;
};

struct proxy_dns {
    struct proxy_dns_endpoint *endpoints;
    struct proxy_dns_link *waiting; /* queries sent upstream */
    unsigned queries;               /* how many those are */
    bool warned;
    struct proxy_dns_told told[PROXY_DNS_TOLD];
    size_t next_told;
    char suffixes[PROXY_DNS_SUFFIXES][PROXY_DNSMSG_NAME];
    size_t nsuffixes;
};

/* dns.c: one query; its answer may come later, to e, which lives on while
 * e->pending is not 0. */
void proxy_dns_handle(struct proxy_dns_endpoint *e,
                      const struct proxy_dns_back *back, const uint8_t *bytes,
                      size_t len);

/* dns_io.c: one answer; dropped when the socket is closed. */
void proxy_dns_send(struct proxy_dns_endpoint *e,
                    const struct proxy_dns_back *b, uint8_t *bytes, size_t len);
/* One query less is under way. */
void proxy_dns_release(struct proxy_dns_endpoint *e);

#endif
