/* Globs, "PATTERN\nPATH": never far from linear, the depth is one of the path,
 * and the path written without wildcards matches itself whole. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "policy/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_parts(const char *path)
{
    size_t n = 0;

    while (*path != '\0') {
        size_t len = strcspn(path, "/");

        n += len > 0;
        path += len + (path[len] == '/');
    }
    return n;
}

/* Every byte escaped: a pattern for this path and no other. */
static void check_itself(const char *path)
{
    size_t len = strlen(path);
    char *pattern = malloc(2 * len + 1);
    struct policy_glob g;
    size_t n = 0;

    if (pattern == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        if (path[i] != '/')
            pattern[n++] = '\\';
        pattern[n++] = path[i];
    }
    pattern[n] = '\0';
    if (policy_glob_parse(pattern, &g))
        assert(policy_glob_depth(pattern, path) == count_parts(path));
    free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 2);
    char *path;
    const char *why = NULL;

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    text[size + 1] = '\0';
    path = text + strcspn(text, "\n");
    if (*path != '\0')
        *path++ = '\0';
    if (!policy_glob_check(text, &why))
        assert(why != NULL);
    assert(policy_glob_depth(text, path) <= count_parts(path));
    check_itself(path);
    free(text);
    return 0;
}
