#include "proxy/own.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

/* rtnetlink(7): which way would a packet to `a` go? */
struct question {
    struct nlmsghdr h;
    struct rtmsg r;
    struct rtattr dst;
    uint8_t bytes[16];
};

static struct question ask_for(struct policy_addr a)
{
    const unsigned len = a.family == 4 ? 4 : 16;
    struct question q = {
        .h = {.nlmsg_len = (uint32_t)(NLMSG_LENGTH(sizeof(struct rtmsg)) +
                                      RTA_LENGTH(len)),
              .nlmsg_type = RTM_GETROUTE,
              .nlmsg_flags = NLM_F_REQUEST},
        .r = {.rtm_family = a.family == 4 ? AF_INET : AF_INET6,
              .rtm_dst_len = (uint8_t)(len * 8)},
        .dst = {.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = RTA_DST},
    };

    memcpy(q.bytes, a.bytes, len);
    return q;
}

/* A route that ends here; no route at all is none of this host's. */
static bool ends_here(const char *answer, size_t len)
{
    struct nlmsghdr h;
    struct nlmsgerr e;
    struct rtmsg r;

    if (len < sizeof(h))
        return true;
    memcpy(&h, answer, sizeof(h));
    if (h.nlmsg_type == NLMSG_ERROR && len >= NLMSG_LENGTH(sizeof(e))) {
        memcpy(&e, answer + NLMSG_HDRLEN, sizeof(e));
        return !(e.error == -ENETUNREACH || e.error == -EHOSTUNREACH ||
                 e.error == -EAFNOSUPPORT || e.error == -EINVAL ||
                 e.error == -EACCES);
    }
    if (h.nlmsg_type != RTM_NEWROUTE || len < NLMSG_LENGTH(sizeof(r)))
        return true;
    memcpy(&r, answer + NLMSG_HDRLEN, sizeof(r));
    return r.rtm_type == RTN_LOCAL || r.rtm_type == RTN_ANYCAST;
}

bool proxy_own_has(struct policy_addr a)
{
    const struct timeval limit = {.tv_sec = 1};
    const struct question q = ask_for(policy_addr_meant(a));
    char answer[4096];
    SRT_AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
                                NETLINK_ROUTE);
    ssize_t n;

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        send(fd, &q, q.h.nlmsg_len, 0) < 0)
        return true;
    n = recv(fd, answer, sizeof(answer), 0);
    return n < 0 || ends_here(answer, (size_t)n);
}
