/* Sinks: readers that are slow, dead, or never there; where events go. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "launcher/events/dest.h"
#include "launcher/events/sink.h"

static struct events_line line_of(const char *text, uint64_t seq)
{
    return (struct events_line){.text = text,
                                .len = strlen(text),
                                .seq = seq,
                                .rule = "/r",
                                .first = true,
                                .weight = 1};
}

static void test_line_is_there_at_once(void **state)
{
    struct events_line line = line_of("{\"seq\":1}\n", 1);
    char got[64];
    int p[2];
    struct events_sink *s;

    (void)state;
    assert_int_equal(pipe(p), 0);
    assert_int_equal(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
    s = events_sink_new(dup(p[1]), "fd:5", "run");
    events_sink_put(s, &line);
    assert_int_equal(read(p[0], got, sizeof(got)), line.len);
    /* The flags of the user's own description stay what they were. */
    assert_int_equal(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
    events_sink_free(s);
    (void)close(p[0]);
    (void)close(p[1]);
}

struct account {
    uint64_t lines, repeats, dropped, last_seq;
};

static uint64_t number(const cJSON *j, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(j, key);

    return item != NULL ? (uint64_t)item->valuedouble : 0;
}

static void count_line(struct account *a, const char *text)
{
    cJSON *j = cJSON_Parse(text);
    const cJSON *type;

    assert_non_null(j);
    type = cJSON_GetObjectItem(j, "type");
    if (type != NULL && strcmp(type->valuestring, "repeat") == 0) {
        a->repeats += number(j, "count");
        assert_int_equal(number(j, "ref"), 1);
    } else if (type != NULL && strcmp(type->valuestring, "dropped") == 0) {
        a->dropped += number(j, "count");
    } else {
        a->lines++;
    }
    cJSON_Delete(j);
}

static void count_file(FILE *f, struct account *a)
{
    char text[4096];

    while (fgets(text, sizeof(text), f) != NULL)
        count_line(a, text);
}

struct reader {
    int fd;
    struct account a;
};

static void *read_slowly(void *arg)
{
    struct reader *r = arg;
    FILE *f;

    (void)usleep(700000);
    f = fdopen(r->fd, "r");
    count_file(f, &r->a);
    (void)fclose(f);
    return NULL;
}

/* Nobody reads for a while: no put but the first waits, and every event is
 * accounted for in the end: as a line, in a coarse repeat, or dropped. */
static void slow_reader(bool with_rule)
{
    const uint64_t total = 60000;
    struct reader r = {.fd = -1};
    struct events_sink *s;
    pthread_t thread;
    uint64_t began, took;
    int p[2];

    assert_int_equal(pipe(p), 0);
    r.fd = p[0];
    s = events_sink_new(p[1], "fd:5", "run");
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &r), 0);
    began = srt_clock_ms();
    for (uint64_t i = 1; i <= total; i++) {
        char text[128];
        struct events_line line;

        (void)snprintf(text, sizeof(text), "{\"seq\":%llu,\"x\":\"%064d\"}\n",
                       (unsigned long long)i, 0);
        line = line_of(text, i);
        if (!with_rule)
            line.rule = NULL;
        events_sink_put(s, &line);
    }
    took = srt_clock_ms() - began;
    assert_true(took < 600);
    events_sink_end(s, srt_clock_ms() + 5000);
    assert_int_equal(events_sink_lost(s), 0);
    events_sink_free(s);
    (void)pthread_join(thread, NULL);
    assert_int_equal(r.a.lines + r.a.repeats + r.a.dropped, total);
    assert_true(r.a.lines < total);
    assert_int_equal(r.a.repeats > 0, with_rule);
    assert_int_equal(r.a.dropped > 0, !with_rule);
}

static void test_slow_reader_folds_by_rule(void **state)
{
    (void)state;
    slow_reader(true);
}

static void test_slow_reader_drops_and_says_so(void **state)
{
    (void)state;
    slow_reader(false);
}

static void test_a_reader_that_never_reads(void **state)
{
    uint64_t began = srt_clock_ms();
    struct events_sink *s;
    int p[2];

    (void)state;
    assert_int_equal(pipe(p), 0);
    s = events_sink_new(p[1], "fd:5", "run");
    for (uint64_t i = 1; i <= 20000; i++) {
        struct events_line line = line_of("{\"a line\":\"of some bytes\"}\n",
                                          i);

        events_sink_put(s, &line);
    }
    events_sink_end(s, srt_clock_ms() + 200);
    assert_true(srt_clock_ms() - began < 1000);
    assert_true(events_sink_lost(s) > 0);
    events_sink_free(s);
    (void)close(p[0]);
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
    (void)sig;
    signals++;
}

static void test_dead_reader(void **state)
{
    struct events_line line = line_of("{}\n", 1);
    struct events_sink *s;
    int p[2];

    (void)state;
    (void)signal(SIGPIPE, on_signal);
    for (int round = 0; round < 2; round++) {
        if (round == 0)
            assert_int_equal(pipe(p), 0);
        else
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
        s = events_sink_new(p[1], "fd:5", "run");
        (void)close(p[0]);
        events_sink_put(s, &line);
        events_sink_put(s, &line);
        assert_int_equal(events_sink_error(s), EPIPE);
        assert_int_equal(signals, 0);
        events_sink_free(s);
    }
    (void)signal(SIGPIPE, SIG_DFL);
}

static void test_destinations(void **state)
{
    char dir[] = "/tmp/srt-test-XXXXXX";
    char path[64], link[64], unix_path[64], fifo[64];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct srt_err err;
    struct stat st;
    int fd, user_fd, server;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/events", dir);
    (void)snprintf(link, sizeof(link), "%s/link", dir);
    (void)snprintf(unix_path, sizeof(unix_path), "unix:%s/s", dir);
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
    assert_int_equal(events_dest_open(path, &fd, &user_fd, &err), SRT_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(user_fd, -1);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);

    assert_int_equal(symlink(path, link), 0);
    assert_int_not_equal(events_dest_open(link, &user_fd, &user_fd, &err),
                         SRT_OK);
    assert_int_not_equal(events_dest_open(dir, &user_fd, &user_fd, &err),
                         SRT_OK);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_not_equal(events_dest_open(fifo, &user_fd, &user_fd, &err),
                         SRT_OK);
    assert_int_not_equal(events_dest_open("", &user_fd, &user_fd, &err),
                         SRT_OK);
    assert_int_not_equal(events_dest_open("fd:x", &user_fd, &user_fd, &err),
                         SRT_OK);
    assert_int_not_equal(events_dest_open("fd:999", &user_fd, &user_fd, &err),
                         SRT_OK);
    assert_int_not_equal(events_dest_open(unix_path, &user_fd, &user_fd, &err),
                         SRT_OK);

    server = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
    assert_int_equal(bind(server, (const struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(server, 1), 0);
    (void)close(fd);
    assert_int_equal(events_dest_open(unix_path, &fd, &user_fd, &err), SRT_OK);
    (void)close(fd);
    (void)close(server);
    (void)unlink(a.sun_path);
    (void)unlink(link);
    (void)unlink(fifo);
    (void)unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_is_there_at_once),
        cmocka_unit_test(test_slow_reader_folds_by_rule),
        cmocka_unit_test(test_slow_reader_drops_and_says_so),
        cmocka_unit_test(test_a_reader_that_never_reads),
        cmocka_unit_test(test_dead_reader),
        cmocka_unit_test(test_destinations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
