/*
 * Routing at level preload: sockets reach the launcher's SOCKS5 listener
 * (RFC 1928) on the sandbox's loopback, there is no other way out.
 *
 * The exchange is done within connect(), also for a non-blocking socket: its
 * first bytes must be the proxy's, and a connect that returns 0 at once is
 * legal.  The wait is bounded by WAIT_MS.  A refusal leaves the socket
 * unconnected (AF_UNSPEC), as a failed connect does.
 */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/shim.h"

enum {
    WAIT_MS = 130000,
    SOCKS_CONNECT = 1,
    SOCKS_RESOLVE = 0xf0, /* Tor's extension: an address for a name */
    REPLY_MAX = 4 + 1 + 255 + 2,
};

/* RFC 1928 section 6: reply codes, as the errno that connect(2) would give. */
static const int reply_errno[] = {
    0,           ECONNREFUSED,    EACCES,
    ENETUNREACH, EHOSTUNREACH,    ECONNREFUSED,
    ETIMEDOUT,   EPROTONOSUPPORT, EAFNOSUPPORT,
};

static bool wait_for(int fd, short what)
{
    struct pollfd p = {.fd = fd, .events = what};
    struct timespec t = {.tv_sec = WAIT_MS / 1000};
    long n;

    do
        n = shim_call(SYS_ppoll, (long)&p, 1, (long)&t, 0, 8, 0);
    while (n == -EINTR);
    return n == 1;
}

static bool send_all(int fd, const uint8_t *at, size_t left)
{
    while (left > 0) {
        long n = shim_call(SYS_sendto, fd, (long)at, (long)left, MSG_NOSIGNAL,
                           0, 0);

        if (n == -EAGAIN && wait_for(fd, POLLOUT))
            continue;
        if (n == -EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        left -= (size_t)n;
    }
    return true;
}

static bool recv_all(int fd, uint8_t *at, size_t left)
{
    while (left > 0) {
        long n = shim_call(SYS_recvfrom, fd, (long)at, (long)left, 0, 0, 0);

        if (n == -EAGAIN && wait_for(fd, POLLIN))
            continue;
        if (n == -EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        left -= (size_t)n;
    }
    return true;
}

/* Greeting and request in one go, then the reply.  Returns 0 and the bound
 * address in reply (atyp at [3]), or an errno. */
static int socks_exchange(int fd, const uint8_t *request, size_t len,
                          uint8_t *reply)
{
    static const uint8_t greeting[] = {5, 1, 0};
    size_t rest;

    if (!send_all(fd, greeting, sizeof(greeting)) ||
        !send_all(fd, request, len) || !recv_all(fd, reply, 2) ||
        reply[0] != 5 || reply[1] != 0 || !recv_all(fd, reply, 4) ||
        reply[0] != 5)
        return ECONNREFUSED;
    if (reply[1] != 0)
        return reply[1] < sizeof(reply_errno) / sizeof(reply_errno[0])
                   ? reply_errno[reply[1]]
                   : ECONNREFUSED;
    rest = reply[3] == 4 ? 16 : 4;
    if ((reply[3] != 1 && reply[3] != 4) || !recv_all(fd, reply + 4, rest + 2))
        return ECONNREFUSED;
    return 0;
}

/* To 127.0.0.1:port, v4-mapped on an IPv6 socket.  0 or an errno. */
static int dial_local(int fd, int family, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons(port)};
    int off = 0;
    int err = 0;
    socklen_t n = sizeof(err);
    long rc;

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr.s6_addr[10] = 0xff;
    v6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&v6.sin6_addr.s6_addr[12], &v4.sin_addr, 4);
    if (family == AF_INET6) {
        (void)shim_call(SYS_setsockopt, fd, IPPROTO_IPV6, IPV6_V6ONLY,
                        (long)&off, sizeof(off), 0);
        rc = shim_call(SYS_connect, fd, (long)&v6, sizeof(v6), 0, 0, 0);
    } else {
        rc = shim_call(SYS_connect, fd, (long)&v4, sizeof(v4), 0, 0, 0);
    }
    if (rc == -EINPROGRESS || rc == -EINTR) {
        if (!wait_for(fd, POLLOUT))
            return ETIMEDOUT;
        (void)shim_call(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, (long)&err,
                        (long)&n, 0);
        return err;
    }
    return (int)-rc;
}

static int socket_option(int fd, int name)
{
    int value = -1;
    socklen_t n = sizeof(value);

    if (shim_call(SYS_getsockopt, fd, SOL_SOCKET, name, (long)&value, (long)&n,
                  0) != 0)
        return -1;
    return value;
}

