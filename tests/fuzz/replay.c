/* Runs one fuzz target over its seed corpus: the regression half of fuzzing,
 * part of every test run, also under sanitizers. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);
    uint8_t *exact;
    size_t n;

    if (f == NULL || bytes == NULL)
        return 1;
    n = fread(bytes, 1, INPUT_MAX, f);
    (void)fclose(f);
    exact = malloc(n != 0 ? n : 1); /* so that an over-read is seen */
    if (exact == NULL)
        return 1;
    memcpy(exact, bytes, n);
    free(bytes);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *e;
    unsigned count = 0;

    if (d == NULL) {
        (void)fprintf(stderr, "usage: %s CORPUS_DIR\n", argv[0]);
        return 2;
    }
    while ((e = readdir(d)) != NULL) {
        char path[4096];

        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        if (run_file(path) != 0)
            return 1;
        count++;
    }
    (void)closedir(d);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    (void)printf("%u inputs\n", count);
    return count > 0 ? 0 : 1; /* an empty corpus is no test */
}
