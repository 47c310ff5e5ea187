/* Masks that report, on a real FUSE superblock: every call that can touch a
 * denied path, its errno and its event.  Skipped without /dev/fuse. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "launcher/hostfs.h"
#include "launcher/linux/masks.h"
#include "launcher/linux/masks_parts.h"
#include "policy/compile.h"
#include "vendor/compat.h"

enum call {
    CALL_OPEN,
    CALL_OPEN_RELATIVE, /* with the parent as working directory */
    CALL_OPEN_WRITE,
    CALL_OPEN_PATH,
    CALL_STAT,
    CALL_LSTAT,
    CALL_ACCESS,
    CALL_EXISTS,
    CALL_READLINK,
    CALL_GETXATTR,
    CALL_CHDIR,
    CALL_LIST,
    CALL_EXEC,
    CALL_UNLINK,
};

struct row {
    enum call call;
    const char *path;   /* below the test's directory */
    int err;            /* what the program gets; 0: success */
    const char *op;     /* of the one event; NULL: none */
    const char *target; /* NULL: the path */
    bool probe;
};

#define READ "file-read"

static const struct row rows[] = {
    /* at a masked directory */
    {CALL_STAT, "secret", 0, NULL, NULL, false},
    {CALL_EXISTS, "secret", 0, NULL, NULL, false},
    {CALL_GETXATTR, "secret", ENODATA, NULL, NULL, false},
    {CALL_OPEN_PATH, "secret", 0, NULL, NULL, false},
    {CALL_LIST, "secret", EACCES, READ, NULL, false},
    {CALL_ACCESS, "secret", EACCES, READ, NULL, true},
    {CALL_LIST, "closed", EACCES, READ, NULL, false},
    {CALL_CHDIR, "closed", EACCES, READ, NULL, false},
    /* below it */
    {CALL_OPEN, "secret/key", EACCES, READ, NULL, false},
    {CALL_OPEN_RELATIVE, "secret/run", EACCES, READ, NULL, false},
    {CALL_OPEN_PATH, "secret/key", EACCES, READ, NULL, false},
    {CALL_OPEN, "secret/sub/deep", EACCES, READ, NULL, false},
    {CALL_OPEN, "secret/absent", ENOENT, NULL, NULL, false},
    {CALL_OPEN, "secret/sub/absent", ENOENT, NULL, NULL, false},
    {CALL_OPEN_WRITE, "secret/sub/deep", EACCES, "file-write", NULL, false},
    {CALL_UNLINK, "secret/sub/deep", EACCES, "file-delete", NULL, false},
    {CALL_STAT, "secret/key", EACCES, READ, NULL, true},
    {CALL_LSTAT, "secret/key", EACCES, READ, NULL, true},
    {CALL_STAT, "secret/absent", ENOENT, NULL, NULL, false},
    {CALL_ACCESS, "secret/key", EACCES, READ, NULL, true},
    {CALL_EXISTS, "secret/key", EACCES, READ, NULL, true},
    {CALL_READLINK, "secret/key", EACCES, READ, NULL, true},
    {CALL_GETXATTR, "secret/key", EACCES, READ, NULL, true},
    {CALL_CHDIR, "secret/sub", EACCES, READ, NULL, false},
    {CALL_LIST, "secret/sub", EACCES, READ, NULL, false},
    {CALL_EXEC, "secret/run", EACCES, "exec", NULL, false},
    /* what is revealed in it, and the way there */
    {CALL_OPEN, "secret/open", 0, NULL, NULL, false},
    {CALL_OPEN, "secret/way/far/shown/file", 0, NULL, NULL, false},
    {CALL_LIST, "secret/way/far/shown", 0, NULL, NULL, false},
    {CALL_STAT, "secret/way", 0, NULL, NULL, false},
    {CALL_CHDIR, "secret/way/far", 0, NULL, NULL, false},
    {CALL_LIST, "secret/way", EACCES, READ, NULL, false},
    {CALL_OPEN, "secret/way/key", EACCES, READ, NULL, false},
    /* a masked file */
    {CALL_OPEN, "file", EACCES, READ, NULL, false},
    {CALL_STAT, "file", 0, NULL, NULL, false},
    {CALL_ACCESS, "file", EACCES, READ, NULL, true},
    {CALL_EXEC, "file", EACCES, "exec", NULL, false},
    /* through a link: the target is where it leads */
    {CALL_OPEN, "link/key", EACCES, READ, "secret/key", false},
    /* beside them */
    {CALL_OPEN, "plain", 0, NULL, NULL, false},
};

static char dir[64];

static const char *below(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *out = path[next++ % 4];

    (void)snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
    return out;
}

