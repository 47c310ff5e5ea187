#include "launcher/linux/channel.h"

#include <errno.h>
#include <string.h>

#define HEAD_BYTES offsetof(struct channel_msg, bytes)

void channel_msg_init(struct channel_msg *m, enum channel_type type,
                      uint32_t slot, uint64_t generation)
{
    memset(m, 0, HEAD_BYTES);
    m->type = type;
    m->slot = slot;
    m->generation = generation;
}

bool channel_msg_add(struct channel_msg *m, const char *text)
{
    size_t n = strlen(text) + 1;

    if (n > sizeof(m->bytes) - m->text_len)
        return false;
    memcpy(m->bytes + m->text_len, text, n);
    m->text_len += (uint32_t)n;
    return true;
}

void channel_msg_skip_to(struct channel_msg *m, size_t i)
{
    size_t n = 0;

    for (uint32_t at = 0; at < m->text_len; at++)
        n += m->bytes[at] == '\0';
    while (n++ < i && channel_msg_add(m, ""))
        ;
}

const char *channel_msg_text(const struct channel_msg *m, size_t i)
{
    const char *at = m->bytes;
    const char *end = m->bytes + m->text_len;

    for (; at < end && i > 0; i--)
        at += strlen(at) + 1;
    return at < end ? at : "";
}

int channel_send(int sock, const struct channel_msg *m, const int *fds,
                 size_t nfds, int flags)
{
    return srt_fd_send(sock, m, HEAD_BYTES + m->text_len, fds, nfds, flags);
}

/* The lengths hold together, and the last string ends. */
static bool valid(const struct channel_msg *m, size_t n)
{
    return n >= HEAD_BYTES && m->text_len == n - HEAD_BYTES &&
           (m->text_len == 0 || m->bytes[m->text_len - 1] == '\0');
}

int channel_recv(int sock, struct channel_msg *m, int *fds, size_t *ret_nfds,
                 int flags)
{
    ssize_t n = srt_fd_recv(sock, m, sizeof(*m), fds, ret_nfds, flags);

    if (n <= 0)
        return (int)n;
    if (valid(m, (size_t)n))
        return 1;
    for (size_t i = 0; i < *ret_nfds; i++)
        srt_fd_close(&fds[i]);
    *ret_nfds = 0;
    errno = EBADMSG;
    return -1;
}
