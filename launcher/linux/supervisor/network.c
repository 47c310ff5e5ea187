/*
 * The sandbox's network namespace: no interface but lo, on which every address
 * is local ("AnyIP").  So a connection to any address meets a listener of
 * ours, or is refused at once; nothing is ever routed out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/linux/ports.h"
#include "launcher/linux/supervisor/supervisor.h"
#include "vendor/compat.h"

/* The namespace's own source address: from ranges that no host uses. */
#define OWN_V4 "10.255.255.1"
#define OWN_V6 "fd00:5e::1"

struct request {
    struct nlmsghdr h;
    char body[256];
};

/* Append an attribute; the body was zeroed. */
static void add_attr(struct request *r, unsigned short type, const void *data,
                     unsigned short len)
{
    struct rtattr a = {.rta_type = type,
                       .rta_len = (unsigned short)RTA_LENGTH(len)};
    char *at = (char *)r + NLMSG_ALIGN(r->h.nlmsg_len);

    memcpy(at, &a, sizeof(a));
    memcpy(at + RTA_LENGTH(0), data, len);
    r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len) + RTA_SPACE(len);
}

/* Send it and return the errno of the acknowledgement. */
static int transact(int fd, struct request *r)
{
    struct {
        struct nlmsghdr h;
        struct nlmsgerr e;
        char rest[256];
    } answer;

    r->h.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (send(fd, r, r->h.nlmsg_len, 0) < 0 ||
        recv(fd, &answer, sizeof(answer), 0) < 0)
        return errno;
    return -answer.e.error;
}

static void start_request(struct request *r, unsigned short type,
                          const void *head, size_t len)
{
    memset(r, 0, sizeof(*r));
    r->h.nlmsg_type = type;
    r->h.nlmsg_flags = NLM_F_CREATE;
    r->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
    memcpy(NLMSG_DATA(&r->h), head, len);
}

static void add_own_address(const struct sup_config *c, int fd, int family,
                            const uint8_t *own, unsigned short len)
{
    struct ifaddrmsg a = {
        .ifa_family = (uint8_t)family,
        .ifa_prefixlen = (uint8_t)(len * 8),
        .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
        .ifa_index = 1, /* lo */
    };
    struct request r;
    int err;

    start_request(&r, RTM_NEWADDR, &a, sizeof(a));
    add_attr(&r, IFA_LOCAL, own, len);
    add_attr(&r, IFA_ADDRESS, own, len);
    err = transact(fd, &r);
    if (err != 0)
        sup_fail(c, "the sandbox's network: address", NULL, err);
}

/* local 0.0.0.0/0 dev lo src OWN; likewise ::/0. */
static void add_any_route(const struct sup_config *c, int fd, int family,
                          const uint8_t *own, unsigned short len)
{
    struct rtmsg m = {
        .rtm_family = (uint8_t)family,
        .rtm_table = RT_TABLE_LOCAL,
        .rtm_protocol = RTPROT_BOOT,
        .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_LOCAL,
    };
    const int lo = 1;
    struct request r;
    int err;

    start_request(&r, RTM_NEWROUTE, &m, sizeof(m));
    add_attr(&r, RTA_OIF, &lo, sizeof(lo));
    add_attr(&r, RTA_PREFSRC, own, len);
    err = transact(fd, &r);
    if (err != 0)
        sup_fail(c, "the sandbox's network: route", NULL, err);
}

bool sup_network_is_own(const union srt_sockaddr *a)
{
    uint8_t own[16];

    if (a->sa.sa_family == AF_INET)
        return inet_pton(AF_INET, OWN_V4, own) == 1 &&
               memcmp(&a->v4.sin_addr, own, 4) == 0;
    return a->sa.sa_family == AF_INET6 &&
           inet_pton(AF_INET6, OWN_V6, own) == 1 &&
           memcmp(&a->v6.sin6_addr, own, 16) == 0;
}

