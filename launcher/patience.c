#include "launcher/patience.h"

#include <time.h>

#include "base/log.h"
#include "launcher/events/thread.h"

enum { WAIT_S = 2 };

static void *wait_and_tell(void *arg)
{
    struct launcher_patience *p = arg;
    struct timespec until;
    int err = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
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
    (void)pthread_cond_init(&p->over, NULL);
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
