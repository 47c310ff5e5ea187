/* What the host would have said to a change of what a file is, and to names of
 * which one is the sandbox's own (launcher/linux/hostcheck.h). */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/fs.h>

#include "base/macros.h"
#include "launcher/linux/hostcheck.h"

#define SOMEBODY 65534u
#define STAYS    UINT32_MAX
#define OWN      (STAYS - 1)

static char place[] = "/tmp/srt-test-XXXXXX"; /* with "own", "fifo" */

static void fill(struct channel_msg *m, enum channel_check check,
                 const char *dir, const char *name)
{
    channel_msg_init(m, CHANNEL_REFUSED, 0, 0);
    m->check = (int32_t)check;
    (void)channel_msg_add(m, dir);
    (void)channel_msg_add(m, name);
}

/* "/etc/passwd" is root's, and everyone may read it. */
static const struct {
    enum channel_check check;
    const char *name;
    uint32_t owner, group;
    int flags;
    const char *attribute;
    int user, root; /* errno that each meets */
} changes[] = {
    {CHANNEL_CHECK_MODE, "own", 0, 0, 0, "", 0, 0},
    {CHANNEL_CHECK_MODE, "absent", 0, 0, 0, "", ENOENT, ENOENT},
    {CHANNEL_CHECK_MODE, "/etc/passwd", 0, 0, 0, "", EPERM, 0},
    {CHANNEL_CHECK_OWNER, "own", STAYS, STAYS, 0, "", 0, 0},
    {CHANNEL_CHECK_OWNER, "own", OWN, OWN, 0, "", 0, 0},
    {CHANNEL_CHECK_OWNER, "own", 12345, STAYS, 0, "", EPERM, 0},
    {CHANNEL_CHECK_OWNER, "own", STAYS, 12345, 0, "", EPERM, 0},
    {CHANNEL_CHECK_OWNER, "/etc/passwd", STAYS, STAYS, 0, "", 0, 0},
    {CHANNEL_CHECK_OWNER, "/etc/passwd", OWN, STAYS, 0, "", EPERM, 0},
    {CHANNEL_CHECK_OWNER, "/etc/passwd", STAYS, OWN, 0, "", EPERM, 0},
    {CHANNEL_CHECK_TIMES, "own", 0, 0, 1, "", 0, 0},
    {CHANNEL_CHECK_TIMES, "own", 0, 0, 0, "", 0, 0},
    {CHANNEL_CHECK_TIMES, "/etc/passwd", 0, 0, 1, "", EPERM, 0},
    {CHANNEL_CHECK_TIMES, "/etc/passwd", 0, 0, 0, "", EACCES, 0},
    {CHANNEL_CHECK_FLAGS, "own", 0, 0, 0, "", 0, 0},
    {CHANNEL_CHECK_FLAGS, "own", 0, 0, FS_IMMUTABLE_FL, "", EPERM, 0},
    {CHANNEL_CHECK_FLAGS, "/etc/passwd", 0, 0, 0, "", EPERM, 0},
    {CHANNEL_CHECK_XATTR, "own", 0, 0, 0, "user.x", 0, 0},
    {CHANNEL_CHECK_XATTR, "fifo", 0, 0, 0, "user.x", EPERM, EPERM},
    {CHANNEL_CHECK_XATTR, "/etc/passwd", 0, 0, 0, "user.x", EACCES, 0},
    {CHANNEL_CHECK_XATTR, "own", 0, 0, 0, "trusted.x", EPERM, 0},
    {CHANNEL_CHECK_XATTR, "own", 0, 0, 0, "security.x", EPERM, 0},
    {CHANNEL_CHECK_XATTR, "own", 0, 0, 0, "security.capability", EPERM, 0},
    {CHANNEL_CHECK_XATTR, "own", 0, 0, 0, "system.posix_acl_access", 0, 0},
    {CHANNEL_CHECK_XATTR, "own", 0, 0, 0, "none.x", EOPNOTSUPP, EOPNOTSUPP},
    {CHANNEL_CHECK_XATTR, "absent", 0, 0, 0, "user.x", ENOENT, ENOENT},
};