static int make_file(const char *name, mode_t mode)
{
    int fd = open(below(name), O_CREAT | O_WRONLY, mode);

    return fd < 0 ? -1 : close(fd);
}

static int make_tree(void **state)
{
    static const char *const dirs[] = {
        "secret",         "secret/sub",           "secret/way",
        "secret/way/far", "secret/way/far/shown", "closed"};
    int bad = 0;

    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/srt-test-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    for (size_t i = 0; i < SRT_ARRAY_LEN(dirs); i++)
        bad |= mkdir(below(dirs[i]), 0755);
    bad |= make_file("secret/key", 0644) | make_file("secret/open", 0644);
    bad |= make_file("secret/run", 0755) | make_file("file", 0755);
    bad |= make_file("secret/sub/deep", 0644) | make_file("plain", 0644);
    bad |= make_file("secret/way/key", 0644);
    bad |= make_file("secret/way/far/shown/file", 0644);
    bad |= make_file("secret/zero", 0);
    bad |= symlink("secret", below("link"));
    return bad;
}

/* ---- inside ---- */

static int list(const char *path)
{
    DIR *d = opendir(path);

    if (d == NULL)
        return -1;
    return closedir(d);
}

static int exec_it(const char *path)
{
    char *argv[] = {(char[]){"x"}, NULL};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execv(path, argv);
        _exit(errno);
    }
    (void)waitpid(pid, &status, 0);
    errno = WEXITSTATUS(status);
    return -1;
}

static int open_and_close(const char *path, int flags)
{
    int fd = open(path, flags);

    return fd < 0 ? -1 : close(fd);
}

static int open_relative(const char *path)
{
    char parent[256];
    const char *name = srt_path_split(path, parent, sizeof(parent));
    SRT_AUTO_FD int at = open(parent, O_PATH | O_DIRECTORY);
    int fd = openat(at, name, O_RDONLY);

    return fd < 0 ? -1 : close(fd);
}

static int call_result(const struct row *r)
{
    const char *path = below(r->path);
    char text[64];
    struct stat st;

    switch (r->call) {
    case CALL_OPEN:
        return open_and_close(path, O_RDONLY);
    case CALL_OPEN_RELATIVE:
        return open_relative(path);
    case CALL_OPEN_WRITE:
        return open_and_close(path, O_WRONLY);
    case CALL_OPEN_PATH:
        return open_and_close(path, O_PATH);
    case CALL_STAT:
        return stat(path, &st);
    case CALL_LSTAT:
        return lstat(path, &st);
    case CALL_ACCESS:
        return access(path, R_OK);
    case CALL_EXISTS:
        return access(path, F_OK);
    case CALL_READLINK:
        return readlink(path, text, sizeof(text)) < 0 ? -1 : 0;
    case CALL_GETXATTR:
        return getxattr(path, "user.x", text, sizeof(text)) < 0 ? -1 : 0;
    case CALL_CHDIR:
        return chdir(path);
    case CALL_LIST:
        return list(path);
    case CALL_EXEC:
        return exec_it(path);
    case CALL_UNLINK:
        return unlink(path);
    }
    return -1;
}

/* What the sandbox tells the test: one errno a row. */
static void *storm(void *arg)
{
    for (int i = 0; i < 250; i++)
        (void)open_and_close(arg, O_RDONLY);
    return NULL;
}

static _Noreturn void run_inside(int sock)
{
    pthread_t threads[4];
    char key[256];

    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        int err;

        errno = 0;
        err = call_result(&rows[i]) == 0 ? 0 : errno;
        (void)!chdir("/");
        (void)!write(sock, &err, sizeof(err));
    }
    (void)snprintf(key, sizeof(key), "%s", below("secret/key"));
    for (size_t i = 0; i < SRT_ARRAY_LEN(threads); i++)
        (void)pthread_create(&threads[i], NULL, storm, key);
    for (size_t i = 0; i < SRT_ARRAY_LEN(threads); i++)
        (void)pthread_join(threads[i], NULL);
    _exit(0);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(3);
    (void)close(fd);
}

static void move_child(size_t i, const char *path)
{
    char name[64];
    int tree;

    (void)snprintf(name, sizeof(name), "/dev/shm/%zu", i);
    tree = vnd_open_tree(AT_FDCWD, name, VND_OPEN_TREE_CLONE | O_CLOEXEC);
    if (tree < 0 || vnd_move_mount(tree, "", AT_FDCWD, path,
                                   VND_MOVE_MOUNT_F_EMPTY_PATH) != 0)
        _exit(4);
    (void)close(tree);
}

/* The supervisor's part: mount the superblock, bind the masks, move in what is
 * revealed. */
