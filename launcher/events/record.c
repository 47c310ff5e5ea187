#include "launcher/events/record.h"

#include <string.h>
#include <time.h>

#include "launcher/events/json.h"
#include "launcher/events/names.h"
#include "policy/change.h"

static void add_time(struct srt_buf *b)
{
    struct timespec now;
    struct tm utc;
    char text[32];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    srt_buf_addf(b, ",\"time\":\"%s.%06ldZ\"", text, now.tv_nsec / 1000);
}

static void begin(struct srt_buf *b, struct events_record_head h,
                  const char *type)
{
    srt_buf_addf(b, "{\"v\":1,\"seq\":%llu", (unsigned long long)h.seq);
    add_time(b);
    srt_buf_addf(b, ",\"run\":\"%s\",\"type\":\"%s\"", h.run, type);
}

static void end(struct srt_buf *b)
{
    srt_buf_add_str(b, "}\n");
}

/* Fields that are absent when there is nothing to say. */
static void add_some(struct srt_buf *b, const char *key, const char *s)
{
    if (s != NULL && s[0] != '\0')
        events_json_str(b, key, s);
}

static void add_pid(struct srt_buf *b, const char *key, pid_t pid)
{
    if (pid > 0)
        events_json_num(b, key, (uint64_t)pid);
}

static void add_process(struct srt_buf *b, const struct events_process *p)
{
    add_pid(b, "pid", p->pid);
    add_pid(b, "tid", p->tid);
    add_pid(b, "host_pid", p->host_pid);
    add_some(b, "exe", p->exe);
    if (p->argv_len > 0)
        events_json_words(b, "argv", p->argv, p->argv_len);
    add_some(b, "cwd", p->cwd);
    add_some(b, "caller", p->caller);
}

static void add_verdict(struct srt_buf *b, const struct events_violation *v)
{
    char name[EVENTS_NAMES_ERRNO_MAX];

    events_json_str(b, "class", v->probe ? "probe" : "refused");
    events_json_str(b, "rule", v->rule);
    add_some(b, "reason", v->reason);
    if (v->err != 0)
        events_json_str(b, "errno", events_names_errno(v->err, name));
    if (v->uncertain)
        events_json_bool(b, "certain", false);
    if (v->caller_died)
        events_json_bool(b, "caller_died", true);
    events_json_str(b, "source", events_names_source(v->source));
}

void events_record_violation(struct srt_buf *b, struct events_record_head h,
                             const struct events_violation *v,
                             const struct events_process *p,
                             struct policy_change_log *changes)
{
    SRT_AUTO_BUF struct srt_buf change = {0};

    begin(b, h, v->allowed ? "warning" : "violation");
    if (v->allowed)
        events_json_str(b, "message", EVENTS_ALLOWED_TEXT);
    events_json_str(b, "op", events_names_op(v->op));
    events_json_str(b, "target", v->target);
    add_some(b, "target2", v->target2);
    if (v->requested != NULL && strcmp(v->requested, v->target) != 0)
        add_some(b, "requested", v->requested);
    add_some(b, "address", v->address);
    add_some(b, "call", v->call);
    add_verdict(b, v);
    if (p != NULL)
        add_process(b, p);
    events_json_num(b, "count", 1);
    add_some(b, "hint", v->hint);
    if (v->change != NULL)
        policy_change_print(v->change, changes, &change);
    if (change.len > 0)
        srt_buf_addf(b, ",\"change\":%s", srt_buf_str(&change));
    end(b);
}

void events_record_start(struct srt_buf *b, struct events_record_head h,
                         const struct events_start *st)
{
    begin(b, h, "start");
    srt_buf_addf(b, ",\"policy\":{\"builtin\":%s",
                 st->policy_path == NULL ? "true" : "false");
    add_some(b, "path", st->policy_path);
    add_some(b, "sha256", st->policy_sha256);
    srt_buf_add_char(b, '}');
    add_some(b, "level", st->level);
    events_json_list(b, "layers", st->layers);
    events_json_list(b, "weakenings", st->weakenings);
    events_json_list(b, "silent", st->silent);
    events_json_list(b, "untold", st->untold);
    events_json_list(b, "argv", st->argv);
    add_some(b, "cwd", st->cwd);
    end(b);
}

void events_record_repeat(struct srt_buf *b, struct events_record_head h,
                          uint64_t ref, uint64_t count, bool coarse)
{
    begin(b, h, "repeat");
    events_json_num(b, "ref", ref);
    events_json_num(b, "count", count);
    if (coarse)
        events_json_bool(b, "coarse", true);
    end(b);
}

void events_record_message(struct srt_buf *b, struct events_record_head h,
                           const char *type, const char *message)
{
    begin(b, h, type);
    events_json_str(b, "message", message);
    end(b);
}

void events_record_dropped(struct srt_buf *b, struct events_record_head h,
                           uint64_t count, uint64_t first_lost)
{
    begin(b, h, "dropped");
    events_json_num(b, "count", count);
    events_json_num(b, "first", first_lost);
    events_json_str(b, "reason", "the reader was too slow");
    end(b);
}

void events_record_exit(struct srt_buf *b, struct events_record_head h,
                        int status, const struct events_totals *totals,
                        uint64_t ignored)
{
    begin(b, h, "exit");
    events_json_num(b, "status", (uint64_t)status);
    events_totals_json(totals, b);
    if (ignored > 0)
        events_json_num(b, "ignored", ignored);
    end(b);
}
