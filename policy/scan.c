/*
 * One pass, recursive descent bounded by POLICY_SETTINGS_MAX_DEPTH.  `pointer`
 * holds the path of the value at hand and grows and shrinks with the nesting.
 */
#include "policy/scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "policy/settings.h"

struct scanner {
    const char *at, *end;
    unsigned line, col;
    unsigned depth;
    unsigned key_line, key_col; /* of the key just read; 0 in arrays */
    struct srt_buf pointer;
    struct srt_buf key; /* the string just read, unescaped */
    struct policy_scan *out;
    size_t cap;
    struct policy_scan_error *error;
};

static bool fail(struct scanner *s, const char *what)
{
    *s->error = (struct policy_scan_error){s->line, s->col, what};
    return false;
}

/* Step over one code point that is known to be valid. */
static void step(struct scanner *s, size_t bytes)
{
    if (*s->at == '\n') {
        s->line++;
        s->col = 1;
    } else {
        s->col++;
    }
    s->at += bytes;
}

static int peek(const struct scanner *s)
{
    return s->at < s->end ? (unsigned char)*s->at : -1;
}

static void skip_space(struct scanner *s)
{
    int c;

    while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        step(s, 1);
}

static bool expect(struct scanner *s, char c, const char *what)
{
    if (peek(s) != c)
        return fail(s, what);
    step(s, 1);
    return true;
}

static bool hex4(struct scanner *s, uint32_t *ret)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        int c = peek(s);

        if (c >= '0' && c <= '9')
            v = v * 16 + (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            v = v * 16 + (uint32_t)((c | 0x20) - 'a') + 10;
        else
            return fail(s, "bad \\u escape; expected four hex digits");
        step(s, 1);
    }
    *ret = v;
    return true;
}

static void add_code_point(struct srt_buf *b, uint32_t cp)
{
    if (cp < 0x80) {
        srt_buf_add_char(b, (char)cp);
    } else if (cp < 0x800) {
        srt_buf_add_char(b, (char)(0xc0 | cp >> 6));
        srt_buf_add_char(b, (char)(0x80 | (cp & 0x3f)));
    } else if (cp < 0x10000) {
        srt_buf_add_char(b, (char)(0xe0 | cp >> 12));
        srt_buf_add_char(b, (char)(0x80 | (cp >> 6 & 0x3f)));
        srt_buf_add_char(b, (char)(0x80 | (cp & 0x3f)));
    } else {
        srt_buf_add_char(b, (char)(0xf0 | cp >> 18));
        srt_buf_add_char(b, (char)(0x80 | (cp >> 12 & 0x3f)));
        srt_buf_add_char(b, (char)(0x80 | (cp >> 6 & 0x3f)));
        srt_buf_add_char(b, (char)(0x80 | (cp & 0x3f)));
    }
}

