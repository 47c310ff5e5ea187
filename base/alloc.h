/* Memory for set-up code: it never fails, it ends the program (exit 125). */
#ifndef SRT_BASE_ALLOC_H
#define SRT_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* For the launcher, settings, the event store and the supervisor: without
 * memory they end the run, and that is the safe side.  What one program inside
 * could make many of (proxy connections, look-ups, messages under way, jobs)
 * is bounded in number, allocated with malloc, and refused when it fails. */
void *srt_xmalloc(size_t size);
void *srt_xcalloc(size_t count, size_t size);
void *srt_xrealloc(void *old, size_t size);
/* Room for `count` things of `size` bytes; the product is checked. */
void *srt_xreallocarray(void *old, size_t count, size_t size);
char *srt_xstrdup(const char *s);
char *srt_xstrndup(const char *s, size_t len);

/* *ret = a * b; false (and *ret unchanged) when it does not fit. */
bool srt_mul_ok(size_t a, size_t b, size_t *ret);

static inline void srt_free_ptr(void *pp)
{
    void **p = pp;

    free(*p);
    *p = NULL;
}

/* Declare an owned pointer, freed at the end of its scope. */
#define SRT_AUTO_FREE __attribute__((cleanup(srt_free_ptr)))

/* Many small things that live and die together.  Zero-initialise. */
struct srt_arena {
    struct srt_arena_chunk *chunks; /* owned */
};

void srt_arena_release(struct srt_arena *a);
/* Zeroed, aligned for any type; freed by srt_arena_release(). */
void *srt_arena_alloc(struct srt_arena *a, size_t size);
char *srt_arena_strndup(struct srt_arena *a, const char *s, size_t len);
char *srt_arena_strdup(struct srt_arena *a, const char *s);

#endif
