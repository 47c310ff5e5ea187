#include "launcher/linux/refusal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "launcher/linux/filter.h"
#include "launcher/linux/hostcheck.h"
#include "launcher/linux/process.h"
#include "policy/suggest.h"

enum { THREADS_MAX = 4, QUEUE_MAX = 8192, END_WAIT_MS = 500 };

struct job {
    struct job *next;
    struct channel_msg m; /* allocated as far as it is used */
};

struct refusal {
    struct session *session;
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    struct job *head, **tail;
    unsigned queued, threads, busy;
    bool ending;
};

/* ---- one job ---- */

static void full_path(const struct channel_msg *m, size_t i, char *out,
                      size_t size)
{
    if (!srt_path_join(channel_msg_text(m, i), channel_msg_text(m, i + 1), out,
                       size))
        out[0] = '\0';
}

/* Which rule refuses?  Of two names the first that is refused. */
static struct policy_decision decide(const struct session *s,
                                     const struct channel_msg *m,
                                     const char *path, const char *path2)
{
    const struct plan_region *keeper = NULL;
    struct policy_decision d;

    if (m->op == EVENTS_OP_SYSCALL)
        return (struct policy_decision){
            POLICY_DENY, "builtin:syscalls",
            "this system call is not available inside"};
    if (m->op == EVENTS_OP_UNIX_CONNECT)
        return policy_decide_unix(s->policy->image, path);
    if (m->op == EVENTS_OP_FILE_READ)
        return policy_decide_read(s->policy->image, path);
    d = policy_decide_write(s->policy->image, path);
    if (d.verdict == POLICY_ALLOW && path2[0] != '\0')
        d = policy_decide_write(s->policy->image, path2);
    if (d.verdict == POLICY_DENY)
        return d;
    /* The path itself is writable: something below it must keep its place, or
     * may not come into being there (then only pins are on its way). */
    for (size_t i = 0; i < s->plan->nregions; i++) {
        const struct plan_region *r = &s->plan->regions[i];

        if (srt_path_under(r->path, path) &&
            (keeper == NULL || (keeper->pinned && !r->pinned)))
            keeper = r;
    }
    if (keeper != NULL)
        return (struct policy_decision){
            POLICY_DENY, keeper->rule,
            "a protected or denied path lies below it"};
    return (struct policy_decision){POLICY_DENY, "builtin:mounts",
                                    "srt has a mount on or below it"};
}

static enum policy_subject subject_of(const struct channel_msg *m)
{
    switch ((enum events_op)m->op) {
    case EVENTS_OP_UNIX_CONNECT:
        return POLICY_SUBJECT_UNIX;
    case EVENTS_OP_FILE_READ:
        return POLICY_SUBJECT_READ;
    case EVENTS_OP_FILE_CREATE:
    case EVENTS_OP_FILE_DELETE:
    case EVENTS_OP_FILE_RENAME:
    case EVENTS_OP_NET_BIND:
        return POLICY_SUBJECT_ENTRY;
    default:
        return POLICY_SUBJECT_WRITE;
    }
}

static void record(struct session *s, const struct channel_msg *m,
                   bool uncertain)
{
    char path[SRT_PATH_MAX];
    char path2[SRT_PATH_MAX] = "";
    static _Thread_local struct events_process process;
    struct srt_buf hint = {0};
    struct srt_buf change = {0};
    struct policy_decision d;
    struct events_violation v = {
        .op = (enum events_op)m->op,
        .source = EVENTS_SOURCE_SUPERVISOR,
        .target = path,
        .call = filter_call_name(m->nr),
        .err = m->error,
        .uncertain = uncertain,
    };

    if (m->op == EVENTS_OP_SYSCALL)
        (void)snprintf(path, sizeof(path), "%s", channel_msg_text(m, 1));
    else
        full_path(m, 0, path, sizeof(path));
    if (channel_msg_text(m, 2)[0] != '\0')
        full_path(m, 2, path2, sizeof(path2));
    d = decide(s, m, path, path2);
    v.rule = d.rule;
    v.reason = d.reason;
    v.target2 = path2[0] != '\0' ? path2 : NULL;
    if (channel_msg_text(m, 4)[0] != '\0')
        v.requested = channel_msg_text(m, 4);
    if (m->op != EVENTS_OP_SYSCALL)
        policy_suggest(s->policy->image, subject_of(m),
                       policy_decide_write(s->policy->image, path).verdict ==
                                   POLICY_ALLOW &&
                               path2[0] != '\0'
                           ? path2
                           : path,
                       &d, &hint, &change);
    v.hint = hint.len > 0 ? srt_buf_str(&hint) : NULL;
    v.change = change.len > 0 ? srt_buf_str(&change) : NULL;
    process_describe(m->tid, &process);
    events_store_violation(s->events, &v, &process);
    srt_buf_release(&hint);
    srt_buf_release(&change);
}