/* How many rows differ for whoever we are now. */
static int run_changes(void)
{
    static struct channel_msg m;
    int wrong = 0;

    for (size_t i = 0; i < SRT_ARRAY_LEN(changes); i++) {
        const bool ours = changes[i].name[0] != '/';
        const int want = geteuid() == 0 ? changes[i].root : changes[i].user;
        int err = 0;

        fill(&m, changes[i].check, ours ? place : "/etc",
             ours ? changes[i].name : "passwd");
        m.owner = changes[i].owner == OWN ? geteuid() : changes[i].owner;
        m.group = changes[i].group == OWN ? getegid() : changes[i].group;
        m.flags = changes[i].flags;
        (void)channel_msg_add(&m, "");
        (void)channel_msg_add(&m, changes[i].attribute);
        if (hostcheck_write(&m, &err) !=
                (want == 0 ? HOSTCHECK_WOULD_PASS : HOSTCHECK_WOULD_FAIL) ||
            err != want) {
            print_error("row %zu as %u: %d, want %d\n", i, geteuid(), err,
                        want);
            wrong++;
        }
    }
    return wrong;
}

static void make_place(uid_t owner)
{
    char path[64];

    assert_non_null(mkdtemp(place));
    assert_int_equal(chmod(place, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/own", place);
    assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0644)), 0);
    assert_int_equal(chown(path, owner, owner), 0);
    (void)snprintf(path, sizeof(path), "%s/fifo", place);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_int_equal(chown(path, owner, owner), 0);
}

static void remove_place(void)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/own", place);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/fifo", place);
    (void)unlink(path);
    (void)rmdir(place);
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
}

static void test_changes_as_this_user(void **state)
{
    (void)state;
    make_place(geteuid());
    assert_int_equal(run_changes(), 0);
    remove_place();
}

/* In a sticky directory of another, and of a file that is another's: run as
 * somebody.  How many answers are wrong. */
static int run_others(void)
{
    static struct channel_msg m;

    static const struct {
        enum channel_check check;
        const char *dir, *name, *second; /* second: in `place` */
        int err;
    } rows[] = {
        {CHANNEL_CHECK_REMOVE, "sticky", "theirs", NULL, EPERM},
        {CHANNEL_CHECK_REMOVE, "sticky", "own", NULL, 0},
        {CHANNEL_CHECK_REMOVE, "open", "theirs", NULL, 0},
        {CHANNEL_CHECK_RENAME, "sticky", "theirs", "new", EPERM},
        {CHANNEL_CHECK_RENAME, "sticky", "own", "new", 0},
        {CHANNEL_CHECK_RENAME, "open", "dir", "new", EACCES},
        {CHANNEL_CHECK_LINK, "open", "theirs", "new", EPERM},
        {CHANNEL_CHECK_LINK, "sticky", "own", "new", 0},
    };

    int wrong = 0;

    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        char dir[64];
        int err = 0;

        (void)snprintf(dir, sizeof(dir), "%s/%s", place, rows[i].dir);
        fill(&m, rows[i].check, dir, rows[i].name);
        if (rows[i].second != NULL) {
            (void)channel_msg_add(&m, place);
            (void)channel_msg_add(&m, rows[i].second);
        }
        (void)hostcheck_write(&m, &err);
        if (err != rows[i].err) {
            print_error("row %zu: %d, want %d\n", i, err, rows[i].err);
            wrong++;
        }
    }
    return wrong;
}

/* What is made in `place`; `own` is somebody's, the rest root's. */
static const struct {
    const char *name;
    mode_t mode;
    bool dir, own;
} others[] = {
    {"sticky", 01777, true, false},    {"open", 0777, true, false},
    {"open/dir", 0755, true, false},   {"sticky/theirs", 0644, false, false},
    {"sticky/own", 0644, false, true}, {"open/theirs", 0644, false, false},
};

