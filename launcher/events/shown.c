#include "launcher/events/shown.h"

#include <string.h>

#include "base/macros.h"
#include "base/utf8.h"

struct range {
    uint32_t first, last;
};

/* Sorted.  Controls, soft hyphen, Arabic letter mark, zero-width and
 * bidirectional marks, line and paragraph separator, byte order mark, tags. */
static const struct range hidden[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

bool events_shown_plainly(uint32_t code)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(hidden); i++)
        if (code >= hidden[i].first && code <= hidden[i].last)
            return false;
    return true;
}

size_t events_shown_cut(const char *bytes, size_t len, size_t max)
{
    size_t cut = max;
    uint32_t code;

    if (len <= max)
        return len;
    /* A code point that begins in the last three bytes and does not end. */
    for (size_t back = 1; back <= 3 && back <= max; back++)
        if (((unsigned char)bytes[max - back] & 0xc0) == 0xc0) {
            if (srt_utf8_decode(bytes + max - back, len - max + back, &code) >
                back)
                cut = max - back;
            break;
        }
    return cut;
}

static void add_hidden(struct srt_buf *b, uint32_t c)
{
    static const char named[] = "\n\t\r";
    const char *at = c == 0 || c > 0x7f ? NULL : strchr(named, (int)c);

    if (at != NULL)
        srt_buf_addf(b, "\\%c", "ntr"[at - named]);
    else
        srt_buf_addf(b, c < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)c);
}

/* True when c had to be escaped for `how`. */
static bool add_special(struct srt_buf *b, uint32_t c, unsigned how)
{
    if ((how & EVENTS_SHOWN_QUOTE) != 0 && (c == '\\' || c == '"'))
        srt_buf_addf(b, "\\%c", (char)c);
    else if ((how & EVENTS_SHOWN_TAGS) != 0 && c == '<')
        srt_buf_add_str(b, "\\x3c");
    else if (!events_shown_plainly(c))
        add_hidden(b, c);
    else
        return false;
    return true;
}

void events_shown_add(struct srt_buf *b, const char *bytes, size_t len,
                      unsigned how)
{
    bool quoted = (how & EVENTS_SHOWN_QUOTE) != 0 &&
                  (len == 0 || memchr(bytes, ' ', len) != NULL);
    uint32_t c;
    size_t n;

    if (quoted)
        srt_buf_add_char(b, '"');
    for (size_t i = 0; i < len; i += n) {
        n = srt_utf8_decode(bytes + i, len - i, &c);
        if (n == 0) {
            n = 1;
            srt_buf_addf(b, "\\x%02x", (unsigned)(unsigned char)bytes[i]);
        } else if (!add_special(b, c, how)) {
            srt_buf_add(b, bytes + i, n);
        }
    }
    if (quoted)
        srt_buf_add_char(b, '"');
}
