#include "launcher/events/sink.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "launcher/events/coarse.h"
#include "launcher/events/output.h"
#include "launcher/events/record.h"
#include "launcher/events/thread.h"
#include "vendor/compat.h"

/* The writer looks this often whether it must end. */
#define WRITER_STEP_MS 20
/* It takes this much from the queue at once. */
#define WRITER_PIECE ((size_t)64 << 10)
/* Beyond the queue's bound: the records that account for what is missing. */
#define ACCOUNT_BYTES (EVENTS_COARSE_MAX * 256u + 1024u)

struct events_sink {
    struct events_output out;
    char *name;      /* owned */
    const char *run; /* borrowed from the store */
    bool behind;     /* writer exists; from then on lock guards what follows */
    pthread_t writer;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct srt_buf queue;
    struct events_coarse coarse;
    uint64_t dropped, first_dropped, last_dropped; /* not yet told */
    uint64_t lost;                                 /* never to be told */
    int error;
    bool ending;
    uint64_t deadline_ms;
};

struct events_sink *events_sink_new(int fd, const char *name, const char *run)
{
    struct events_sink *s = srt_xcalloc(1, sizeof(*s));

    events_output_init(&s->out, fd);
    s->name = srt_xstrdup(name);
    s->run = run;
    s->queue.max = EVENTS_SINK_QUEUE_BYTES + ACCOUNT_BYTES;
    (void)pthread_mutex_init(&s->lock, NULL);
    vnd_cond_init(&s->wake);
    return s;
}

/* Under the lock: what was counted instead of queued becomes records. */
static void settle(struct events_sink *s)
{
    struct events_record_head h = {.seq = s->last_dropped, .run = s->run};

    events_coarse_tell(&s->coarse, s->run, &s->queue);
    if (s->dropped > 0)
        events_record_dropped(&s->queue, h, s->dropped, s->first_dropped);
    s->dropped = 0;
}

static void drop(struct events_sink *s, const struct events_line *line)
{
    if (s->dropped == 0)
        s->first_dropped = line->seq;
    s->dropped += line->weight;
    s->last_dropped = line->seq;
}

/* Under the lock. */
static void enqueue(struct events_sink *s, const struct events_line *line)
{
    bool half_full = s->queue.len > EVENTS_SINK_QUEUE_BYTES / 2;

    if (half_full && line->rule != NULL &&
        events_coarse_count(&s->coarse, line->rule, line->seq, line->weight))
        return;
    if (s->queue.len + line->len > EVENTS_SINK_QUEUE_BYTES) {
        drop(s, line);
        return;
    }
    srt_buf_add(&s->queue, line->text, line->len);
    if (line->first && line->rule != NULL)
        events_coarse_know(&s->coarse, line->rule, line->seq);
}

/* Under the lock: wait for work.  False: the end. */
static bool has_work(struct events_sink *s)
{
    while (s->queue.len == 0 && !s->ending)
        (void)pthread_cond_wait(&s->wake, &s->lock);
    return s->error == 0 && s->queue.len > 0 &&
           !(s->ending && srt_clock_ms() >= s->deadline_ms);
}

/* That passes: the file is behind as long as it lasts. */
static bool is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

/* Whole lines, if they are not longer than a piece. */
static size_t piece_of(const struct srt_buf *queue)
{
    const size_t most = queue->len < WRITER_PIECE ? queue->len : WRITER_PIECE;
    const char *end = memrchr(queue->data, '\n', most);

    return end != NULL ? (size_t)(end + 1 - queue->data) : most;
}