static void make_others(void)
{
    char path[64];

    assert_non_null(mkdtemp(place));
    assert_int_equal(chmod(place, 0777), 0);
    for (size_t i = 0; i < SRT_ARRAY_LEN(others); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", place, others[i].name);
        if (others[i].dir)
            assert_int_equal(mkdir(path, 0700), 0);
        else
            assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
        assert_int_equal(chmod(path, others[i].mode), 0);
        if (others[i].own)
            assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
    }
}

static void remove_others(void)
{
    char path[64];

    for (size_t i = SRT_ARRAY_LEN(others); i-- > 0;) {
        (void)snprintf(path, sizeof(path), "%s/%s", place, others[i].name);
        (void)remove(path);
    }
    (void)rmdir(place);
    memcpy(place + strlen(place) - 6, "XXXXXX", 6);
}

/* The exit status of fn() as somebody, 0 when nothing is wrong. */
static int as_somebody(int (*fn)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0)
        _exit(setgroups(0, NULL) == 0 &&
                      setresgid(SOMEBODY, SOMEBODY, SOMEBODY) == 0 &&
                      setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0
                  ? fn()
                  : 125);
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

static void test_what_is_anothers(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return; /* who is not root cannot make it */
    make_others();
    assert_int_equal(as_somebody(run_others), 0);
    remove_others();
}

static void test_changes_as_somebody(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return; /* the other test was it */
    make_place(SOMEBODY);
    assert_int_equal(as_somebody(run_changes), 0);
    remove_place();
}

/* Of what is only inside, the host can say nothing; but what the second name
 * fails for is so whatever comes to it. */
static void test_own_places(void **state)
{
    static struct channel_msg m;
    static const struct channel_place inside = {1, 2};

    static const struct {
        enum channel_check check;
        const char *second;
        int flags; /* 1: RENAME_NOREPLACE */
        enum hostcheck_answer answer;
        int err;
    } rows[] = {
        {CHANNEL_CHECK_RENAME, "own", 1, HOSTCHECK_WOULD_FAIL, EEXIST},
        {CHANNEL_CHECK_RENAME, "own", 0, HOSTCHECK_UNKNOWN, 0},
        {CHANNEL_CHECK_RENAME, "absent", 1, HOSTCHECK_UNKNOWN, 0},
        {CHANNEL_CHECK_LINK, "own", 0, HOSTCHECK_WOULD_FAIL, EEXIST},
        {CHANNEL_CHECK_LINK, "absent", 0, HOSTCHECK_UNKNOWN, 0},
    };

    int err = 0;

    (void)state;
    make_place(geteuid());
    for (size_t i = 0; i < 2 * SRT_ARRAY_LEN(rows); i++) {
        const size_t k = i / 2;

        /* Not there at all, or another object of that name. */
        fill(&m, rows[k].check, i % 2 == 0 ? "/no/such/place" : "/tmp", "x");
        (void)channel_msg_add(&m, place);
        (void)channel_msg_add(&m, rows[k].second);
        m.flags = rows[k].flags;
        m.parent = inside;
        err = 0;
        assert_int_equal(hostcheck_write(&m, &err), rows[k].answer);
        assert_int_equal(err, rows[k].err);
    }
    fill(&m, CHANNEL_CHECK_CREATE, "/no/such/place", "x");
    m.parent = inside;
    assert_int_equal(hostcheck_write(&m, &err), HOSTCHECK_UNKNOWN);
    m.parent = (struct channel_place){0, 0}; /* behind a mask */
    assert_int_equal(hostcheck_write(&m, &err), HOSTCHECK_WOULD_FAIL);
    assert_int_equal(err, ENOENT);
    remove_place();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_as_this_user),
        cmocka_unit_test(test_changes_as_somebody),
        cmocka_unit_test(test_what_is_anothers),
        cmocka_unit_test(test_own_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
