#include "launcher/linux/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/fd.h"

/* Arguments and environment together; Linux allows less in one execve(2). */
#define CONFIG_MAX_BYTES ((size_t)64 << 20)

static void align(struct srt_buf *b)
{
    while (b->len % 8 != 0)
        srt_buf_add_char(b, '\0');
}

static uint32_t put(struct srt_buf *b, const void *bytes, size_t len)
{
    uint32_t at;

    align(b);
    at = (uint32_t)b->len;
    srt_buf_add(b, bytes, len);
    return at;
}

static uint32_t put_text(struct srt_buf *b, const char *s)
{
    uint32_t at = (uint32_t)b->len;

    srt_buf_add(b, s, strlen(s) + 1);
    return at;
}

static uint32_t put_list(struct srt_buf *b, char *const *list, uint32_t *ret_n)
{
    uint32_t at = (uint32_t)b->len;

    for (*ret_n = 0; list[*ret_n] != NULL; (*ret_n)++)
        (void)put_text(b, list[*ret_n]);
    return at;
}

static void put_grants(struct srt_buf *b, const struct config_input *in,
                       struct init_config *c)
{
    struct srt_buf grants = {.max = CONFIG_MAX_BYTES};

    for (size_t i = 0; i < in->ngrant_paths; i++) {
        struct init_grant g = {.path = put_text(b, in->grant_paths[i]),
                               .fd = -1};

        srt_buf_add(&grants, &g, sizeof(g));
    }
    for (size_t i = 0; i < in->ngrant_fds; i++) {
        struct init_grant g = {.fd = in->grant_fds[i]};

        srt_buf_add(&grants, &g, sizeof(g));
    }
    c->ngrants = (uint32_t)(grants.len / sizeof(struct init_grant));
    c->grants = put(b, srt_buf_str(&grants), grants.len);
    srt_buf_release(&grants);
}

static void fill(struct srt_buf *b, const struct config_input *in)
{
    struct init_config c = {
        .magic = INIT_CONFIG_MAGIC,
        .filter_len = (uint32_t)in->filter_len,
        .landlock_abi = (uint32_t)in->landlock_abi,
        .use_listener = in->listener,
        .nkeep_fds = (uint32_t)in->nkeep_fds,
        .nagain_fds = (uint32_t)in->nagain_fds,
        .stderr_fd = in->stderr_fd,
        .closed_fds = in->closed_fds,
        .signals_ignored = in->signals_ignored,
        .signals_blocked = in->signals_blocked,
        .umask = in->umask,
        .nofile_cur = in->nofile.rlim_cur,
        .nofile_max = in->nofile.rlim_max,
    };

    srt_buf_add(b, &c, sizeof(c));
    c.cwd = put_text(b, in->cwd);
    c.path = put_text(b, in->path);
    c.argv = put_list(b, in->argv, &c.argc);
    c.env = put_list(b, in->env, &c.envc);
    put_grants(b, in, &c);
    c.filter = put(b, in->filter, in->filter_len * sizeof(in->filter[0]));
    c.keep_fds = put(b, in->keep_fds, in->nkeep_fds * sizeof(in->keep_fds[0]));
    c.again_fds = put(b, in->again_fds,
                      in->nagain_fds * sizeof(in->again_fds[0]));
    c.size = (uint32_t)b->len;
    if (!b->overflow)
        memcpy(b->data, &c, sizeof(c));
}

enum srt_rc config_write(const struct config_input *in, int *ret_fd,
                         struct srt_err *err)
{
    SRT_AUTO_FD int fd = memfd_create("srt-init", MFD_ALLOW_SEALING);
    SRT_AUTO_BUF struct srt_buf b = {.max = CONFIG_MAX_BYTES};
    int rc;

    if (fd < 0)
        return srt_err_sys(err, errno, "memfd_create");
    fill(&b, in);
    if (b.overflow)
        return srt_err_set(err, SRT_E_LIMIT,
                           "arguments and environment exceed %zu bytes",
                           CONFIG_MAX_BYTES);
    rc = srt_fd_write_all(fd, b.data, b.len);
    if (rc != 0)
        return srt_err_sys(err, rc, "write srt-init's configuration");
    if (fcntl(fd, F_ADD_SEALS,
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return srt_err_sys(err, errno, "seal srt-init's configuration");
    *ret_fd = srt_fd_take(&fd);
    return SRT_OK;
}
