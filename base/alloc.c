#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES ((size_t)16 * 1024)

struct srt_arena_chunk {
    struct srt_arena_chunk *next;
    size_t used, size;
    max_align_t data[];
};

/* The one place of the libraries that ends the program. */
static _Noreturn void out_of_memory(void)
{
    static const char text[] = "srt: out of memory\n";

    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(125);
}

bool srt_mul_ok(size_t a, size_t b, size_t *ret)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *ret = a * b;
    return true;
}

void *srt_xmalloc(size_t size)
{
    return srt_xrealloc(NULL, size);
}

void *srt_xcalloc(size_t count, size_t size)
{
    void *p = calloc(count != 0 ? count : 1, size != 0 ? size : 1);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *srt_xrealloc(void *old, size_t size)
{
    void *p = realloc(old, size != 0 ? size : 1);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *srt_xreallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (!srt_mul_ok(count, size, &bytes))
        out_of_memory();
    return srt_xrealloc(old, bytes);
}

char *srt_xstrndup(const char *s, size_t len)
{
    char *copy = srt_xmalloc(len + 1);

    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *srt_xstrdup(const char *s)
{
    return srt_xstrndup(s, strlen(s));
}

void srt_arena_release(struct srt_arena *a)
{
    while (a->chunks != NULL) {
        struct srt_arena_chunk *next = a->chunks->next;

        free(a->chunks);
        a->chunks = next;
    }
}

void *srt_arena_alloc(struct srt_arena *a, size_t size)
{
    struct srt_arena_chunk *c = a->chunks;
    char *p;

    if (size > SIZE_MAX / 2)
        out_of_memory();
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (c == NULL || c->size - c->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;

        c = srt_xcalloc(1, sizeof(*c) + room);
        c->size = room;
        c->next = a->chunks;
        a->chunks = c;
    }
    p = (char *)c->data + c->used;
    c->used += size;
    return p;
}

char *srt_arena_strndup(struct srt_arena *a, const char *s, size_t len)
{
    char *copy = srt_arena_alloc(a, len + 1);

    memcpy(copy, s, len);
    return copy;
}

char *srt_arena_strdup(struct srt_arena *a, const char *s)
{
    return srt_arena_strndup(a, s, strlen(s));
}
