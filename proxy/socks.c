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

enum proxy_socks_parsed proxy_socks_request(const uint8_t *bytes, size_t len,
                                            size_t *ret_used,
                                            struct proxy_socks_request *ret,
                                            enum proxy_socks_reply *ret_reply)
{
    struct srt_cursor c = {bytes, len};
    const uint8_t *head;

    *ret = (struct proxy_socks_request){.command = 0};
    *ret_reply = PROXY_SOCKS_FAILURE;
    if (!srt_cursor_bytes(&c, 4, &head))
        return PROXY_SOCKS_MORE;
    if (head[0] != VERSION || head[2] != 0)
        return PROXY_SOCKS_BAD;
    ret->command = head[1];
    *ret_reply = PROXY_SOCKS_NO_COMMAND;
    if (head[1] != PROXY_SOCKS_CONNECT && head[1] != PROXY_SOCKS_RESOLVE)
        return PROXY_SOCKS_BAD;
    *ret_reply = PROXY_SOCKS_NO_ADDRESS_TYPE;
    if (head[3] != TYPE_V4 && head[3] != TYPE_NAME && head[3] != TYPE_V6)
        return PROXY_SOCKS_BAD;
    if (!read_host(&c, head[3], ret) || !srt_cursor_be16(&c, &ret->port))
        return PROXY_SOCKS_MORE;
    *ret_used = len - c.left;
    *ret_reply = PROXY_SOCKS_FAILURE;
    if (ret->host_len == 0 ||
        (ret->command == PROXY_SOCKS_CONNECT && ret->port == 0))
        return PROXY_SOCKS_BAD;
    return PROXY_SOCKS_DONE;
}