static void *run_writer(void *arg)
{
    struct events_sink *s = arg;
    char *piece = srt_xmalloc(WRITER_PIECE);

    (void)pthread_mutex_lock(&s->lock);
    while (has_work(s)) {
        size_t len = piece_of(&s->queue);
        int error;

        memcpy(piece, s->queue.data, len);
        (void)pthread_mutex_unlock(&s->lock);
        len = events_output_write(&s->out, piece, len, WRITER_STEP_MS, &error);
        (void)pthread_mutex_lock(&s->lock);
        srt_buf_consume(&s->queue, len);
        s->error = is_full(error) ? 0 : error;
        if (is_full(error)) {
            const struct timespec until = vnd_in_ms(WRITER_STEP_MS);

            (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
        }
        if (s->queue.len < EVENTS_SINK_QUEUE_BYTES / 4)
            settle(s);
    }
    (void)pthread_mutex_unlock(&s->lock);
    free(piece);
    return NULL;
}

/* The rest of a line did not go out in time. */
static void fall_behind(struct events_sink *s, const char *rest, size_t len)
{
    srt_buf_add(&s->queue, rest, len);
    /* Without a thread (a program may use up what one needs) the next line
     * tries again. */
    s->behind = events_thread_start(&s->writer, run_writer, s) == 0;
}

/* No writer could be made: what goes out now, in order. */
static void catch_up(struct events_sink *s, const struct events_line *line)
{
    size_t done;

    enqueue(s, line);
    done = events_output_write(&s->out, s->queue.data, piece_of(&s->queue), 0,
                               &s->error);
    srt_buf_consume(&s->queue, done);
    if (s->queue.len < EVENTS_SINK_QUEUE_BYTES / 4)
        settle(s); /* as the writer does: there is room for it */
    if (is_full(s->error))
        s->error = 0;
    if (s->error == 0 && s->queue.len > 0)
        fall_behind(s, "", 0);
}

static void put_now(struct events_sink *s, const struct events_line *line)
{
    size_t done = events_output_write(&s->out, line->text, line->len,
                                      EVENTS_SINK_PATIENCE_MS, &s->error);

    if (is_full(s->error))
        s->error = 0;
    if (s->error == 0 && line->first && line->rule != NULL)
        events_coarse_know(&s->coarse, line->rule, line->seq);
    if (s->error == 0 && done < line->len)
        fall_behind(s, line->text + done, line->len - done);
}

void events_sink_put(struct events_sink *s, const struct events_line *line)
{
    if (!s->behind) {
        if (s->error != 0)
            s->lost += line->weight;
        else if (s->queue.len > 0)
            catch_up(s, line);
        else
            put_now(s, line);
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    if (s->error == 0)
        enqueue(s, line);
    else
        s->lost += line->weight;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Whole lines that are still queued; each stands for an event or more. */
static uint64_t count_lines(const struct srt_buf *b)
{
    uint64_t n = 0;

    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

void events_sink_end(struct events_sink *s, uint64_t deadline_ms)
{
    int error = 0;

    if (!s->behind) {
        settle(s);
        if (s->error == 0 && s->queue.len > 0)
            srt_buf_consume(&s->queue,
                            events_output_write(&s->out, s->queue.data,
                                                s->queue.len, 0, &error));
        s->lost += count_lines(&s->queue);
        srt_buf_clear(&s->queue);
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    settle(s);
    s->ending = true;
    s->deadline_ms = deadline_ms;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->writer, NULL);
    s->behind = false;
    s->lost += count_lines(&s->queue);
    srt_buf_clear(&s->queue);
}

void events_sink_free(struct events_sink *s)
{
    if (s == NULL)
        return;
    events_sink_end(s, srt_clock_ms());
    events_output_release(&s->out);
    events_coarse_release(&s->coarse);
    srt_buf_release(&s->queue);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->wake);
    free(s->name);
    free(s);
}

const char *events_sink_name(const struct events_sink *s)
{
    return s->name;
}

int events_sink_error(struct events_sink *s)
{
    int error;

    if (!s->behind)
        return s->error;
    (void)pthread_mutex_lock(&s->lock);
    error = s->error;
    (void)pthread_mutex_unlock(&s->lock);
    return error;
}

uint64_t events_sink_lost(const struct events_sink *s)
{
    return s->lost;
}
