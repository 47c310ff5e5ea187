#include "launcher/environment.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"

/* Does "NAME=..." have this name? */
static bool has_name(const char *entry, const char *name, size_t len)
{
    return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

static size_t find(const struct launcher_environment *e, const char *name,
                   size_t len)
{
    size_t i = 0;

    while (i < e->n && !has_name(e->at[i], name, len))
        i++;
    return i;
}

const char *launcher_environment_get(const struct launcher_environment *e,
                                     const char *name)
{
    size_t len = strlen(name);
    size_t i = find(e, name, len);

    return i < e->n ? e->at[i] + len + 1 : NULL;
}

static void append(struct launcher_environment *e, char *entry)
{
    e->at = srt_xreallocarray(e->at, e->n + 2, sizeof(e->at[0]));
    e->at[e->n++] = entry;
    e->at[e->n] = NULL;
}

static void set(struct launcher_environment *e, const char *name,
                const char *value)
{
    size_t len = strlen(name);
    size_t i = find(e, name, len);
    struct srt_buf b = {.max = (size_t)64 << 20};

    srt_buf_add(&b, name, len);
    srt_buf_add_char(&b, '=');
    srt_buf_add_str(&b, value);
    if (i < e->n) {
        srt_free_ptr(&e->at[i]);
        e->at[i] = b.data;
    } else {
        append(e, b.data);
    }
}

static void unset(struct launcher_environment *e, const char *name)
{
    size_t i = find(e, name, strlen(name));

    if (i == e->n)
        return;
    srt_free_ptr(&e->at[i]);
    e->at[i] = e->at[--e->n];
    e->at[e->n] = NULL;
}

static bool matches(const struct policy_texts *patterns, const char *entry)
{
    char *name = srt_xstrndup(entry, strcspn(entry, "="));
    bool found = false;

    for (size_t i = 0; i < patterns->n && !found; i++)
        found = fnmatch(patterns->at[i].text, name, 0) == 0;
    free(name);
    return found;
}

static bool inherits(const struct policy_settings *s, const char *entry)
{
    if (s->inherit == POLICY_INHERIT_NONE)
        return false;
    if (s->inherit == POLICY_INHERIT_LISTED &&
        !matches(&s->lists[POLICY_LIST_ENV_INHERIT], entry))
        return false;
    return !matches(&s->lists[POLICY_LIST_ENV_DENY], entry);
}

/* Append to a list variable, with its separator. */
static void add_to(struct launcher_environment *e, const char *name,
                   const char *separator, const char *word)
{
    const char *old = launcher_environment_get(e, name);
    struct srt_buf b = {0};

    if (old != NULL && old[0] != '\0') {
        srt_buf_add_str(&b, old);
        srt_buf_add_str(&b, separator);
    }
    srt_buf_add_str(&b, word);
    set(e, name, srt_buf_str(&b));
    srt_buf_release(&b);
}

static void set_proxies(struct launcher_environment *e,
                        const struct launcher_environment_options *o)
{
    static const char *const http[] = {"HTTP_PROXY", "HTTPS_PROXY",
                                       "http_proxy", "https_proxy"};
    static const char *const all[] = {"ALL_PROXY", "all_proxy"};
    static const char *const none[] = {"NO_PROXY", "no_proxy"};
    struct srt_buf b = {0};

    srt_buf_addf(&b, "http://127.0.0.1:%u", o->http_port);
    for (size_t i = 0; i < SRT_ARRAY_LEN(http); i++)
        set(e, http[i], srt_buf_str(&b));
    srt_buf_clear(&b);
    srt_buf_addf(&b, "socks5h://127.0.0.1:%u", o->socks_port);
    for (size_t i = 0; i < SRT_ARRAY_LEN(all); i++)
        set(e, all[i], srt_buf_str(&b));
    for (size_t i = 0; i < SRT_ARRAY_LEN(none); i++)
        set(e, none[i], "localhost,127.0.0.1,::1");
    srt_buf_release(&b);
}

/* A proxy on the host's loopback cannot be reached inside, where connections
 * are routed without one. */
static void drop_local_proxies(struct launcher_environment *e)
{
    static const char *const names[] = {
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY",
        "http_proxy", "https_proxy", "all_proxy", "ftp_proxy",
    };
    static const char *const local[] = {"127.", "localhost", "[::1]",
                                        "0.0.0.0"};

    for (size_t i = 0; i < SRT_ARRAY_LEN(names); i++) {
        const char *value = launcher_environment_get(e, names[i]);
        const char *host = value != NULL ? strstr(value, "://") : NULL;

        host = host != NULL ? host + 3 : value;
        for (size_t j = 0; host != NULL && j < SRT_ARRAY_LEN(local); j++)
            if (strncmp(host, local[j], strlen(local[j])) == 0) {
                unset(e, names[i]);
                break;
            }
    }
}

void launcher_environment_make(const struct launcher_environment_options *o,
                               struct launcher_environment *ret)
{
    struct launcher_environment e = {0};

    append(&e, srt_xstrdup("SRT=1"));
    set(&e, "SANDBOX_RUNTIME", "1");
    for (char *const *v = o->inherited; *v != NULL; v++)
        if (inherits(o->settings, *v) && !has_name(*v, "SRT", 3) &&
            !has_name(*v, "SANDBOX_RUNTIME", 15))
            append(&e, srt_xstrdup(*v));
    set(&e, "TMPDIR", o->tmpdir);
    if (o->preload != NULL) {
        add_to(&e, "LD_PRELOAD", ":", o->preload);
        /* ASan refuses to start where a library comes before its own. */
        add_to(&e, "ASAN_OPTIONS", ":", "verify_asan_link_order=0");
    }
    drop_local_proxies(&e);
    if (o->proxy_variables)
        set_proxies(&e, o);
    for (size_t i = 0; i < o->settings->env_set.n; i++)
        set(&e, o->settings->env_set.at[i].key.text,
            o->settings->env_set.at[i].value.text);
    for (size_t i = 0; i < o->options->nsetenv; i++) {
        const char *equals = strchr(o->options->setenv[i], '=');
        char *name = srt_xstrndup(o->options->setenv[i],
                                  (size_t)(equals - o->options->setenv[i]));

        set(&e, name, equals + 1);
        srt_free_ptr(&name);
    }
    for (size_t i = 0; i < o->options->nunsetenv; i++)
        unset(&e, o->options->unsetenv[i]);
    *ret = e;
}

void launcher_environment_release(struct launcher_environment *e)
{
    for (size_t i = 0; i < e->n; i++)
        srt_free_ptr(&e->at[i]);
    srt_free_ptr(&e->at);
    e->n = 0;
}
