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
#include "launcher/linux/syscall_reason.h"
#include "launcher/linux/tell.h"
#include "vendor/compat.h"

enum { JOBS_MAX = 8192, END_WAIT_MS = 500, STACK_BYTES = 512 << 10 };

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
};

/* ---- one job ---- */

/* The name at text i, as an absolute path, or alone where it has none. */
static const char *name_of(const struct channel_msg *m, size_t i, char *out,
                           size_t size)
{
    if (channel_msg_text(m, i)[0] == '\0')
        return channel_msg_text(m, i + 1);
    return srt_path_join(channel_msg_text(m, i), channel_msg_text(m, i + 1),
                         out, size)
               ? out
               : "";
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
                   m->parent.ino == 0 && lstat(path, &st) == 0
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

/* What the sandbox is, and no line of the policy changes. */
static const char *why_it_failed(int err)
{
    switch (err) {
    case EXDEV:
        return "inside, each allowWrite entry is a mount of its own (EXDEV): "
               "allow one directory that holds both names";
    case EROFS:
        return "inside, it lies on a read-only mount (EROFS)";
    default:
        return "inside, nobody has a capability, and there is no other user "
               "or group than the own";
    }
}

static void record(struct session *s, const struct channel_msg *m,
                   bool uncertain)
{
    char first[SRT_PATH_MAX];
    char second[SRT_PATH_MAX];
    const bool two = channel_msg_text(m, CHANNEL_DIR2)[0] != '\0';
    const bool named = channel_msg_text(m, CHANNEL_DIR)[0] != '\0';
    char reason[256];
    struct policy_decision d = {.rule = channel_msg_text(m, CHANNEL_RULE),
                                .reason = channel_msg_text(m, CHANNEL_REASON)};
    struct events_violation v = {
        .source = EVENTS_SOURCE_SUPERVISOR,
        .target = name_of(m, CHANNEL_DIR, first, sizeof(first)),
        .target2 = two ? name_of(m, CHANNEL_DIR2, second, sizeof(second))
                       : NULL,
        .call = filter_call_name(m->nr),
        .err = m->error,
        .uncertain = uncertain,
        .allowed = m->allowed != 0,
    };

    struct policy_refused what = {.kind = subject_of(m)};

    v.op = op_of(m, v.target);
    if (channel_msg_text(m, CHANNEL_REQUESTED)[0] != '\0')
        v.requested = channel_msg_text(m, CHANNEL_REQUESTED);
    if (v.op == EVENTS_OP_SYSCALL && m->nr != SYS_connect) {
        syscall_reason(m->nr, v.target, reason, sizeof(reason));
        d.reason = reason;
    }
    what.deed = deed_of(m, v.op);
    what.target = v.target;
    what.target2 = v.target2;
    if (v.allowed)
        v.hint = why_it_failed(m->error);
    tell_violation(s, &v, &d, named && !v.allowed ? &what : NULL, m->tid);
}

/* Then the kernel has said why it fails, better than we can. */
static bool was_performed(const struct channel_msg *m)
{
    return m->allowed != 0 && m->check >= CHANNEL_CHECK_MODE;
}

static void work(struct session *s, const struct channel_msg *m)
{
    static _Thread_local struct channel_msg answer;
    int err = 0;
    enum hostcheck_answer host = m->uncertain != 0 ? HOSTCHECK_UNKNOWN
                                                   : hostcheck_write(m, &err);

    channel_msg_init(&answer, CHANNEL_ANSWER, m->slot, m->generation);
    answer.error = m->error;
    if (host == HOSTCHECK_WOULD_FAIL && !was_performed(m))
        answer.error = err;
    else if (m->allowed == 0 || host == HOSTCHECK_WOULD_PASS)
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

enum srt_rc refusal_new(struct session *s, struct refusal **ret,
                        struct srt_err *err)
{
    struct refusal *r = srt_xcalloc(1, sizeof(*r));
    int rc;

    r->session = s;
    r->tail = &r->head;
    crew_init(&r->crew, work_round, r, STACK_BYTES);
    vnd_cond_init(&r->work);
    vnd_cond_init(&r->idle);
    /* Before the command, which could use up what a thread needs. */
    rc = crew_start(&r->crew);
    if (rc != 0) {
        free(r);
        return srt_err_sys(err, rc, "a thread that records refusals");
    }
    *ret = r;
    return SRT_OK;
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
    room = r->queued < JOBS_MAX;
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
    if (j == NULL || !enqueue(r, j)) {
        free(j);
        answer_untold(r, m);
    }
}

void refusal_free(struct refusal *r)
{
    const struct timespec until = vnd_in_ms(END_WAIT_MS);
    int err = 0;

    if (r == NULL)
        return;
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
