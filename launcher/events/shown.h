/* Which characters may be shown as they are, and how the others are. */
#ifndef SRT_LAUNCHER_EVENTS_SHOWN_H
#define SRT_LAUNCHER_EVENTS_SHOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Not a control, bidirectional, invisible or line-ending character. */
bool events_shown_plainly(uint32_t code);

/* At most max bytes of the text, not ending inside a code point. */
size_t events_shown_cut(const char *bytes, size_t len, size_t max);

enum events_shown_how {
    EVENTS_SHOWN_QUOTE = 1, /* in quotes when it holds a space, or nothing */
    EVENTS_SHOWN_TAGS = 2,  /* '<' is escaped, so that no tag can be forged */
};

/* For terminals: "\n", "\x1b", "\u202e" for what is hidden, \xNN for a byte
 * that is no UTF-8.  With QUOTE, backslash and quote are escaped, too. */
void events_shown_add(struct srt_buf *b, const char *bytes, size_t len,
                      unsigned how);

#endif
