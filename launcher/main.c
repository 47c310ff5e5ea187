#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "launcher/check.h"
#include "launcher/exec.h"
#include "launcher/explain.h"
#include "vendor/version.h"

enum { FAILED = 125 };

static int not_yet(char **argv)
{
    (void)argv;
    srt_log(SRT_LOG_ERROR, "this subcommand is not supported yet; want exec, "
                           "check or explain (srt -- NAME runs a program)");
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
     "check [--effective] [FILE]             validate a policy"},
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
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].help != NULL)
            (void)fprintf(out, "%s srt %s\n", i == 0 ? "usage:" : "      ",
                          commands[i].help);
    (void)fprintf(out, "       srt COMMAND...                         same as "
                       "srt exec; also srt -c 'shell line'\n"
                       "srt exec --help lists the options.\n");
}

int main(int argc, char **argv)
{
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
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argv + 2);
    return launcher_exec_main(argv + 1);
}
