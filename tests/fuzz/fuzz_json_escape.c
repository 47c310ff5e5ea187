/* Whatever the bytes: the text is valid UTF-8 and JSON, says what the bytes
 * say, and moves no cursor, as JSON and as a line for people. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "launcher/events/json.h"
#include "launcher/events/shown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(const struct srt_buf *b)
{
    uint32_t c;
    size_t n;

    for (size_t i = 0; i < b->len; i += n) {
        n = srt_utf8_decode(b->data + i, b->len - i, &c);
        assert(n > 0);
        assert(events_shown_plainly(c));
    }
}

static void check_json(const char *bytes, size_t size)
{
    SRT_AUTO_BUF struct srt_buf b = {0};
    bool valid = events_json_text(&b, bytes, size);
    cJSON *j = cJSON_ParseWithLength(b.data, b.len + 1);

    assert(!b.overflow);
    check_plain(&b);
    assert(valid == (srt_utf8_valid_prefix(bytes, size) == size));
    /* cJSON's strings end at the first NUL. */
    if (memchr(bytes, '\0', size) == NULL) {
        assert(cJSON_IsString(j));
        assert(!valid || (strlen(j->valuestring) == size &&
                          memcmp(j->valuestring, bytes, size) == 0));
    }
    cJSON_Delete(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SRT_AUTO_BUF struct srt_buf shown = {0}, words = {0};
    char *copy = malloc(size + 1); /* exact, so that ASan sees over-reads */
    size_t cut;

    if (copy == NULL || size > 65536) {
        free(copy);
        return 0;
    }
    memcpy(copy, data, size);
    copy = realloc(copy, size > 0 ? size : 1);
    check_json(copy, size);
    for (unsigned how = 0; how < 4; how++) {
        srt_buf_clear(&shown);
        events_shown_add(&shown, copy, size, how);
        check_plain(&shown);
        assert((how & EVENTS_SHOWN_TAGS) == 0 || shown.len == 0 ||
               memchr(shown.data, '<', shown.len) == NULL);
    }
    cut = events_shown_cut(copy, size, size / 2);
    assert(cut <= size && cut + 3 >= size / 2);
    if (srt_utf8_valid_prefix(copy, size) == size)
        assert(srt_utf8_valid_prefix(copy, cut) == cut);
    srt_buf_add_str(&words, "{\"k\":1");
    events_json_words(&words, "w", copy, size);
    events_json_bytes(&words, "b", copy, size);
    srt_buf_add_char(&words, '}');
    if (!words.overflow && memchr(copy, '\0', size) == NULL) {
        cJSON *j = cJSON_Parse(words.data);

        assert(cJSON_IsObject(j));
        cJSON_Delete(j);
    }
    free(copy);
    return 0;
}
