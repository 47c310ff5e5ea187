/* Writing JSON: every string is taken for hostile bytes. */
#ifndef SRT_LAUNCHER_EVENTS_JSON_H
#define SRT_LAUNCHER_EVENTS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Longest string of an event, in bytes before escaping; what is longer is cut
 * (between code points where the bytes are UTF-8). */
#define EVENTS_JSON_TEXT_MAX 4096u

/*
 * A JSON string with its quotes: pure ASCII but for harmless letters, never a
 * control or bidirectional character, each invalid byte as one U+FFFD.
 * Returns false when there was such a byte.
 */
bool events_json_text(struct srt_buf *b, const char *bytes, size_t len);
/* RFC 4648, with its quotes. */
void events_json_base64(struct srt_buf *b, const void *bytes, size_t len);

/* ,"key":"text" and, if it is not UTF-8, ,"key_b64":"..." */
void events_json_bytes(struct srt_buf *b, const char *key, const char *bytes,
                       size_t len);
void events_json_str(struct srt_buf *b, const char *key, const char *s);
void events_json_num(struct srt_buf *b, const char *key, uint64_t v);
void events_json_bool(struct srt_buf *b, const char *key, bool v);
/* ,"key":["a",...]; the words are separated (or ended) by NUL in len bytes. */
void events_json_words(struct srt_buf *b, const char *key, const char *bytes,
                       size_t len);
/* The same for a NULL-terminated list, 64 KiB of it; NULL is an empty one. */
void events_json_list(struct srt_buf *b, const char *key,
                      const char *const *list);

#endif
