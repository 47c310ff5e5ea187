#include "launcher/linux/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/num.h"
#include "launcher/linux/annotation.h"
#include "launcher/linux/sockdiag.h"

/* Bounds of one search for a socket's owner. */
#define MAX_PROCESSES 16384u
#define MAX_LOOKS     200000u /* descriptors looked at */

static int open_proc(pid_t id)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/%ld", (long)id);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static size_t read_file(int dir, const char *name, char *out, size_t size)
{
    SRT_AUTO_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? srt_fd_read_all(fd, out, size - 1) : -1;

    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void read_link(int dir, const char *name, char *out, size_t size)
{
    ssize_t n = readlinkat(dir, name, out, size - 1);

    out[n > 0 ? n : 0] = '\0';
}

/* "\nKey:\t1\t2..." -> the numbers, outermost namespace first. */
static size_t status_numbers(const char *status, const char *key, long *out,
                             size_t max)
{
    const char *at = strstr(status, key);
    size_t n = 0;

    if (at == NULL)
        return 0;
    at += strlen(key);
    while (n < max) {
        char *end;

        while (*at == '\t' || *at == ' ')
            at++;
        out[n] = strtol(at, &end, 10);
        if (end == at)
            break;
        at = end;
        n++;
    }
    return n;
}

/* The id in the sandbox's namespace: the one below ours, or ours where there
 * is none (level landlock, tests). */
static pid_t inner_id(const char *status, const char *key)
{
    long ids[2];
    size_t n = status_numbers(status, key, ids, SRT_ARRAY_LEN(ids));

    return n == 0 ? 0 : (pid_t)ids[n - 1];
}

bool process_is_inside(pid_t tid)
{
    SRT_AUTO_FD int dir = open_proc(tid);
    char status[4096];
    long ids[2];

    if (dir < 0)
        return srt_fd_is_lack(errno); /* rather an event too many */
    errno = 0;
    if (read_file(dir, "status", status, sizeof(status)) == 0)
        return srt_fd_is_lack(errno);
    return status_numbers(status, "\nNSpid:", ids, SRT_ARRAY_LEN(ids)) == 2;
}

void process_describe(pid_t tid, struct events_process *ret)
{
    SRT_AUTO_FD int dir = open_proc(tid);
    struct annotation_call call;
    char status[4096];
    long tgid;
    pid_t thread;

    memset(ret, 0, sizeof(*ret));
    ret->host_pid = tid;
    if (dir < 0)
        return;
    (void)read_file(dir, "status", status, sizeof(status));
    if (status_numbers(status, "\nTgid:", &tgid, 1) == 1)
        ret->host_pid = (pid_t)tgid;
    ret->pid = inner_id(status, "\nNStgid:");
    thread = inner_id(status, "\nNSpid:");
    ret->tid = thread != ret->pid ? thread : 0;
    read_link(dir, "exe", ret->exe, sizeof(ret->exe));
    read_link(dir, "cwd", ret->cwd, sizeof(ret->cwd));
    ret->argv_len = read_file(dir, "cmdline", ret->argv, sizeof(ret->argv));
    if (annotation_call(dir, &call))
        annotation_read(dir, tid, &call, ret);
}

/* ---- who owns a socket ---- */

struct search {
    const uint64_t *inodes;
    size_t ninodes;
    pid_t queue[MAX_PROCESSES]; /* processes to look at, breadth first */
    size_t n;
    size_t looks;
};

/* Does this descriptor link ("socket:[INODE]") name one of the sockets? */
static bool is_wanted(const struct search *s, const char *link)
{
    static const char prefix[] = "socket:[";
    uint64_t inode;

    if (strncmp(link, prefix, sizeof(prefix) - 1) != 0)
        return false;
    inode = strtoull(link + sizeof(prefix) - 1, NULL, 10);
    for (size_t i = 0; i < s->ninodes; i++)
        if (s->inodes[i] == inode)
            return true;
    return false;
}

static DIR *open_dir(int at, const char *name)
{
    SRT_AUTO_FD int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

    if (d != NULL)
        (void)srt_fd_take(&fd);
    return d;
}

static bool holds_socket(struct search *s, int proc_dir)
{
    DIR *d = open_dir(proc_dir, "fd");
    bool found = false;

    for (struct dirent *e; !found && d != NULL && s->looks < MAX_LOOKS &&
                           (e = readdir(d)) != NULL;) {
        char link[64];

        s->looks++;
        read_link(dirfd(d), e->d_name, link, sizeof(link));
        found = is_wanted(s, link);
    }
    if (d != NULL)
        (void)closedir(d);
    return found;
}

/* Append the children that one thread's file lists: "12 15 ". */
static void add_children(struct search *s, const char *list)
{
    char *end;

    for (long pid; (pid = strtol(list, &end, 10)) > 0 && end != list;
         list = end)
        if (s->n < MAX_PROCESSES)
            s->queue[s->n++] = (pid_t)pid;
}

static void add_children_of(struct search *s, int proc_dir)
{
    DIR *d = open_dir(proc_dir, "task");

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char name[NAME_MAX + 16];
        char list[16384];

        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof(name), "%s/children", e->d_name);
        (void)read_file(dirfd(d), name, list, sizeof(list));
        add_children(s, list);
    }
    if (d != NULL)
        (void)closedir(d);
}

/* The tree below init, which is the sandbox: orphans become init's. */
static pid_t search_tree(struct search *s, pid_t init_pid)
{
    s->n = 1;
    s->queue[0] = init_pid;
    for (size_t i = 0; i < s->n; i++) {
        SRT_AUTO_FD int dir = open_proc(s->queue[i]);

        if (dir < 0)
            continue;
        if (holds_socket(s, dir))
            return s->queue[i];
        add_children_of(s, dir);
    }
    return 0;
}

/* Every process in init's pid namespace: for kernels without "children", and
 * for what forked while the tree was walked. */
static pid_t search_all(struct search *s, pid_t init_pid)
{
    SRT_AUTO_FD int init_dir = open_proc(init_pid);
    char namespace[64], other[64];
    pid_t found = 0;
    DIR *d;

    if (init_dir < 0)
        return 0;
    read_link(init_dir, "ns/pid", namespace, sizeof(namespace));
    d = opendir("/proc");
    for (struct dirent *e; found == 0 && namespace[0] != '\0' && d != NULL &&
                           (e = readdir(d)) != NULL;) {
        uint64_t pid;
        SRT_AUTO_FD int dir = -1;

        if (!srt_num_u64(e->d_name, INT_MAX, &pid))
            continue;
        dir = open_proc((pid_t)pid);
        if (dir < 0)
            continue;
        read_link(dir, "ns/pid", other, sizeof(other));
        if (strcmp(namespace, other) == 0 && holds_socket(s, dir))
            found = (pid_t)pid;
    }
    if (d != NULL)
        (void)closedir(d);
    return found;
}

pid_t process_by_port(int diag_fd, pid_t init_pid, int family, int proto,
                      uint16_t port)
{
    static struct search s; /* 64 KiB; the main thread's alone */
    uint64_t inodes[SOCKDIAG_MAX];
    pid_t found;

    s.n = 0;
    s.looks = 0;
    s.inodes = inodes;
    s.ninodes = sockdiag_by_port(diag_fd, family, proto, port, inodes);
    if (s.ninodes == 0)
        return 0;
    found = search_tree(&s, init_pid);
    if (found == 0)
        found = search_all(&s, init_pid);
    s.inodes = NULL;
    return found;
}
