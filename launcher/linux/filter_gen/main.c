/*
 * srt-filter-gen FILE: turns the table of filter_table.c into BPF programs, by
 * libseccomp, while srt is built (at run time it would cost 3 ms a start), and
 * writes them as C.
 *
 * The default action is to notify: a call whose arguments fit no rule goes to
 * the supervisor, which refuses it (libseccomp has no "every other value").
 * Numbers that the table does not know are ENOSYS.
 */
#include "launcher/linux/filter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/macros.h"

/* Numbers above are ENOSYS by one comparison, those below one by one. */
#define LAST_NUMBER 511

/* Linux 6.18's arguments of `int` are read as 32 bits, and the filter sees 64:
 * every comparison is on the low half. */
#define LOW32 0xffffffffu

struct builder {
    scmp_filter_ctx ctx;
    const struct filter_options *options;
    struct srt_err *err;
    uint32_t notify; /* SCMP_ACT_NOTIFY, or an errno without a listener */
};

static enum srt_rc add(struct builder *b, uint32_t action, const char *name,
                       const struct scmp_arg_cmp *cmp, unsigned n)
{
    int nr = seccomp_syscall_resolve_name(name);
    int rc;

    /* Not on this processor, or newer than this libseccomp: then the number
     * is one of those that are ENOSYS. */
    if (nr < 0)
        return SRT_OK;
    rc = seccomp_rule_add_array(b->ctx, action, nr, n, cmp);
    if (rc == -EACCES) /* the same as the default action: nothing to add */
        return SRT_OK;
    if (rc < 0)
        return srt_err_sys(b->err, -rc, "seccomp: rule for '%s'", name);
    return SRT_OK;
}

static struct scmp_arg_cmp low32(unsigned arg, uint32_t mask, uint32_t value)
{
    return (struct scmp_arg_cmp){.arg = arg,
                                 .op = SCMP_CMP_MASKED_EQ,
                                 .datum_a = mask,
                                 .datum_b = value};
}

/* ---- rules that look at arguments: one row each ---- */

/* Allow `name` where all of up to three masked arguments are equal. */
struct args_rule {
    const char *name;

    struct {
        int arg; /* -1: none */
        uint32_t mask, value;
    } when[3];
};

#define NONE                                                                   \
 {                                                                             \
  -1, 0, 0                                                                     \
 }
#define WRITES (O_ACCMODE | O_CREAT | O_TRUNC)
#define NEW_NAMESPACES                                                         \
 (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |   \
  CLONE_NEWUTS | CLONE_NEWCGROUP)
#define TYPE 0xfu /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
#ifndef MSG_FASTOPEN
# define MSG_FASTOPEN 0x20000000
#endif
#define INET(family)                                                           \
 {"socket", {{0, LOW32, family}, {1, TYPE, SOCK_STREAM}, {2, LOW32, 0}}},      \
     {"socket", {{0, LOW32, family}, {1, TYPE, SOCK_STREAM}, {2, LOW32, 6}}},  \
     {"socket", {{0, LOW32, family}, {1, TYPE, SOCK_DGRAM}, {2, LOW32, 0}}},   \
 {                                                                             \
  "socket",                                                                    \
  {                                                                            \
   {0, LOW32, family}, {1, TYPE, SOCK_DGRAM},                                  \
   {                                                                           \
    2, LOW32, 17                                                               \
   }                                                                           \
  }                                                                            \
 }

static const struct args_rule allowed[] = {
    {"clone", {{0, NEW_NAMESPACES, 0}, NONE, NONE}},
    {"unshare", {{0, NEW_NAMESPACES, 0}, NONE, NONE}},
    /* A process group has members outside. */
    {"setpriority", {{0, LOW32, PRIO_PROCESS}, NONE, NONE}},
    {"setpriority", {{0, LOW32, PRIO_USER}, NONE, NONE}},
    {"ioprio_set", {{0, LOW32, IOPRIO_WHO_PROCESS}, NONE, NONE}},
    {"ioprio_set", {{0, LOW32, IOPRIO_WHO_USER}, NONE, NONE}},
    {"sendto", {{3, MSG_FASTOPEN, 0}, NONE, NONE}},
    {"sendmsg", {{2, MSG_FASTOPEN, 0}, NONE, NONE}},
    {"sendmmsg", {{3, MSG_FASTOPEN, 0}, NONE, NONE}},
    INET(AF_INET),
    INET(AF_INET6),
    /* A datagram socket could be pointed at any path by sendto. */
    {"socket", {{0, LOW32, AF_UNIX}, {1, TYPE, SOCK_STREAM}, NONE}},
    {"socket", {{0, LOW32, AF_UNIX}, {1, TYPE, SOCK_SEQPACKET}, NONE}},
    {"socketpair", {{0, LOW32, AF_UNIX}, {1, TYPE, SOCK_STREAM}, NONE}},
    {"socketpair", {{0, LOW32, AF_UNIX}, {1, TYPE, SOCK_SEQPACKET}, NONE}},
    {"socket", {{0, LOW32, AF_NETLINK}, {2, LOW32, 0 /* ROUTE */}, NONE}},
};

