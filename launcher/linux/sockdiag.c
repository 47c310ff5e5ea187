#include "launcher/linux/sockdiag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

#define ANSWER_TIMEOUT_MS 100

/* "sport >= port && sport <= port", as the kernel's small byte code: `yes` is
 * the distance to the next instruction, `no` to beyond the end (reject); the
 * port stands in the `no` of the word behind. */
struct request {
    struct nlmsghdr h;
    struct inet_diag_req_v2 r;
    struct nlattr a;
    struct inet_diag_bc_op code[4];
};

static bool send_request(int fd, int family, int proto, uint16_t port,
                         uint32_t seq)
{
    struct request q;

    memset(&q, 0, sizeof(q));
    q.h.nlmsg_len = sizeof(q);
    q.h.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    q.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    q.h.nlmsg_seq = seq;
    q.r.sdiag_family = (uint8_t)family;
    q.r.sdiag_protocol = (uint8_t)proto;
    q.r.idiag_states = UINT32_MAX;
    q.a.nla_len = sizeof(q.a) + sizeof(q.code);
    q.a.nla_type = INET_DIAG_REQ_BYTECODE;
    q.code[0] = (struct inet_diag_bc_op){
        .code = INET_DIAG_BC_S_GE, .yes = 8, .no = 20};
    q.code[1].no = port;
    q.code[2] = (struct inet_diag_bc_op){
        .code = INET_DIAG_BC_S_LE, .yes = 8, .no = 12};
    q.code[3].no = port;
    return send(fd, &q, sizeof(q), MSG_DONTWAIT) == (ssize_t)sizeof(q);
}

static size_t add_inode(uint64_t *inodes, size_t n, uint64_t inode)
{
    for (size_t i = 0; i < n; i++)
        if (inodes[i] == inode)
            return n;
    if (inode != 0 && n < SOCKDIAG_MAX)
        inodes[n++] = inode;
    return n;
}

/* One datagram of the answer.  Returns false when the dump has ended. */
static bool take_answer(const char *bytes, size_t len, uint32_t seq,
                        uint64_t *inodes, size_t *n)
{
    const struct nlmsghdr *h = (const void *)bytes;

    for (; NLMSG_OK(h, (uint32_t)len); h = NLMSG_NEXT(h, len)) {
        struct inet_diag_msg m;

        if (h->nlmsg_seq != seq)
            continue; /* of a question that was given up */
        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
            return false;
        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
            continue;
        memcpy(&m, (const char *)h + NLMSG_HDRLEN, sizeof(m));
        *n = add_inode(inodes, *n, m.idiag_inode);
    }
    return true;
}

static size_t dump(int fd, int family, int proto, uint16_t port,
                   uint64_t *inodes, size_t n)
{
    static uint32_t last_seq;
    uint32_t seq = ++last_seq;
    bool more = send_request(fd, family, proto, port, seq);

    while (more) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        _Alignas(struct nlmsghdr) char answer[16384];
        ssize_t len;

        if (poll(&p, 1, ANSWER_TIMEOUT_MS) <= 0)
            break;
        len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (len <= 0)
            break;
        more = take_answer(answer, (size_t)len, seq, inodes, &n);
    }
    return n;
}

size_t sockdiag_by_port(int diag_fd, int family, int proto, uint16_t port,
                        uint64_t ret[SOCKDIAG_MAX])
{
    size_t n = dump(diag_fd, family, proto, port, ret, 0);

    if (family == AF_INET)
        n = dump(diag_fd, AF_INET6, proto, port, ret, n);
    return n;
}