static void mount_masks(int fuse, const struct plan *p)
{
    int *clones = calloc(p->nregions + 1, sizeof(*clones));
    char number[16];
    int fs, mnt;

    for (size_t i = 0; i < p->nregions; i++)
        clones[i] = p->regions[i].access == PLAN_MASKED
                        ? -1
                        : vnd_open_tree(AT_FDCWD, p->regions[i].path,
                                        VND_OPEN_TREE_CLONE | O_CLOEXEC);
    fs = vnd_fsopen("fuse", VND_FSOPEN_CLOEXEC);
    (void)snprintf(number, sizeof(number), "%d", fuse);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "source", "test", 0);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "fd", number, 0);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "rootmode", "40000", 0);
    (void)snprintf(number, sizeof(number), "%u", getuid());
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "user_id", number, 0);
    (void)snprintf(number, sizeof(number), "%u", getgid());
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_STRING, "group_id", number, 0);
    (void)vnd_fsconfig(fs, VND_FSCONFIG_SET_FLAG, "allow_other", NULL, 0);
    if (vnd_fsconfig(fs, VND_FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        _exit(5);
    mnt = vnd_fsmount(fs, VND_FSMOUNT_CLOEXEC,
                      VND_MOUNT_ATTR_RDONLY | VND_MOUNT_ATTR_NOSUID);
    if (vnd_move_mount(mnt, "", AT_FDCWD, "/dev/shm",
                       VND_MOVE_MOUNT_F_EMPTY_PATH) != 0)
        _exit(6);
    for (size_t i = 0; i < p->nregions; i++)
        if (p->regions[i].access == PLAN_MASKED)
            move_child(i, p->regions[i].path);
        else if (vnd_move_mount(clones[i], "", AT_FDCWD, p->regions[i].path,
                                VND_MOVE_MOUNT_F_EMPTY_PATH) != 0)
            _exit(7);
    free(clones);
}

/* A supervisor of a kind, with the sandbox below it. */
static _Noreturn void run_sandbox(int sock, const struct plan *p)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    char map[64], byte = 0;
    struct stat st;
    int fuse, status = 0;
    pid_t pid;

    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) != 0)
        _exit(77);
    write_file("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof(map), "%u %u 1", uid, uid);
    write_file("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof(map), "%u %u 1", gid, gid);
    write_file("/proc/self/gid_map", map);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        _exit(2);
    fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0)
        _exit(77);
    if (srt_fd_send(sock, "f", 1, &fuse, 1, 0) != 0 ||
        read(sock, &byte, 1) != 1)
        _exit(8);
    mount_masks(fuse, p);
    (void)close(fuse);
    /* The supervisor itself looks: no event. */
    if (stat(below("secret/key"), &st) == 0 || errno != EACCES ||
        open(below("file"), O_RDONLY) >= 0 || errno != EACCES)
        _exit(9);
    pid = fork();
    if (pid == 0)
        run_inside(sock);
    (void)waitpid(pid, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 10);
}

/* ---- outside ---- */

struct all {
    struct policy_settings settings;
    struct policy policy;
    struct plan plan;
    struct session_input in;
    struct session session;
    struct masks *masks;
};

static void compile(struct all *a)
{
    SRT_AUTO_BUF struct srt_buf text = {0}, diags = {0};
    struct policy_host host;
    struct srt_err err;

    srt_buf_addf(&text,
                 "{\"filesystem\":{\"denyRead\":[\"%s/secret\","
                 "\"%s/closed\",\"%s/file\"],\"allowRead\":"
                 "[\"%s/secret/open\",\"%s/secret/way/far/shown\"]}}",
                 dir, dir, dir, dir, dir);
    policy_settings_init(&a->settings);
    assert_int_equal(policy_settings_parse("test", text.data, text.len,
                                           &a->settings, &diags),
                     SRT_OK);
    launcher_hostfs_init(&host, "/", "/");
    assert_int_equal(
        policy_compile(&a->settings, &host, NULL, &a->policy, &diags), SRT_OK);
    assert_int_equal(plan_make(&a->policy, &a->plan, &err), SRT_OK);
    a->in.cwd = "/";
    a->session.in = &a->in;
}

static void release(struct all *a)
{
    plan_release(&a->plan);
    policy_release(&a->policy);
    policy_settings_release(&a->settings);
}

static const char *text_of(const cJSON *j, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(j, key);

    return cJSON_IsString(item) ? item->valuestring : "";
}

/* The next violation of the file, or NULL. */
static cJSON *next_violation(FILE *f)
{
    static char line[1 << 18];

    while (fgets(line, sizeof(line), f) != NULL) {
        cJSON *j = cJSON_Parse(line);

        assert_non_null(j);
        if (strcmp(text_of(j, "type"), "violation") == 0)
            return j;
        cJSON_Delete(j);
    }
    return NULL;
}