static void make_family(const struct sup_config *c, int fd, int family)
{
    uint8_t own[16];
    unsigned short len = family == AF_INET ? 4 : 16;

    if (inet_pton(family, family == AF_INET ? OWN_V4 : OWN_V6, own) != 1)
        sup_fail(c, "the sandbox's network: own address", NULL, EINVAL);
    add_own_address(c, fd, family, own, len);
    add_any_route(c, fd, family, own, len);
}

static int open_socket(const struct sup_config *c, int family, int type,
                       uint16_t port, bool any)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    union srt_sockaddr a = {.sa.sa_family = (sa_family_t)family};
    const int on = 1;

    if (fd < 0)
        sup_fail(c, "the sandbox's network: socket", NULL, errno);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        a.v6.sin6_port = htons(port);
    } else {
        a.v4.sin_port = htons(port);
        a.v4.sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
    }
    if (type == SOCK_DGRAM) /* replies come from the address that was asked */
        (void)setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                         family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &on,
                         sizeof(on));
    if (bind(fd, &a.sa, family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)) != 0 ||
        (type == SOCK_STREAM && listen(fd, 1024) != 0))
        sup_fail(c, "the sandbox's network: listener", NULL, errno);
    return fd;
}

static int open_null(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static void send_sockets(struct sup *s)
{
    const struct sup_config *c = s->config;
    static struct channel_msg m;
    int fds[CHANNEL_SOCKET_COUNT];

    fds[CHANNEL_DNS_UDP4] = open_socket(c, AF_INET, SOCK_DGRAM, PORTS_DNS,
                                        true);
    fds[CHANNEL_DNS_TCP4] = open_socket(c, AF_INET, SOCK_STREAM, PORTS_DNS,
                                        true);
    fds[CHANNEL_DNS_UDP6] = c->ipv6 ? open_socket(c, AF_INET6, SOCK_DGRAM,
                                                  PORTS_DNS, true)
                                    : open_null();
    fds[CHANNEL_DNS_TCP6] = c->ipv6 ? open_socket(c, AF_INET6, SOCK_STREAM,
                                                  PORTS_DNS, true)
                                    : open_null();
    fds[CHANNEL_HTTP4] = open_socket(c, AF_INET, SOCK_STREAM, PORTS_HTTP,
                                     false);
    fds[CHANNEL_SOCKS4] = open_socket(c, AF_INET, SOCK_STREAM, PORTS_SOCKS,
                                      false);
    fds[CHANNEL_REPORT] = c->listener ? open_null()
                                      : open_socket(c, AF_INET, SOCK_STREAM,
                                                    PORTS_REPORT, false);
    fds[CHANNEL_DIAG] = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
                               NETLINK_SOCK_DIAG);
    if (fds[CHANNEL_DIAG] < 0)
        sup_fail(c, "the sandbox's network: sock_diag", NULL, errno);
    s->diag = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    channel_msg_init(&m, CHANNEL_SOCKETS, 0, 0);
    if (channel_send(c->launcher, &m, fds, CHANNEL_SOCKET_COUNT, 0) != 0)
        _exit(125);
    for (size_t i = 0; i < CHANNEL_SOCKET_COUNT; i++)
        srt_fd_close(&fds[i]);
}

static void learn_cookie(struct sup *s)
{
    SRT_AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(s->netns_cookie);

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, VND_SO_NETNS_COOKIE,
                             &s->netns_cookie, &len) != 0)
        sup_fail(s->config, "SO_NETNS_COOKIE (Linux 5.14)", NULL, errno);
}

void sup_network_make(struct sup *s)
{
    const struct sup_config *c = s->config;
    SRT_AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
                                NETLINK_ROUTE);

    if (fd < 0)
        sup_fail(c, "the sandbox's network: netlink", NULL, errno);
    /* Without a supervisor that serves there is no routing: loopback only. */
    if (c->listener) {
        make_family(c, fd, AF_INET);
        if (c->ipv6)
            make_family(c, fd, AF_INET6);
    }
    send_sockets(s);
    learn_cookie(s);
}
