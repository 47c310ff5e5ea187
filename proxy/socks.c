#include "proxy/socks.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/cursor.h"

enum { VERSION = 5, TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

enum proxy_socks_parsed proxy_socks_greeting(const uint8_t *bytes, size_t len,
                                             size_t *ret_used,
                                             uint8_t *ret_method)
{
    if (len >= 1 && bytes[0] != VERSION)
        return PROXY_SOCKS_BAD;
    if (len < 2 || len < 2u + bytes[1])
        return PROXY_SOCKS_MORE;
    *ret_used = 2u + bytes[1];
    *ret_method = memchr(bytes + 2, 0, bytes[1]) != NULL ? 0 : 0xff;
    return PROXY_SOCKS_DONE;
}

/* The host by its type.  False: more bytes are needed. */
static bool read_host(struct srt_cursor *c, uint8_t type,
                      struct proxy_socks_request *ret)
{
    const uint8_t *at;
    uint8_t n;

    if (type == TYPE_NAME) {
        if (!srt_cursor_u8(c, &n) || !srt_cursor_bytes(c, n, &at))
            return false;
        memcpy(ret->host, at, n);
        ret->host_len = n;
        return true;
    }
    if (!srt_cursor_bytes(c, type == TYPE_V4 ? 4 : 16, &at) ||
        inet_ntop(type == TYPE_V4 ? AF_INET : AF_INET6, at, ret->host,
                  sizeof(ret->host)) == NULL)
        return false;
    ret->host_len = strlen(ret->host);
    return true;
}

static enum proxy_socks_parsed refuse(enum proxy_socks_reply reply,
                                      enum proxy_socks_reply *ret_reply)
{
    *ret_reply = reply;
    return PROXY_SOCKS_BAD;
}

enum proxy_socks_parsed proxy_socks_request(const uint8_t *bytes, size_t len,
                                            size_t *ret_used,
                                            struct proxy_socks_request *ret,
                                            enum proxy_socks_reply *ret_reply)
{
    struct srt_cursor c = {bytes, len};
    struct proxy_socks_request r = {.command = 0};
    const uint8_t *head;

    if (!srt_cursor_bytes(&c, 4, &head))
        return PROXY_SOCKS_MORE;
    r.command = head[1];
    if (head[0] != VERSION || head[2] != 0)
        return refuse(PROXY_SOCKS_FAILURE, ret_reply);
    if (r.command != PROXY_SOCKS_CONNECT && r.command != PROXY_SOCKS_RESOLVE)
        return refuse(PROXY_SOCKS_NO_COMMAND, ret_reply);
    if (head[3] != TYPE_V4 && head[3] != TYPE_NAME && head[3] != TYPE_V6)
        return refuse(PROXY_SOCKS_NO_ADDRESS_TYPE, ret_reply);
    if (!read_host(&c, head[3], &r) || !srt_cursor_be16(&c, &r.port))
        return PROXY_SOCKS_MORE;
    if (r.host_len == 0 || (r.command == PROXY_SOCKS_CONNECT && r.port == 0))
        return refuse(PROXY_SOCKS_FAILURE, ret_reply);
    *ret = r;
    *ret_used = len - c.left;
    return PROXY_SOCKS_DONE;
}
