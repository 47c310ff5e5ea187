/* SOCKS 5 requests, RFC 1928, and RESOLVE (Tor's 0xF0).  Allocates nothing. */
#ifndef SRT_PROXY_SOCKS_H
#define SRT_PROXY_SOCKS_H

#include <stddef.h>
#include <stdint.h>

/* RESOLVE's request has a port that means nothing; here it asks for a family:
 * 0 any, 4 IPv4, 6 IPv6 (an extension of ours, used by the shim). */
enum proxy_socks_command {
    PROXY_SOCKS_CONNECT = 1,
    PROXY_SOCKS_RESOLVE = 0xf0,
};

enum proxy_socks_reply {
    PROXY_SOCKS_OK = 0,
    PROXY_SOCKS_FAILURE = 1,
    PROXY_SOCKS_NOT_ALLOWED = 2,
    PROXY_SOCKS_NET_UNREACHABLE = 3,
    PROXY_SOCKS_HOST_UNREACHABLE = 4,
    PROXY_SOCKS_REFUSED = 5,
    PROXY_SOCKS_TTL_EXPIRED = 6,
    PROXY_SOCKS_NO_COMMAND = 7,
    PROXY_SOCKS_NO_ADDRESS_TYPE = 8,
};

/* Longest greeting: 2 + 255; longest request: 4 + 1 + 255 + 2. */
#define PROXY_SOCKS_MAX 262u

/* The outputs are written on DONE only, but for *ret_reply on BAD. */
enum proxy_socks_parsed {
    PROXY_SOCKS_MORE,
    PROXY_SOCKS_DONE,
    PROXY_SOCKS_BAD, /* not SOCKS 5, or a request that *ret_reply refuses */
};

/* The greeting: *ret_used bytes of it; *ret_method is 0 (no authentication) or
 * 0xff (none that we have). */
enum proxy_socks_parsed proxy_socks_greeting(const uint8_t *bytes, size_t len,
                                             size_t *ret_used,
                                             uint8_t *ret_method);

struct proxy_socks_request {
    uint8_t command; /* enum proxy_socks_command */
    uint16_t port;
    char host[256]; /* a name as asked, or an address as text */
    size_t host_len;
};

/* A request of *ret_used bytes. */
enum proxy_socks_parsed proxy_socks_request(const uint8_t *bytes, size_t len,
                                            size_t *ret_used,
                                            struct proxy_socks_request *ret,
                                            enum proxy_socks_reply *ret_reply);

#endif
