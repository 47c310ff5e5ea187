#include "launcher/linux/refusal.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/path.h"
#include "launcher/linux/crew.h"
#include "launcher/linux/filter.h"
#include "launcher/linux/hostcheck.h"
#include "launcher/linux/process.h"
#include "launcher/linux/syscall_reason.h"
#include "policy/suggest.h"

enum { QUEUE_MAX = 8192, END_WAIT_MS = 500, STACK_BYTES = 512 << 10 };

struct job {
    struct job *next;
    struct channel_msg m; /* allocated as far as it is used */
};

struct refusal {
    struct session *session;
    struct crew crew; /* its turn guards what follows */
    pthread_cond_t work, idle;
    struct job *head, **tail;
    unsigned queued, busy;
    bool started;
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

/* The supervisor cannot see whether a file behind a mask is there. */
static enum events_op op_of(const struct channel_msg *m, const char *path)
{
    struct stat st;

    return m->op == EVENTS_OP_FILE_CREATE && m->check == CHANNEL_CHECK_OPEN &&
                   m->ino == 0 && lstat(path, &st) == 0
               ? EVENTS_OP_FILE_WRITE
               : (enum events_op)m->op;
}

static enum policy_deed deed_of(const struct channel_msg *m, enum events_op op)
{
    switch ((enum channel_check)m->check) {
    case CHANNEL_CHECK_RENAME:
        return POLICY_DEED_RENAMES;
    case CHANNEL_CHECK_LINK:
        return POLICY_DEED_LINKS;
    default:
        break;
    }
    if (op == EVENTS_OP_FILE_CREATE && m->check == CHANNEL_CHECK_OPEN)
        return POLICY_DEED_MAKES;
#ifdef SYS_mkdir
    if (m->nr == SYS_mkdir)
        return POLICY_DEED_MAKES_DIR;
#endif
    return m->nr == SYS_mkdirat ? POLICY_DEED_MAKES_DIR : POLICY_DEED_OTHER;
}

static void record(struct session *s, const struct channel_msg *m,
                   bool uncertain)
{
    char path[SRT_PATH_MAX];
    char path2[SRT_PATH_MAX] = "";
    char reason[256];
    static _Thread_local struct events_process process;
    SRT_AUTO_BUF struct srt_buf hint = {0};
    struct policy_change change = {0};
    struct policy_decision d;
    struct events_violation v = {
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
    v.op = op_of(m, path);
    if (m->op == EVENTS_OP_SYSCALL)
        syscall_reason(m->nr, path, reason, sizeof(reason));
    v.rule = d.rule;
    v.reason = m->op == EVENTS_OP_SYSCALL ? reason : d.reason;
    v.target2 = path2[0] != '\0' ? path2 : NULL;
    if (channel_msg_text(m, 4)[0] != '\0')
        v.requested = channel_msg_text(m, 4);
    if (m->op != EVENTS_OP_SYSCALL)
        policy_suggest(&(struct policy_refused){.image = s->policy->image,
                                                .settings = s->in->settings,
                                                .home = s->in->home,
                                                .kind = subject_of(m),
                                                .deed = deed_of(m, v.op),
                                                .target = path,
                                                .target2 = v.target2,
                                                .decision = &d},
                       &hint, &change);
    v.hint = hint.len > 0 ? srt_buf_str(&hint) : NULL;
    v.change = &change;
    process_describe(m->tid, &process);
    events_store_violation(s->events, &v, &process);
}

static void work(struct session *s, const struct channel_msg *m)
{
    static _Thread_local struct channel_msg answer;
    int err = 0;
    enum hostcheck_answer host = hostcheck_write(m, &err);

    channel_msg_init(&answer, CHANNEL_ANSWER, m->slot, m->generation);
    answer.error = m->error;
    if (host == HOSTCHECK_WOULD_FAIL)
        answer.error = err;
    else
        record(s, m, host == HOSTCHECK_UNKNOWN);
    session_send(s, &answer);
}

/* ---- the crew ---- */

/* One job, or a wait for it. */
static void work_round(void *ctx)
{
    struct refusal *r = ctx;
    struct job *j = r->head;

    if (j == NULL) {
        (void)pthread_cond_wait(&r->work, &r->crew.turn);
        return;
    }
    r->head = j->next;
    if (r->head == NULL)
        r->tail = &r->head;
    r->queued--;
    r->busy++;
    crew_leave(&r->crew);
    work(r->session, &j->m);
    free(j);
    crew_return(&r->crew);
    r->busy--;
    (void)pthread_cond_signal(&r->idle);
}

struct refusal *refusal_new(struct session *s)
{
    struct refusal *r = srt_xcalloc(1, sizeof(*r));

    r->session = s;
    r->tail = &r->head;
    crew_init(&r->crew, work_round, r, STACK_BYTES);
    (void)pthread_cond_init(&r->work, NULL);
    (void)pthread_cond_init(&r->idle, NULL);
    return r;
}

/* Refused all the same, but nobody can say more about it. */
static void answer_untold(struct refusal *r, const struct channel_msg *m)
{
    static struct channel_msg answer;

    channel_msg_init(&answer, CHANNEL_ANSWER, m->slot, m->generation);
    answer.error = m->error;
    events_store_warning(r->session->events,
                         "too many refusals at once: one was not recorded");
    session_send(r->session, &answer);
}

static bool enqueue(struct refusal *r, struct job *j)
{
    bool room;

    crew_lock(&r->crew);
    room = r->queued < QUEUE_MAX && r->started;
    if (room) {
        *r->tail = j;
        r->tail = &j->next;
        r->queued++;
        (void)pthread_cond_signal(&r->work);
    }
    crew_unlock(&r->crew);
    return room;
}

void refusal_handle(struct refusal *r, const struct channel_msg *m)
{
    size_t len = offsetof(struct channel_msg, bytes) + m->text_len;
    struct job *j = malloc(offsetof(struct job, m) + len);

    if (j != NULL) {
        memcpy(&j->m, m, len);
        j->next = NULL;
    }
    if (!r->started)
        r->started = crew_start(&r->crew) == 0;
    if (j == NULL || !enqueue(r, j)) {
        free(j);
        answer_untold(r, m);
    }
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
    crew_lock(&r->crew);
    while (err == 0 && (r->head != NULL || r->busy > 0))
        err = pthread_cond_timedwait(&r->idle, &r->crew.turn, &until);
    (void)pthread_cond_broadcast(&r->work);
    crew_stop(&r->crew);
    crew_unlock(&r->crew);
    if (!crew_end(&r->crew, err == 0 ? END_WAIT_MS : 0))
        return; /* one hangs in a file system; srt is about to end */
    (void)pthread_cond_destroy(&r->work);
    (void)pthread_cond_destroy(&r->idle);
    free(r);
}
