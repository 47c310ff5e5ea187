#include "launcher/events/json.h"

#include <string.h>

#include "base/utf8.h"
#include "launcher/events/shown.h"

static void add_u(struct srt_buf *b, uint32_t code)
{
    srt_buf_addf(b, "\\u%04x", (unsigned)code);
}

static void add_escaped(struct srt_buf *b, uint32_t c)
{
    if (c == '\n')
        srt_buf_add_str(b, "\\n");
    else if (c == '\t')
        srt_buf_add_str(b, "\\t");
    else if (c < 0x10000)
        add_u(b, c);
    else {
        add_u(b, 0xd800 + ((c - 0x10000) >> 10));
        add_u(b, 0xdc00 + ((c - 0x10000) & 0x3ff));
    }
}

bool events_json_text(struct srt_buf *b, const char *bytes, size_t len)
{
    bool valid = true;
    uint32_t c;
    size_t n;

    srt_buf_add_char(b, '"');
    for (size_t i = 0; i < len; i += n) {
        n = srt_utf8_decode(bytes + i, len - i, &c);
        if (n == 0) {
            n = 1;
            valid = false;
            srt_buf_add_str(b, "\\ufffd");
        } else if (c == '"' || c == '\\') {
            srt_buf_add_char(b, '\\');
            srt_buf_add_char(b, (char)c);
        } else if (events_shown_plainly(c)) {
            srt_buf_add(b, bytes + i, n);
        } else {
            add_escaped(b, c);
        }
    }
    srt_buf_add_char(b, '"');
    return valid;
}

void events_json_base64(struct srt_buf *b, const void *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;

    srt_buf_add_char(b, '"');
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t v = (uint32_t)p[i] << 16;

        v |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= left > 2 ? (uint32_t)p[i + 2] : 0;
        srt_buf_add_char(b, digits[v >> 18]);
        srt_buf_add_char(b, digits[v >> 12 & 63]);
        srt_buf_add_char(b, left > 1 ? digits[v >> 6 & 63] : '=');
        srt_buf_add_char(b, left > 2 ? digits[v & 63] : '=');
    }
    srt_buf_add_char(b, '"');
}

static void add_key(struct srt_buf *b, const char *key, const char *suffix)
{
    srt_buf_addf(b, ",\"%s%s\":", key, suffix);
}

void events_json_bytes(struct srt_buf *b, const char *key, const char *bytes,
                       size_t len)
{
    len = events_shown_cut(bytes, len, EVENTS_JSON_TEXT_MAX);
    add_key(b, key, "");
    if (events_json_text(b, bytes, len))
        return;
    add_key(b, key, "_b64");
    events_json_base64(b, bytes, len);
}

void events_json_str(struct srt_buf *b, const char *key, const char *s)
{
    events_json_bytes(b, key, s, strlen(s));
}

void events_json_num(struct srt_buf *b, const char *key, uint64_t v)
{
    add_key(b, key, "");
    srt_buf_addf(b, "%llu", (unsigned long long)v);
}

void events_json_bool(struct srt_buf *b, const char *key, bool v)
{
    add_key(b, key, "");
    srt_buf_add_str(b, v ? "true" : "false");
}

/* Each word of the block, as text or as base64; false: some were no UTF-8. */
static bool add_words(struct srt_buf *b, const char *bytes, size_t len,
                      bool base64)
{
    bool valid = true;
    size_t n;

    srt_buf_add_char(b, '[');
    for (size_t i = 0; i < len; i += n + 1) {
        size_t cut;

        n = strnlen(bytes + i, len - i);
        cut = events_shown_cut(bytes + i, n, EVENTS_JSON_TEXT_MAX);
        if (i > 0)
            srt_buf_add_char(b, ',');
        if (base64)
            events_json_base64(b, bytes + i, cut);
        else
            valid &= events_json_text(b, bytes + i, cut);
    }
    srt_buf_add_char(b, ']');
    return valid;
}

void events_json_words(struct srt_buf *b, const char *key, const char *bytes,
                       size_t len)
{
    add_key(b, key, "");
    if (add_words(b, bytes, len, false))
        return;
    add_key(b, key, "_b64");
    (void)add_words(b, bytes, len, true);
}

void events_json_list(struct srt_buf *b, const char *key,
                      const char *const *list)
{
    SRT_AUTO_BUF struct srt_buf words = {.max = 16 * EVENTS_JSON_TEXT_MAX};

    for (; list != NULL && *list != NULL && !words.overflow; list++)
        srt_buf_add(&words, *list, strlen(*list) + 1);
    events_json_words(b, key, srt_buf_str(&words), words.len);
}
