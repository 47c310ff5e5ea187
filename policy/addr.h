/* IP addresses as values: one form for every spelling of the same address. */
#ifndef SRT_POLICY_ADDR_H
#define SRT_POLICY_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address.  IPv4 carried in IPv6 (v4-mapped, v4-compatible, NAT64
 * 64:ff9b::/96, 6to4) is kept as it was written in `bytes`;
 * policy_addr_meant() gives the IPv4. */
struct policy_addr {
    uint8_t family;    /* 4 or 6; 0: no address */
    uint8_t bytes[16]; /* network order; the first 4 for family 4 */
};

#define POLICY_ADDR_TEXT_MAX 48

/* Any inet_aton(3) spelling of IPv4 ("0x7f.1", "2130706433", "0177.0.0.1"),
 * or IPv6 without brackets and zone.  Whole string. */
bool policy_addr_parse(const char *text, size_t len, struct policy_addr *ret);

/* The IPv4 address that an IPv6 one carries, or a itself. */
struct policy_addr policy_addr_meant(struct policy_addr a);

bool policy_addr_equal(struct policy_addr a, struct policy_addr b);

/* RFC 5952 text; returns out, which holds POLICY_ADDR_TEXT_MAX bytes. */
const char *policy_addr_text(struct policy_addr a, char *out);

/* "10.0.0.0/8", "::1", "192.0.2.7:443", "[2001:db8::]/32:80-90". */
struct policy_cidr {
    struct policy_addr net; /* bits beyond `bits` are zero */
    uint8_t bits;
    uint16_t port_lo, port_hi; /* 0, 0: every port */
};

/* IPv4 here is four decimal numbers only ("10/8" would not mean what one
 * expects).  A net of IPv6 that only carries IPv4 becomes that IPv4 net. */
bool policy_cidr_parse(const char *text, struct policy_cidr *ret);

/* "443" or "80-90", 1..65535, lo <= hi; whole string. */
bool policy_addr_ports(const char *text, size_t len, uint16_t *ret_lo,
                       uint16_t *ret_hi);
/* The first `bits` bits of a; the rest zero. */
struct policy_addr policy_addr_masked(struct policy_addr a, unsigned bits);

/* Why an address may not be what an allowed name resolves to: "loopback",
 * "link-local", "multicast", "cloud metadata" ...; NULL: it may.  Judges
 * IPv4 in IPv6 as IPv4. */
const char *policy_addr_class(struct policy_addr a);
/* The same; on a class also the prefix length of the range that makes it one
 * (8 for 127.0.0.1): an entry no wider than this names such addresses. */
const char *policy_addr_class_range(struct policy_addr a, uint8_t *ret_bits);

#endif
