#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/path.h"
#include "launcher/check.h"
#include "launcher/exec.h"
#include "launcher/explain.h"
#include "policy/entry.h"
#include "vendor/version.h"

enum { FAILED = 125, NOT_FOUND = 127 };

/* argv is what follows the name. */
static int not_yet(char **argv)
{
    srt_log(SRT_LOG_ERROR,
            "%s: this subcommand is not supported yet; want exec, check or "
            "explain (srt -- %s runs a program)",
            argv[-1], argv[-1]);
    return FAILED;
}

/* The closed set of subcommands; every other word is a program to run. */
static const struct {
    const char *name;
    int (*run)(char **argv);
    const char *help; /* NULL: later */
} commands[] = {
    {"exec", launcher_exec_main,
     "exec [OPTIONS] [--] COMMAND [ARG...]   run COMMAND inside the sandbox"},
    {"check", launcher_check_main,
     "check [--effective] [OPTIONS] [FILE]   validate a policy"},
    {"explain", launcher_explain_main,
     "explain (read|write|connect|resolve|unix) SUBJECT   what the policy "
     "says"},
    {"learn", not_yet, NULL},
    {"trace", not_yet, NULL},
    {"report", not_yet, NULL},
    {"doctor", not_yet, NULL},
};

static void usage(FILE *out)
{
    for (size_t i = 0; i < SRT_ARRAY_LEN(commands); i++)
        if (commands[i].help != NULL)
            (void)fprintf(out, "%s srt %s\n", i == 0 ? "usage:" : "      ",
                          commands[i].help);
    (void)fprintf(out,
                  "       srt COMMAND...                         same as "
                  "srt exec; also srt -c 'shell line'\n"
                  "srt exec --help lists the options.\n\n%s",
                  launcher_exec_statuses);
}

/* Is there a program of this name? */
static bool is_program(const char *name)
{
    const char *path = getenv("PATH"); /* NOLINT: one thread */
    char whole[SRT_PATH_MAX];
    size_t n;

    if (strchr(name, '/') != NULL)
        return true;
    for (; path != NULL && *path != '\0'; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        (void)snprintf(whole, sizeof(whole), "%.*s/%s", (int)n, path, name);
        if (access(whole, F_OK) == 0)
            return true;
    }
    return false;
}

/* After "not found": was a subcommand meant? */
static void suggest_command(char **argv)
{
    const char *nearest = NULL;
    size_t best = 3;

    if (is_program(argv[0]))
        return;
    if (strchr(argv[0], ' ') != NULL)
        srt_log(SRT_LOG_ERROR, "did you mean a shell line: srt -c '...'");
    for (size_t i = 0; i < SRT_ARRAY_LEN(commands); i++) {
        size_t d = policy_entry_distance(argv[0], commands[i].name);

        if (d < best && commands[i].help != NULL) {
            best = d;
            nearest = commands[i].name;
        }
    }
    if (nearest != NULL)
        srt_log(SRT_LOG_ERROR, "did you mean: srt %s%s%s", nearest,
                argv[1] != NULL ? " " : "", argv[1] != NULL ? argv[1] : "");
}

int main(int argc, char **argv)
{
    int status;

    if (argc < 2) {
        usage(stderr);
        return FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        (void)printf("srt %s\n", vnd_srt_version());
        return 0;
    }
    for (size_t i = 0; i < SRT_ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argv + 2);
    status = launcher_exec_main(argv + 1);
    if (status == NOT_FOUND)
        suggest_command(argv + 1);
    return status;
}
