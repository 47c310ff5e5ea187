/* The store: numbers events, counts them, folds repeats, and hands each line
 * to the sinks before the refusal is answered.  One lock guards all of it. */
#include "launcher/events/store.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "launcher/events/dest.h"
#include "launcher/events/fold.h"
#include "launcher/events/human.h"
#include "launcher/events/kinds.h"
#include "launcher/events/names.h"
#include "launcher/events/people.h"
#include "launcher/events/recent.h"
#include "launcher/events/record.h"
#include "launcher/events/shown.h"
#include "launcher/events/sink.h"
#include "launcher/events/thread.h"
#include "launcher/events/totals.h"
#include "policy/change.h"
#include "vendor/compat.h"

#define MAX_SINKS        16u
#define MESSAGE_BYTES    1024u
#define TICK_MS          100
#define LAST_PATIENCE_MS 1000u

struct events_store {
    pthread_mutex_t lock;
    struct events_options o;
    char run[33];
    uint64_t seq;
    struct events_sink *sinks[MAX_SINKS]; /* owned */
    bool told_dead[MAX_SINKS];
    int user_fds[MAX_SINKS];
    size_t nsinks;
    struct events_people people;
    bool lines; /* a line for each refusal, else a summary at the end */
    struct events_totals totals;
    struct events_fold *fold;
    struct events_kinds allowed; /* and failed all the same */
    struct events_recent recent;
    struct policy_change_log changes;
    uint64_t ignored;
    bool failed; /* an error record was written: no exit record follows */
    bool finished;
    struct srt_buf json, text; /* scratch */
    pthread_t ticker;
    pthread_cond_t wake;
    bool ticking, idle, stop;
};

static void tell_repeat(void *ctx, const struct events_folded *f);