static enum srt_rc add_allowed(struct builder *b)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(allowed); i++) {
        const struct args_rule *r = &allowed[i];
        struct scmp_arg_cmp cmp[3];
        unsigned n = 0;
        enum srt_rc rc;

        /* Nobody is there to judge a path: no Unix sockets but pairs. */
        if (!b->options->listener && strcmp(r->name, "socket") == 0 &&
            r->when[0].value == AF_UNIX)
            continue;
        for (size_t k = 0; k < 3 && r->when[k].arg >= 0; k++)
            cmp[n++] = low32((unsigned)r->when[k].arg, r->when[k].mask,
                             r->when[k].value);
        rc = add(b, SCMP_ACT_ALLOW, r->name, cmp, n);
        if (rc != SRT_OK)
            return rc;
    }
    return SRT_OK;
}

/* Opens without any of the writing bits are allowed; the rest is notified by
 * default.  Without a listener mounts and Landlock decide. */
static enum srt_rc add_opens(struct builder *b)
{
    const struct scmp_arg_cmp open_reads = low32(1, WRITES, 0);
    const struct scmp_arg_cmp openat_reads = low32(2, WRITES, 0);
    enum srt_rc rc;

    if (!b->options->listener) {
        rc = add(b, SCMP_ACT_ALLOW, "open", NULL, 0);
        return rc != SRT_OK ? rc : add(b, SCMP_ACT_ALLOW, "openat", NULL, 0);
    }
    if (b->options->notify_reads)
        return SRT_OK;
    rc = add(b, SCMP_ACT_ALLOW, "open", &open_reads, 1);
    return rc != SRT_OK ? rc
                        : add(b, SCMP_ACT_ALLOW, "openat", &openat_reads, 1);
}

static enum srt_rc add_rows(struct builder *b)
{
    size_t n;
    const struct filter_row *rows = filter_rows(&n);

    for (size_t i = 0; i < n; i++) {
        bool stays = !b->options->listener && rows[i].action != FILTER_REFUSE;
        uint32_t action = b->notify;
        enum srt_rc rc;

        if (rows[i].action == FILTER_ARGS)
            continue;
        if (rows[i].action == FILTER_ENOSYS)
            action = SCMP_ACT_ERRNO(ENOSYS);
        else if (rows[i].action == FILTER_ALLOW || stays)
            action = SCMP_ACT_ALLOW; /* mounts, Landlock, the empty network */
        rc = add(b, action, rows[i].name, NULL, 0);
        if (rc != SRT_OK)
            return rc;
    }
    return SRT_OK;
}

static enum srt_rc add_unknown(struct builder *b)
{
    for (int nr = 0; nr <= LAST_NUMBER; nr++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
        const char *known = name;
        size_t n;
        const struct filter_row *rows = filter_rows(&n);
        size_t i = 0;
        int rc = 0;

        while (known != NULL && i < n && strcmp(rows[i].name, known) != 0)
            i++;
        if (known == NULL || i == n)
            rc = seccomp_rule_add(b->ctx, SCMP_ACT_ERRNO(ENOSYS), nr, 0);
        free(name);
        if (rc < 0)
            return srt_err_sys(b->err, -rc, "seccomp: number %d", nr);
    }
    return SRT_OK;
}

/* Jump to a place that is known when all is written. */
static struct sock_filter jump(uint32_t value, size_t to, size_t from)
{
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value,
                                        (uint8_t)(to - from - 1), 0);
}

/*
 * In front of libseccomp's program: numbers above the newest known (x32's are
 * among them) are ENOSYS, and ioctl is allowed but for a few requests and one
 * type of them, compared on the 32 bits that the kernel reads.  libseccomp
 * cannot say "all but", and compares `!=` on 64 bits.
 *
 * Type 'f' is the file systems' own (ext4 and its kin): several of its requests
 * change a file by a descriptor that is open for reading.  Those that only look
 * are allowed.
 */