static void check_event(const struct row *r, FILE *f)
{
    cJSON *j = next_violation(f);
    const char *target = below(r->target != NULL ? r->target : r->path);

    assert_non_null(j);
    assert_string_equal(text_of(j, "target"), target);
    assert_string_equal(text_of(j, "op"), r->op);
    assert_string_equal(text_of(j, "class"), r->probe ? "probe" : "refused");
    assert_string_equal(text_of(j, "errno"), "EACCES");
    assert_string_equal(text_of(j, "source"), "mask");
    assert_non_null(strstr(text_of(j, "rule"), "/filesystem/denyRead/"));
    if (r->call == CALL_OPEN_RELATIVE)
        assert_string_equal(text_of(j, "requested"), "run");
    assert_true(cJSON_IsNumber(cJSON_GetObjectItem(j, "pid")));
    assert_string_not_equal(text_of(j, "exe"), "");
    cJSON_Delete(j);
}

static double total_of(const char *path)
{
    static char line[1 << 18];
    FILE *f = fopen(path, "r");
    double sum = 0;
    const cJSON *item;
    cJSON *j;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f) != NULL)
        ;
    (void)fclose(f);
    j = cJSON_Parse(line);
    assert_string_equal(text_of(j, "type"), "exit");
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(j, "totals"))
        sum += item->valuedouble;
    cJSON_Delete(j);
    return sum;
}

/* Fold nothing of the rows: each has its own target, op or class, but for what
 * the table repeats. */
static bool is_repeat(size_t i)
{
    for (size_t k = 0; k < i; k++) {
        const char *a = rows[k].target != NULL ? rows[k].target : rows[k].path;
        const char *b = rows[i].target != NULL ? rows[i].target : rows[i].path;

        /* exec is done by a process of its own */
        if (rows[k].op != NULL && strcmp(rows[k].op, rows[i].op) == 0 &&
            rows[k].probe == rows[i].probe && strcmp(a, b) == 0 &&
            rows[i].call != CALL_EXEC)
            return true;
    }
    return false;
}

static void serve(struct all *a, int sock, const char *events)
{
    struct events_options o = {.quiet = true, .err_fd = 2};
    int fds[SRT_FD_PASS_MAX];
    struct srt_err err;
    size_t nfds;
    char byte;

    a->session.policy = &a->policy;
    a->session.plan = &a->plan;
    a->session.events = events_store_new(&o);
    assert_int_equal(events_store_add_sink(a->session.events, events, &err),
                     SRT_OK);
    if (srt_fd_recv(sock, &byte, 1, fds, &nfds, 0) != 1)
        return; /* no /dev/fuse */
    assert_int_equal(nfds, 1);
    assert_int_equal(masks_new(&a->session, fds[0], &a->masks, &err), SRT_OK);
    assert_int_equal(write(sock, "s", 1), 1);
}

static void test_every_call(void **state)
{
    static struct all a;
    char events[256];
    size_t expected = 0;
    int sock[2], status;
    FILE *f;

    (void)state;
    compile(&a);
    (void)snprintf(events, sizeof(events), "%s", below("events"));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock), 0);
    a.session.supervisor = fork();
    if (a.session.supervisor == 0) {
        (void)close(sock[0]);
        run_sandbox(sock[1], &a.plan);
    }
    (void)close(sock[1]);
    serve(&a, sock[0], events);
    for (size_t i = 0; a.masks != NULL && i < SRT_ARRAY_LEN(rows); i++) {
        int err = -1;

        if (read(sock[0], &err, sizeof(err)) != (ssize_t)sizeof(err))
            break;
        if (err != rows[i].err)
            print_error("row %zu, %s: errno %d, want %d\n", i, rows[i].path,
                        err, rows[i].err);
        assert_int_equal(err, rows[i].err);
    }
    (void)waitpid(a.session.supervisor, &status, 0);
    (void)close(sock[0]);
    masks_free(a.masks);
    events_store_finish(a.session.events, 0);
    events_store_free(a.session.events);
    release(&a);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
    f = fopen(events, "r");
    assert_non_null(f);
    for (size_t i = 0; i < SRT_ARRAY_LEN(rows); i++) {
        if (rows[i].op == NULL)
            continue;
        expected++;
        if (!is_repeat(i))
            check_event(&rows[i], f);
    }
    (void)fclose(f);
    /* Every open of four threads is one event more. */
    assert_true(total_of(events) == (double)(expected + 1000));
}

static int remove_tree(void **state)
{
    char command[128];
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        (void)snprintf(command, sizeof(command), "%s", dir);
        (void)execlp("rm", "rm", "-rf", command, (char *)NULL);
        _exit(1);
    }
    return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_call, make_tree,
                                        remove_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