static void make_run_id(char out[33])
{
    unsigned char bytes[16];

    if (getentropy(bytes, sizeof(bytes)) != 0)
        memset(bytes, 0, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

struct events_store *events_store_new(const struct events_options *o)
{
    struct events_store *s = srt_xcalloc(1, sizeof(*s));

    s->o = *o;
    make_run_id(s->run);
    (void)pthread_mutex_init(&s->lock, NULL);
    vnd_cond_init(&s->wake);
    events_people_init(&s->people, o->err_fd, s->run);
    s->lines = !o->quiet && (o->verbose || s->people.terminal);
    events_totals_init(&s->totals);
    s->fold = events_fold_new(tell_repeat, s);
    return s;
}

void events_store_set_image(struct events_store *s,
                            const struct policy_image *image)
{
    s->o.image = image;
}

enum srt_rc events_store_add_sink(struct events_store *s, const char *dest,
                                  struct srt_err *err)
{
    const char *rest;
    int fd, user_fd;
    enum srt_rc rc;

    if (events_dest_kind(dest, &rest) == EVENTS_DEST_PEOPLE) {
        s->lines = true;
        return SRT_OK;
    }
    if (s->nsinks == MAX_SINKS)
        return srt_err_set(err, SRT_E_LIMIT,
                           "--events: more than %u destinations", MAX_SINKS);
    rc = events_dest_open(dest, &fd, &user_fd, err);
    if (rc != SRT_OK)
        return rc;
    s->user_fds[s->nsinks] = user_fd;
    s->sinks[s->nsinks++] = events_sink_new(fd, dest, s->run);
    return SRT_OK;
}

bool events_store_owns_fd(const struct events_store *s, int fd)
{
    for (size_t i = 0; i < s->nsinks; i++)
        if (s->user_fds[i] == fd && fd > 2)
            return true;
    return false;
}

/* ---- under the lock ---- */

static struct events_record_head next_head(struct events_store *s)
{
    srt_buf_clear(&s->json);
    return (struct events_record_head){.seq = ++s->seq, .run = s->run};
}

/* Give s->json to every sink. */
static void put_json(struct events_store *s, const char *rule, bool first,
                     uint64_t weight)
{
    struct events_line line = {.text = srt_buf_str(&s->json),
                               .len = s->json.len,
                               .seq = s->seq,
                               .rule = rule,
                               .first = first,
                               .weight = weight};

    for (size_t i = 0; i < s->nsinks; i++)
        events_sink_put(s->sinks[i], &line);
}

static void put_message(struct events_store *s, const char *type,
                        const char *message)
{
    events_record_message(&s->json, next_head(s), type, message);
    put_json(s, NULL, false, 1);
}

static void show_warning(struct events_store *s, const char *message)
{
    SRT_AUTO_BUF struct srt_buf line = {0};

    srt_buf_add_str(&line, "srt: warning: ");
    events_shown_add(&line, message, strlen(message), 0);
    events_people_line(&s->people, srt_buf_str(&line));
}

static void warn_people(struct events_store *s, const char *message)
{
    if (!s->o.quiet || s->lines)
        show_warning(s, message);
}

/* A sink whose reader is gone is told of once, in the others; and to people,
 * who may have asked for silence, but not for a file with holes. */
static void tell_dead_sinks(struct events_store *s)
{
    char message[MESSAGE_BYTES];
    struct srt_err err;

    for (size_t i = 0; i < s->nsinks; i++) {
        int error = events_sink_error(s->sinks[i]);

        if (error == 0 || s->told_dead[i])
            continue;
        s->told_dead[i] = true;
        (void)srt_err_sys(&err, error, "--events %s",
                          events_sink_name(s->sinks[i]));
        (void)snprintf(message, sizeof(message),
                       "%.900s; it gets no more events", err.msg);
        put_message(s, "warning", message);
        show_warning(s, message);
    }
}

static unsigned how_shown(const struct events_store *s)
{
    return s->people.colour ? (unsigned)EVENTS_HUMAN_COLOUR : 0;
}

static bool shown_to_people(const struct events_store *s, bool probe)
{
    return !probe || s->o.verbose;
}

static void tell_repeat(void *ctx, const struct events_folded *f)
{
    struct events_store *s = ctx;

    events_record_repeat(&s->json, next_head(s), f->seq, f->count, false);
    put_json(s, f->key->rule, false, f->count);
    events_recent_repeat(&s->recent, f->seq, f->count);
    if (!s->lines || !shown_to_people(s, f->key->probe))
        return;
    srt_buf_clear(&s->text);
    events_human_repeat(&s->text, f, how_shown(s));
    events_people_line(&s->people, srt_buf_str(&s->text));
}

static void tell_people(struct events_store *s,
                        const struct events_violation *v, const char *who)
{
    if (!shown_to_people(s, v->probe))
        return;
    if (!v->allowed) {
        srt_buf_clear(&s->text);
        events_human_note(&s->text, v, who);
        events_recent_add(&s->recent, s->seq, srt_buf_str(&s->text));
    }
    if (!s->lines && (!v->allowed || s->o.quiet))
        return;
    srt_buf_clear(&s->text);
    events_human_violation(&s->text, v, who, how_shown(s));
    events_people_line(&s->people, srt_buf_str(&s->text));
}

/* ---- the ticker: ends windows, shows held lines ---- */

static void *run_ticker(void *arg)
{
    struct events_store *s = arg;

    (void)pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        struct timespec until;

        if (events_fold_empty(s->fold) && !events_people_holds(&s->people)) {
            s->idle = true;
            (void)pthread_cond_wait(&s->wake, &s->lock);
            s->idle = false;
            continue;
        }
        until = vnd_in_ms(TICK_MS);
        (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
        if (s->stop)
            break;
        events_fold_expire(s->fold, srt_clock_ms(), false);
        events_people_show(&s->people, false);
        tell_dead_sinks(s);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void keep_ticking(struct events_store *s)
{
    if (!s->ticking && !s->finished)
        s->ticking = events_thread_start(&s->ticker, run_ticker, s) == 0;
    if (s->idle)
        (void)pthread_cond_signal(&s->wake);
}

/* ---- what others call ---- */

void events_store_start(struct events_store *s, const struct events_start *st)
{
    (void)pthread_mutex_lock(&s->lock);
    events_record_start(&s->json, next_head(s), st);
    put_json(s, NULL, false, 1);
    tell_dead_sinks(s);
    (void)pthread_mutex_unlock(&s->lock);
}

static bool is_ignored_name(const struct events_store *s, const char *name)
{
    const char *command = s->o.command != NULL ? s->o.command : "";

    return policy_ignores(s->o.image, command, name) != NULL;
}

/* Of two names any may be the refused one: all that it has must be ignored. */
static bool is_ignored(const struct events_store *s,
                       const struct events_violation *v)
{
    return s->o.image != NULL && !v->allowed && is_ignored_name(s, v->target) &&
           (v->target2 == NULL || is_ignored_name(s, v->target2));
}

/* The first of its kind: a record of its own. */
static void tell_violation(struct events_store *s,
                           const struct events_violation *v,
                           const struct events_process *p,
                           const struct events_fold_key *key)
{
    SRT_AUTO_BUF struct srt_buf who = {0};

    if (p != NULL)
        events_human_who(&who, p);
    events_record_violation(&s->json, next_head(s), v, p, &s->changes);
    put_json(s, v->allowed ? NULL : v->rule, true, 1);
    if (v->allowed)
        events_kinds_begin(&s->allowed, v, s->seq);
    else
        events_fold_begin(s->fold, key, s->seq, srt_buf_str(&who),
                          srt_clock_ms());
    tell_people(s, v, srt_buf_str(&who));
    tell_dead_sinks(s);
    keep_ticking(s);
}

void events_store_violation(struct events_store *s,
                            const struct events_violation *v,
                            const struct events_process *p)
{
    struct events_fold_key key = {.process = p != NULL ? p->host_pid : 0,
                                  .op = v->op,
                                  .probe = v->probe,
                                  .uncertain = v->uncertain,
                                  .target = v->target,
                                  .target2 = v->target2,
                                  .rule = v->rule};

    (void)pthread_mutex_lock(&s->lock);
    if (s->finished) {
        /* The sandbox is gone, and with it whoever was refused. */
    } else if (is_ignored(s, v)) {
        s->ignored++;
    } else if (v->allowed) {
        if (!events_kinds_hit(&s->allowed, v))
            tell_violation(s, v, p, &key);
    } else {
        events_totals_add(&s->totals, v->rule, v->probe, v->uncertain);
        events_fold_expire(s->fold, srt_clock_ms(), false);
        if (!events_fold_hit(s->fold, &key))
            tell_violation(s, v, p, &key);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void events_store_warning(struct events_store *s, const char *fmt, ...)
{
    char message[MESSAGE_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    (void)pthread_mutex_lock(&s->lock);
    put_message(s, "warning", message);
    warn_people(s, message);
    tell_dead_sinks(s);
    if (events_people_holds(&s->people))
        keep_ticking(s);
    (void)pthread_mutex_unlock(&s->lock);
}

void events_store_error(struct events_store *s, const char *message)
{
    (void)pthread_mutex_lock(&s->lock);
    events_fold_expire(s->fold, srt_clock_ms(), true);
    put_message(s, "error", message);
    s->failed = true;
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---- the end ---- */

/* "N by RULE, ..." */
static void add_rules(struct events_store *s)
{
    const char *comma = "";

    for (size_t i = 0; i < s->totals.n && s->text.len < 512; i++) {
        const struct events_count *c = &s->totals.at[i];
        uint64_t n = events_totals_of(c, s->o.verbose);

        if (n == 0)
            continue;
        srt_buf_addf(&s->text, "%s%llu by ", comma, (unsigned long long)n);
        events_shown_add(&s->text, c->rule, strlen(c->rule), 0);
        comma = ", ";
    }
}

static void add_refusals(struct events_store *s, uint64_t sum,
                         const struct events_recent_line *last)
{
    if (sum == last->count) {
        srt_buf_addf(&s->text, "srt: %s", last->text);
        if (sum > 1)
            srt_buf_addf(&s->text, " (%llu times)", (unsigned long long)sum);
    } else {
        srt_buf_addf(&s->text,
                     "srt: denied %llu operations: ", (unsigned long long)sum);
        add_rules(s);
        srt_buf_addf(&s->text, " (-v shows each); last: %s", last->text);
    }
}

/* One line: how many, by which rules, the last one; unless each had a line.
 * Both ways the probes, which nobody saw, are counted. */
static void summarise(struct events_store *s)
{
    uint64_t sum = events_totals_sum(&s->totals, s->o.verbose);
    uint64_t probes = events_totals_sum(&s->totals, true) - sum;
    const struct events_recent_line *last = events_recent_last(&s->recent);

    srt_buf_clear(&s->text);
    if (!s->lines && sum > 0 && last != NULL)
        add_refusals(s, sum, last);
    if (probes > 0)
        srt_buf_addf(&s->text, "%s%llu probe%s (-v shows %s)",
                     s->text.len > 0 ? "; and "
                     : sum > 0       ? "srt: denied also "
                                     : "srt: denied ",
                     (unsigned long long)probes, probes == 1 ? "" : "s",
                     probes == 1 ? "it" : "them");
    if (s->text.len > 0)
        events_people_line(&s->people, srt_buf_str(&s->text));
}

static void annotate(struct events_store *s)
{
    SRT_AUTO_BUF struct srt_buf block = {.max = (size_t)16 << 20};

    events_recent_annotate(&s->recent, &block);
    events_people_show(&s->people, true);
    for (char *line = block.data; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end = '\0';
        events_people_line(&s->people, line);
        line = end != NULL ? end + 1 : NULL;
    }
}

/* How often it happened, of what the policy allows and still failed. */
static void tell_allowed(struct events_store *s)
{
    char message[MESSAGE_BYTES];

    for (size_t i = 0; i < s->allowed.n; i++) {
        const struct events_kind *k = &s->allowed.at[i];

        if (k->more == 0)
            continue;
        events_record_repeat(&s->json, next_head(s), k->seq, k->more, true);
        put_json(s, NULL, false, 1);
        (void)snprintf(message, sizeof(message),
                       EVENTS_ALLOWED_TEXT ": %s, %llu times more (%.900s)",
                       events_names_verb(k->op), (unsigned long long)k->more,
                       k->rule);
        warn_people(s, message);
    }
    if (s->allowed.others == 0)
        return;
    (void)snprintf(message, sizeof(message),
                   EVENTS_ALLOWED_TEXT ": %llu more of other kinds",
                   (unsigned long long)s->allowed.others);
    put_message(s, "warning", message);
    warn_people(s, message);
}

static void stop_ticker(struct events_store *s)
{
    bool ticking;

    (void)pthread_mutex_lock(&s->lock);
    ticking = s->ticking;
    s->ticking = false;
    s->stop = true;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
    if (ticking)
        (void)pthread_join(s->ticker, NULL);
}

static void end_sinks(struct events_store *s)
{
    uint64_t deadline = srt_clock_ms() + LAST_PATIENCE_MS;

    for (size_t i = 0; i < s->nsinks; i++) {
        uint64_t lost;
        char message[MESSAGE_BYTES];

        events_sink_end(s->sinks[i], deadline);
        lost = events_sink_lost(s->sinks[i]);
        if (lost == 0 || s->told_dead[i])
            continue;
        (void)snprintf(message, sizeof(message),
                       "--events %.500s: too slow, or full; %llu lines "
                       "were lost",
                       events_sink_name(s->sinks[i]), (unsigned long long)lost);
        show_warning(s, message);
    }
    events_people_end(&s->people, deadline);
}

void events_store_finish(struct events_store *s, int status)
{
    stop_ticker(s);
    (void)pthread_mutex_lock(&s->lock);
    if (!s->finished) {
        s->finished = true;
        events_fold_expire(s->fold, srt_clock_ms(), true);
        tell_allowed(s);
        if (!s->failed) {
            events_record_exit(&s->json, next_head(s), status, &s->totals,
                               s->ignored);
            put_json(s, NULL, false, 1);
        }
        events_people_show(&s->people, true);
        if (!s->o.quiet)
            summarise(s);
        if (s->o.annotate)
            annotate(s);
        end_sinks(s);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void events_store_free(struct events_store *s)
{
    if (s == NULL)
        return;
    stop_ticker(s);
    for (size_t i = 0; i < s->nsinks; i++)
        events_sink_free(s->sinks[i]);
    events_people_release(&s->people);
    events_fold_free(s->fold);
    events_kinds_release(&s->allowed);
    events_totals_release(&s->totals);
    events_recent_release(&s->recent);
    policy_change_log_release(&s->changes);
    srt_buf_release(&s->json);
    srt_buf_release(&s->text);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->wake);
    free(s);
}