static size_t prefix(const struct builder *b, struct sock_filter *out)
{
    enum { HEAD = 7, TYPE_SHIFT = 8, TYPE_MASK = 0xff };

    static const uint32_t harmless[] = {(uint32_t)FS_IOC_GETFLAGS,
                                        (uint32_t)FS_IOC32_GETFLAGS,
                                        (uint32_t)FS_IOC_FIEMAP};
    static const uint32_t requests[] = {TIOCSTI, TIOCLINUX, TIOCSETD,
                                        (uint32_t)FS_IOC_FSSETXATTR,
                                        (uint32_t)FS_IOC_SETVERSION};
    const size_t allow = HEAD + SRT_ARRAY_LEN(harmless) +
                         SRT_ARRAY_LEN(requests) + 3;
    const uint32_t notify = b->options->listener ? SECCOMP_RET_USER_NOTIF
                                                 : SECCOMP_RET_ERRNO | EPERM;
    size_t k = 0;

#define AT(field) ((uint32_t)offsetof(struct seccomp_data, field))
#if defined(__x86_64__)
    const uint32_t arch = AUDIT_ARCH_X86_64;
#else
    const uint32_t arch = AUDIT_ARCH_AARCH64;
#endif
    out[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(arch));
    out[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0,
                                            (uint8_t)(allow + 2 - 2));
    out[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(nr));
    out[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K,
                                            LAST_NUMBER, 0, 1);
    out[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
                                            SECCOMP_RET_ERRNO | ENOSYS);
    out[k++] = (struct sock_filter)BPF_JUMP(
        BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, (uint8_t)(allow + 2 - 6));
    out[k++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                            AT(args[1]));
    for (size_t i = 0; i < SRT_ARRAY_LEN(harmless); i++, k++)
        out[k] = jump(harmless[i], allow, k);
    for (size_t i = 0; i < SRT_ARRAY_LEN(requests); i++, k++)
        out[k] = jump(requests[i], allow + 1, k);
    out[k++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_RSH | BPF_K,
                                            TYPE_SHIFT);
    out[k++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
                                            TYPE_MASK);
    out[k] = jump('f', allow + 1, k);
    k++;
    assert(k == allow);
    out[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    out[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, notify);
    return k;
}

static enum srt_rc fill(struct builder *b)
{
    enum srt_rc rc = add_rows(b);

    if (rc == SRT_OK)
        rc = add_allowed(b);
    if (rc == SRT_OK)
        rc = add_opens(b);
    if (rc == SRT_OK)
        rc = add_unknown(b);
    return rc;
}

/* The program's text as C, an array called `name`. */
static enum srt_rc print_program(const char *name,
                                 const struct filter_options *o, FILE *out,
                                 struct srt_err *err)
{
    struct builder b = {.options = o, .err = err};
    static struct sock_filter program[4096];
    FILE *raw = tmpfile();
    size_t n;
    enum srt_rc rc;

    b.notify = o->listener ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(EPERM);
    b.ctx = seccomp_init(b.notify);
    if (b.ctx == NULL || raw == NULL)
        return srt_err_set(err, SRT_E_UNSUP, "seccomp_init");
    (void)seccomp_attr_set(b.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(b.ctx, SCMP_FLTATR_ACT_BADARCH,
                           SCMP_ACT_ERRNO(ENOSYS));
    rc = fill(&b);
    if (rc == SRT_OK && seccomp_export_bpf(b.ctx, fileno(raw)) != 0)
        rc = srt_err_set(err, SRT_E_SYS, "seccomp_export_bpf");
    seccomp_release(b.ctx);
    if (rc != SRT_OK)
        return rc;
    n = prefix(&b, program);
    rewind(raw);
    n += fread(program + n, sizeof(program[0]), SRT_ARRAY_LEN(program) - n,
               raw);
    (void)fclose(raw);
    (void)fprintf(out, "static const struct sock_filter %s[] = {\n", name);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(out, "    {0x%x, %u, %u, 0x%x},\n", program[i].code,
                      program[i].jt, program[i].jf, program[i].k);
    (void)fprintf(out, "};\n\n");
    return SRT_OK;
}

static void print_numbers(FILE *out)
{
    size_t n;
    const struct filter_row *rows = filter_rows(&n);

    (void)fprintf(out, "static const int row_numbers[] = {\n");
    for (size_t i = 0; i < n; i++)
        (void)fprintf(out, "    %d, /* %s */\n",
                      seccomp_syscall_resolve_name(rows[i].name), rows[i].name);
    (void)fprintf(out, "};\n");
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        struct filter_options options;
    } programs[] = {
        {"program_full", {.listener = true}},
        {"program_full_reads", {.listener = true, .notify_reads = true}},
        {"program_preload", {.listener = false}},
    };
    struct srt_err err;
    FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;

    if (out == NULL) {
        (void)fprintf(stderr, "usage: srt-filter-gen FILE\n");
        return 2;
    }
    (void)fprintf(out,
                  "/* Made by srt-filter-gen; not in the repository. */\n");
    for (size_t i = 0; i < SRT_ARRAY_LEN(programs); i++)
        if (print_program(programs[i].name, &programs[i].options, out, &err) !=
            SRT_OK) {
            (void)fprintf(stderr, "srt-filter-gen: %s\n", err.msg);
            return 1;
        }
    print_numbers(out);
    return fclose(out) == 0 ? 0 : 1;
}
