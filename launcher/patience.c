#include "launcher/patience.h"

#include "base/log.h"
#include "launcher/events/thread.h"
#include "vendor/compat.h"

enum { WAIT_MS = 2000 };

static void *wait_and_tell(void *arg)
{
    struct launcher_patience *p = arg;
    const struct timespec until = vnd_in_ms(WAIT_MS);
    int err = 0;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->done && err == 0)
        err = pthread_cond_timedwait(&p->over, &p->lock, &until);
    if (!p->done)
        srt_log(SRT_LOG_WARN, "%s ...", p->text);
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

void launcher_patience_begin(struct launcher_patience *p, bool wanted,
                             const char *text)
{
    *p = (struct launcher_patience){.text = text};
    if (!wanted)
        return;
    (void)pthread_mutex_init(&p->lock, NULL);
    vnd_cond_init(&p->over);
    p->running = events_thread_start(&p->thread, wait_and_tell, p) == 0;
}

void launcher_patience_end(struct launcher_patience *p)
{
    if (!p->running)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->done = true;
    (void)pthread_cond_signal(&p->over);
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    p->running = false;
}