static bool scan_unicode_escape(struct scanner *s)
{
    uint32_t cp;
    uint32_t low;

    if (!hex4(s, &cp))
        return false;
    if (cp == 0)
        return fail(s, "\\u0000 in a string; NUL is not allowed");
    if (cp >= 0xdc00 && cp <= 0xdfff)
        return fail(s, "a lone low surrogate; expected a pair");
    if (cp >= 0xd800 && cp <= 0xdbff) {
        if (s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
            return fail(s, "a lone high surrogate; expected a pair");
        step(s, 1);
        step(s, 1);
        if (!hex4(s, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(s, "a lone high surrogate; expected a pair");
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    add_code_point(&s->key, cp);
    return true;
}

static bool scan_escape(struct scanner *s)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    int c;
    const char *found;

    step(s, 1);
    c = peek(s);
    if (c == 'u') {
        step(s, 1);
        return scan_unicode_escape(s);
    }
    found = c > 0 ? strchr(from, c) : NULL;
    if (found == NULL)
        return fail(s, "unknown escape; expected one of \\\" \\\\ \\/ \\b \\f "
                       "\\n \\r \\t \\uXXXX");
    srt_buf_add_char(&s->key, to[found - from]);
    step(s, 1);
    return true;
}

/* Leaves the unescaped text in s->key. */
static bool scan_string(struct scanner *s)
{
    srt_buf_clear(&s->key);
    if (!expect(s, '"', "expected a string in double quotes"))
        return false;
    for (;;) {
        int c = peek(s);
        uint32_t cp;
        size_t n;

        if (c < 0)
            return fail(s, "the string does not end; expected '\"'");
        if (c == '"') {
            step(s, 1);
            return true;
        }
        if (c == '\\') {
            if (!scan_escape(s))
                return false;
            continue;
        }
        if (c < 0x20)
            return fail(s, "a raw control character in a string; expected an "
                           "escape such as \\n");
        n = srt_utf8_decode(s->at, (size_t)(s->end - s->at), &cp);
        if (n == 0)
            return fail(s, "invalid UTF-8; expected UTF-8 text");
        srt_buf_add(&s->key, s->at, n);
        step(s, n);
    }
}

static bool scan_digits(struct scanner *s)
{
    int c = peek(s);

    if (c < '0' || c > '9')
        return fail(s, "bad number; expected a digit");
    while (c >= '0' && c <= '9') {
        step(s, 1);
        c = peek(s);
    }
    return true;
}

static bool scan_number(struct scanner *s)
{
    if (peek(s) == '-')
        step(s, 1);
    if (peek(s) == '0') {
        step(s, 1);
        if (peek(s) >= '0' && peek(s) <= '9')
            return fail(s, "a number with a leading zero; expected none");
    } else if (!scan_digits(s)) {
        return false;
    }
    if (peek(s) == '.') {
        step(s, 1);
        if (!scan_digits(s))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        step(s, 1);
        if (peek(s) == '+' || peek(s) == '-')
            step(s, 1);
        return scan_digits(s);
    }
    return true;
}

static bool scan_word(struct scanner *s, const char *word)
{
    for (; *word != '\0'; word++)
        if (!expect(s, *word, "unknown word; expected true, false or null"))
            return false;
    return true;
}

static void mark(struct scanner *s)
{
    struct policy_scan *o = s->out;

    if (o->n == s->cap) {
        s->cap = s->cap != 0 ? s->cap * 2 : 64;
        o->marks = srt_xreallocarray(o->marks, s->cap, sizeof(o->marks[0]));
    }
    o->marks[o->n++] = (struct policy_scan_mark){
        .pointer = srt_arena_strndup(&o->arena, srt_buf_str(&s->pointer),
                                     s->pointer.len),
        .line = s->line,
        .col = s->col,
        .key_line = s->key_line,
        .key_col = s->key_col,
    };
}

static void push_key(struct scanner *s)
{
    srt_buf_add_char(&s->pointer, '/');
    for (size_t i = 0; i < s->key.len; i++) {
        char c = s->key.data[i];

        if (c == '~')
            srt_buf_add_str(&s->pointer, "~0");
        else if (c == '/')
            srt_buf_add_str(&s->pointer, "~1");
        else
            srt_buf_add_char(&s->pointer, c);
    }
}

static void pop(struct scanner *s, size_t len)
{
    s->pointer.len = len;
    if (s->pointer.data != NULL)
        s->pointer.data[len] = '\0';
}

static bool scan_value(struct scanner *s);

/* The keys of one object so far, for the duplicate check. */
struct key {
    const char *text;
    unsigned line, col;
};

struct keys {
    struct key *at;
    size_t n, cap;
};

static int compare_keys(const void *pa, const void *pb)
{
    const struct key *a = pa;
    const struct key *b = pb;
    int order = strcmp(a->text, b->text);

    if (order == 0)
        order = (a->line > b->line) - (a->line < b->line);
    return order != 0 ? order : (a->col > b->col) - (a->col < b->col);
}

/* The second of two equal keys, or NULL. */
static const struct key *find_duplicate(struct keys *k)
{
    if (k->n > 1)
        qsort(k->at, k->n, sizeof(k->at[0]), compare_keys);
    for (size_t i = 1; i < k->n; i++)
        if (strcmp(k->at[i - 1].text, k->at[i].text) == 0)
            return &k->at[i];
    return NULL;
}

static bool scan_member(struct scanner *s, struct keys *k)
{
    size_t len = s->pointer.len;

    skip_space(s);
    s->key_line = s->line;
    s->key_col = s->col;
    if (!scan_string(s))
        return false;
    if (k->n == k->cap) {
        k->cap = k->cap != 0 ? k->cap * 2 : 16;
        k->at = srt_xreallocarray(k->at, k->cap, sizeof(k->at[0]));
    }
    k->at[k->n++] = (struct key){
        .text = srt_arena_strndup(&s->out->arena, srt_buf_str(&s->key),
                                  s->key.len),
        .line = s->key_line,
        .col = s->key_col,
    };
    push_key(s);
    skip_space(s);
    if (!expect(s, ':', "expected ':' after the key") || !scan_value(s))
        return false;
    pop(s, len);
    skip_space(s);
    return true;
}

/* Over a comma, behind which something must follow. */
static bool step_comma(struct scanner *s, int end)
{
    struct scanner comma = *s;

    step(s, 1);
    skip_space(s);
    return peek(s) != end ||
           fail(&comma, "a trailing comma; expected none after the last "
                        "element");
}

static bool scan_object(struct scanner *s)
{
    struct keys k = {0};
    const struct key *second;
    bool ok = true;

    step(s, 1);
    skip_space(s);
    if (peek(s) == '}') {
        step(s, 1);
        return true;
    }
    do
        ok = scan_member(s, &k);
    while (ok && peek(s) == ',' && (ok = step_comma(s, '}')));
    if (ok && peek(s) != '}')
        ok = fail(s, "expected ',' or '}' in the object");
    second = ok ? find_duplicate(&k) : NULL;
    if (second != NULL) {
        *s->error = (struct policy_scan_error){
            second->line, second->col, "duplicate key; expected each key once"};
        ok = false;
    }
    srt_free_ptr(&k.at);
    if (ok)
        step(s, 1);
    return ok;
}

static bool scan_array(struct scanner *s)
{
    size_t len = s->pointer.len;
    size_t i = 0;

    step(s, 1);
    skip_space(s);
    if (peek(s) == ']') {
        step(s, 1);
        return true;
    }
    for (;;) {
        srt_buf_addf(&s->pointer, "/%zu", i++);
        s->key_line = 0;
        s->key_col = 0;
        if (!scan_value(s))
            return false;
        pop(s, len);
        skip_space(s);
        if (peek(s) != ',')
            return expect(s, ']', "expected ',' or ']' in the array");
        if (!step_comma(s, ']'))
            return false;
    }
}

static bool scan_value(struct scanner *s)
{
    bool ok;
    int c;

    skip_space(s);
    c = peek(s);
    if (c < 0)
        return fail(s, "the text ends; expected a value");
    mark(s);
    if (s->depth == POLICY_SETTINGS_MAX_DEPTH)
        return fail(s, "nested too deeply; at most 32 levels");
    s->depth++;
    if (c == '{')
        ok = scan_object(s);
    else if (c == '[')
        ok = scan_array(s);
    else if (c == '"')
        ok = scan_string(s);
    else if (c == '-' || (c >= '0' && c <= '9'))
        ok = scan_number(s);
    else if (c == 't')
        ok = scan_word(s, "true");
    else if (c == 'f')
        ok = scan_word(s, "false");
    else if (c == 'n')
        ok = scan_word(s, "null");
    else if (c == '/')
        ok = fail(s, "a comment or stray '/'; JSON has no comments");
    else
        ok = fail(s, c == 0xef ? "a byte order mark; JSON begins without"
                               : "not JSON; expected a value");
    s->depth--;
    return ok;
}

static int compare_marks(const void *a, const void *b)
{
    const struct policy_scan_mark *x = a;
    const struct policy_scan_mark *y = b;

    return strcmp(x->pointer, y->pointer);
}

bool policy_scan(const char *bytes, size_t len, struct policy_scan *ret,
                 struct policy_scan_error *ret_error)
{
    struct scanner s = {.at = bytes,
                        .end = bytes + len,
                        .line = 1,
                        .col = 1,
                        .out = ret,
                        .error = ret_error};
    bool ok;

    *ret = (struct policy_scan){0};
    ok = scan_value(&s);
    if (ok) {
        skip_space(&s);
        ok = s.at == s.end ||
             fail(&s, "text after the value; expected the end of the file");
    }
    srt_buf_release(&s.pointer);
    srt_buf_release(&s.key);
    if (!ok)
        policy_scan_release(ret);
    else if (ret->n > 1)
        qsort(ret->marks, ret->n, sizeof(ret->marks[0]), compare_marks);
    return ok;
}

void policy_scan_release(struct policy_scan *s)
{
    srt_free_ptr(&s->marks);
    srt_arena_release(&s->arena);
    s->n = 0;
}

const struct policy_scan_mark *policy_scan_find(const struct policy_scan *s,
                                                const char *pointer)
{
    const struct policy_scan_mark want = {.pointer = pointer};

    return s->n == 0 ? NULL
                     : bsearch(&want, s->marks, s->n, sizeof(s->marks[0]),
                               compare_marks);
}