/* Write the CONNECT request for addr; 0: not for the proxy. */
static size_t request_for(const struct sockaddr *addr, socklen_t len,
                          uint8_t *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    out[0] = 5;
    out[1] = SOCKS_CONNECT;
    out[2] = 0;
    if (addr->sa_family == AF_INET && len >= sizeof(v4)) {
        memcpy(&v4, addr, sizeof(v4)); /* the caller's alignment is unknown */
        if (ntohl(v4.sin_addr.s_addr) >> 24 == 127 ||
            v4.sin_addr.s_addr == htonl(INADDR_ANY))
            return 0;
        out[3] = 1;
        memcpy(out + 4, &v4.sin_addr, 4);
        memcpy(out + 8, &v4.sin_port, 2);
        return 10;
    }
    if (addr->sa_family == AF_INET6 && len >= sizeof(v6)) {
        memcpy(&v6, addr, sizeof(v6));
        if (IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
            IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) &&
             v6.sin6_addr.s6_addr[12] == 127))
            return 0;
        out[3] = 4;
        memcpy(out + 4, &v6.sin6_addr, 16);
        memcpy(out + 20, &v6.sin6_port, 2);
        return 22;
    }
    return 0;
}

bool shim_route_connect(int fd, const struct sockaddr *addr, socklen_t len,
                        int *ret_result)
{
    static const struct sockaddr none = {.sa_family = AF_UNSPEC};
    uint8_t request[22];
    uint8_t reply[REPLY_MAX];
    int saved = errno;
    size_t n;
    int err;

    if (addr == NULL || len < sizeof(addr->sa_family))
        return false;
    n = request_for(addr, len, request);
    if (n == 0 || socket_option(fd, SO_TYPE) != SOCK_STREAM)
        return false;
    err = dial_local(fd, socket_option(fd, SO_DOMAIN),
                     shim_config()->socks_port);
    if (err == EISCONN || err == EALREADY || err == EBADF || err == ENOTSOCK) {
        errno = err;
        *ret_result = -1;
        return true;
    }
    if (err == 0)
        err = socks_exchange(fd, request, n, reply);
    if (err != 0) {
        (void)shim_call(SYS_connect, fd, (long)&none, sizeof(none), 0, 0, 0);
        errno = err;
        *ret_result = -1;
        return true;
    }
    errno = saved;
    *ret_result = 0;
    return true;
}

static size_t put_decimal(char *out, unsigned v)
{
    size_t n = 0;

    if (v >= 100)
        out[n++] = (char)('0' + v / 100);
    if (v >= 10)
        out[n++] = (char)('0' + v / 10 % 10);
    out[n++] = (char)('0' + v % 10);
    return n;
}

/* The address of a reply as text; inet_ntop(3) is libc's and not needed. */
static void address_text(const uint8_t *reply, char *out)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    if (reply[3] == 1) {
        for (int i = 0; i < 4; i++) {
            if (i > 0)
                out[n++] = '.';
            n += put_decimal(out + n, reply[4 + i]);
        }
    } else {
        for (int i = 0; i < 16; i++) {
            if (i > 0 && i % 2 == 0)
                out[n++] = ':';
            out[n++] = hex[reply[4 + i] >> 4];
            out[n++] = hex[reply[4 + i] & 15];
        }
    }
    out[n] = '\0';
}

int shim_route_resolve(const char *host, int family, char *out, size_t size)
{
    uint8_t request[4 + 1 + 255 + 2] = {5, SOCKS_RESOLVE, 0, 3};
    uint8_t reply[REPLY_MAX];
    size_t len = strlen(host);
    long fd;
    int err;

    if (len == 0 || len > 255 || size < 48)
        return EAI_NONAME;
    request[4] = (uint8_t)len;
    memcpy(request + 5, host, len);
    /* The port says which family is wanted: 0 any, 4, 6 (proxy/socks.h). */
    request[5 + len] = 0;
    request[6 + len] = family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0;
    fd = shim_call(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return EAI_AGAIN;
    err = dial_local((int)fd, AF_INET, shim_config()->socks_port);
    if (err == 0)
        err = socks_exchange((int)fd, request, 7 + len, reply);
    (void)shim_call(SYS_close, fd, 0, 0, 0, 0, 0);
    if (err == 0)
        address_text(reply, out);
    if (err == ETIMEDOUT)
        return EAI_AGAIN;
    return err == 0 ? 0 : EAI_NONAME;
}