static void work(struct session *s, const struct channel_msg *m)
{
    static _Thread_local struct channel_msg answer;
    int err = 0;
    enum hostcheck_answer host = hostcheck_write(m, &err);

    if (m->op == EVENTS_OP_SYSCALL && geteuid() != 0 &&
        filter_is_privileged(m->nr)) {
        host = HOSTCHECK_WOULD_FAIL;
        err = EPERM;
    }

    channel_msg_init(&answer, CHANNEL_ANSWER, m->slot, m->generation);
    answer.error = m->error;
    if (host == HOSTCHECK_WOULD_FAIL)
        answer.error = err;
    else
        record(s, m, host == HOSTCHECK_UNKNOWN);
    session_send(s, &answer);
}

/* ---- the threads ---- */

static struct job *take(struct refusal *r)
{
    struct job *j;

    while (r->head == NULL && !r->ending)
        (void)pthread_cond_wait(&r->work, &r->lock);
    j = r->head;
    if (j == NULL)
        return NULL;
    r->head = j->next;
    if (r->head == NULL)
        r->tail = &r->head;
    r->queued--;
    r->busy++;
    return j;
}

static void *run(void *arg)
{
    struct refusal *r = arg;
    struct job *j;

    (void)pthread_mutex_lock(&r->lock);
    while ((j = take(r)) != NULL) {
        (void)pthread_mutex_unlock(&r->lock);
        work(r->session, &j->m);
        free(j);
        (void)pthread_mutex_lock(&r->lock);
        r->busy--;
        (void)pthread_cond_signal(&r->idle);
    }
    r->threads--;
    (void)pthread_cond_signal(&r->idle);
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* One more, when all are busy.  Called with the lock held. */
static void add_thread(struct refusal *r)
{
    pthread_t t;
    pthread_attr_t a;

    if (r->threads >= THREADS_MAX || r->busy < r->threads)
        return;
    (void)pthread_attr_init(&a);
    (void)pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&t, &a, run, r) == 0)
        r->threads++;
    (void)pthread_attr_destroy(&a);
}

struct refusal *refusal_new(struct session *s)
{
    struct refusal *r = srt_xcalloc(1, sizeof(*r));

    r->session = s;
    r->tail = &r->head;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->work, NULL);
    (void)pthread_cond_init(&r->idle, NULL);
    return r;
}

void refusal_handle(struct refusal *r, const struct channel_msg *m)
{
    size_t len = offsetof(struct channel_msg, bytes) + m->text_len;
    struct job *j = malloc(offsetof(struct job, m) + len);

    (void)pthread_mutex_lock(&r->lock);
    if (j == NULL || r->queued == QUEUE_MAX) {
        static struct channel_msg answer;

        (void)pthread_mutex_unlock(&r->lock);
        free(j);
        channel_msg_init(&answer, CHANNEL_ANSWER, m->slot, m->generation);
        answer.error = m->error;
        events_store_warning(r->session->events,
                             "too many refusals at once: one was not recorded");
        session_send(r->session, &answer);
        return;
    }
    memcpy(&j->m, m, len);
    j->next = NULL;
    *r->tail = j;
    r->tail = &j->next;
    r->queued++;
    add_thread(r);
    (void)pthread_cond_signal(&r->work);
    (void)pthread_mutex_unlock(&r->lock);
}

void refusal_free(struct refusal *r)
{
    struct timespec until;
    int err = 0;

    if (r == NULL)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += END_WAIT_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    (void)pthread_mutex_lock(&r->lock);
    while (err == 0 && (r->head != NULL || r->busy > 0))
        err = pthread_cond_timedwait(&r->idle, &r->lock, &until);
    r->ending = true;
    (void)pthread_cond_broadcast(&r->work);
    while (err == 0 && r->threads > 0)
        err = pthread_cond_timedwait(&r->idle, &r->lock, &until);
    (void)pthread_mutex_unlock(&r->lock);
    if (err != 0)
        return; /* a thread hangs in a file system; srt is about to end */
    (void)pthread_mutex_destroy(&r->lock);
    (void)pthread_cond_destroy(&r->work);
    (void)pthread_cond_destroy(&r->idle);
    free(r);
}
