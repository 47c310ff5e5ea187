#include "base/path.h"

#include <string.h>

/* Append one component to out, of which *len bytes are used. */
static bool push(char *out, size_t *len, size_t size, const char *c, size_t n)
{
    if (n == 1 && c[0] == '.')
        return true;
    if (n == 2 && c[0] == '.' && c[1] == '.') {
        while (*len > 0 && out[--*len] != '/')
            ;
        return true;
    }
    if (*len + 1 + n + 1 > size)
        return false;
    out[(*len)++] = '/';
    memmove(out + *len, c, n);
    *len += n;
    return true;
}

bool srt_path_clean(const char *path, char *out, size_t size)
{
    size_t len = 0;

    if (path[0] != '/' || size < 2)
        return false;
    while (*path != '\0') {
        size_t n = strcspn(path, "/");
        const char *next = path + n + (path[n] == '/');

        if (n > 0 && !push(out, &len, size, path, n))
            return false;
        path = next;
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return true;
}

bool srt_path_join(const char *base, const char *rel, char *out, size_t size)
{
    char whole[2 * SRT_PATH_MAX];
    size_t b = strlen(base);
    size_t r = strlen(rel);

    if (rel[0] == '/')
        return srt_path_clean(rel, out, size);
    if (b + 1 + r + 1 > sizeof(whole))
        return false;
    memcpy(whole, base, b);
    whole[b] = '/';
    memcpy(whole + b + 1, rel, r + 1);
    return srt_path_clean(whole, out, size);
}

bool srt_path_under(const char *path, const char *root)
{
    size_t n = strlen(root);

    if (n == 1 && root[0] == '/')
        return path[0] == '/';
    return strncmp(path, root, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

size_t srt_path_depth(const char *path)
{
    size_t depth = 0;

    for (size_t i = 0; path[i] != '\0'; i++)
        depth += path[i] == '/' && path[i + 1] != '\0';
    return depth;
}

const char *srt_path_split(const char *path, char *parent, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n;

    if (slash == NULL)
        return NULL;
    n = slash == path ? 1 : (size_t)(slash - path);
    if (n + 1 > size)
        return NULL;
    memcpy(parent, path, n);
    parent[n] = '\0';
    return slash + 1;
}
