#include "launcher/linux/annotation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/macros.h"
#include "shim/note.h"

/* /proc/TID/maps is read this far; a program can have 65 530 mappings. */
#define MAPS_MAX_BYTES ((size_t)1 << 20)
#define PAGE_BYTES     4096u

static uint64_t run_magic;

void annotation_set_run(uint64_t run)
{
    run_magic = run;
}

/* The next hexadecimal number of the text, "0x" or not. */
static bool take_hex(const char **at, uint64_t *ret)
{
    char *end;

    while (**at == ' ')
        (*at)++;
    errno = 0;
    *ret = strtoull(*at, &end, 16);
    if (end == *at || errno != 0)
        return false;
    *at = end;
    return true;
}

bool annotation_call(int proc_dir, struct annotation_call *ret)
{
    SRT_AUTO_FD int fd = openat(proc_dir, "syscall", O_RDONLY | O_CLOEXEC);
    char text[256];
    const char *at = text;
    char *end;
    ssize_t n;

    if (fd < 0)
        return false;
    n = read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    ret->nr = strtol(text, &end, 10);
    if (end == text || ret->nr < 0)
        return false; /* "running", or blocked outside a call */
    at = end;
    for (size_t i = 0; i < SRT_ARRAY_LEN(ret->args); i++)
        if (!take_hex(&at, &ret->args[i]))
            return false;
    return take_hex(&at, &ret->sp);
}

/* Read up to len bytes, each page on its own so that an unmapped one costs
 * only what lies behind it.  Returns the bytes read from the start. */
static size_t read_memory(pid_t tid, uint64_t address, void *out, size_t len)
{
    size_t done = 0;

    while (done < len) {
        size_t piece = PAGE_BYTES - (size_t)((address + done) % PAGE_BYTES);
        struct iovec local = {.iov_base = (char *)out + done};
        struct iovec remote = {.iov_base = (void *)(uintptr_t)(address + done)};
        ssize_t n;

        if (piece > len - done)
            piece = len - done;
        local.iov_len = remote.iov_len = piece;
        n = process_vm_readv(tid, &local, 1, &remote, 1, 0);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

void annotation_string(pid_t tid, uint64_t address, char *out, size_t size)
{
    size_t n = address != 0 ? read_memory(tid, address, out, size - 1) : 0;

    out[n] = '\0';
}

static bool find_note(pid_t tid, uint64_t sp, struct shim_note *ret)
{
    static _Thread_local uint64_t stack[SHIM_NOTE_WINDOW_BYTES / 8];
    size_t n;

    sp &= ~UINT64_C(7);
    n = read_memory(tid, sp, stack, sizeof(stack)) / 8;
    for (size_t i = 0; i + sizeof(*ret) / 8 <= n; i++)
        if (stack[i] == SHIM_NOTE_MAGIC && stack[i + 1] == run_magic) {
            memcpy(ret, &stack[i], sizeof(*ret));
            return true;
        }
    return false;
}

struct module {
    char path[512]; /* of the mapping, "" for an anonymous one */
    uint64_t base;  /* where the file's first mapping begins */
};

/* One line of maps: "start-end perms offset dev inode   path".  True when it
 * holds the address; *m follows the file that the lines belong to. */
static bool maps_line(const char *line, uint64_t address, struct module *m)
{
    uint64_t start, end, offset;
    const char *at = line;
    const char *path;

    if (!take_hex(&at, &start) || *at++ != '-' || !take_hex(&at, &end))
        return false;
    at = strchr(at + (*at == ' '), ' '); /* behind the permissions */
    if (at == NULL || !take_hex(&at, &offset))
        return false;
    path = strchr(at, '/');
    if (path == NULL)
        path = "";
    if (strcmp(path, m->path) != 0 || offset == 0) {
        (void)snprintf(m->path, sizeof(m->path), "%s", path);
        m->base = start;
    }
    return address >= start && address < end;
}

static bool find_module(int proc_dir, uint64_t address, struct module *ret)
{
    SRT_AUTO_FD int fd = openat(proc_dir, "maps", O_RDONLY | O_CLOEXEC);
    char text[8192];
    size_t have = 0, total = 0;

    *ret = (struct module){.base = 0};
    while (fd >= 0 && total < MAPS_MAX_BYTES) {
        ssize_t n = read(fd, text + have, sizeof(text) - 1 - have);
        char *line = text;
        char *end;

        if (n <= 0)
            break;
        total += (size_t)n;
        have += (size_t)n;
        text[have] = '\0';
        while ((end = strchr(line, '\n')) != NULL) {
            *end = '\0';
            if (maps_line(line, address, ret))
                return true;
            line = end + 1;
        }
        have -= (size_t)(line - text);
        if (have == sizeof(text) - 1)
            break; /* no line is this long */
        memmove(text, line, have);
    }
    return false;
}

void annotation_read(int proc_dir, pid_t tid, const struct annotation_call *c,
                     struct events_process *ret)
{
    struct shim_note note;
    struct module m;

    if (run_magic == 0 || !find_note(tid, c->sp, &note))
        return;
    if (!find_module(proc_dir, note.caller, &m))
        return;
    if (m.path[0] != '\0')
        (void)snprintf(ret->caller, sizeof(ret->caller), "%.230s+0x%" PRIx64,
                       m.path, note.caller - m.base);
    else
        (void)snprintf(ret->caller, sizeof(ret->caller), "anonymous+0x%" PRIx64,
                       note.caller);
}
