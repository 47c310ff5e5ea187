#include "launcher/linux/filter.h"

#include "filter_programs.h" /* made while building, see filter_gen/ */

struct filter_program filter_program_for(const struct filter_options *o)
{
    if (!o->listener)
        return (struct filter_program){program_preload,
                                       SRT_ARRAY_LEN(program_preload)};
    if (o->notify_reads)
        return (struct filter_program){program_full_reads,
                                       SRT_ARRAY_LEN(program_full_reads)};
    return (struct filter_program){program_full, SRT_ARRAY_LEN(program_full)};
}

const struct filter_row *filter_row_of(int nr)
{
    size_t n;
    const struct filter_row *rows = filter_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (row_numbers[i] == nr && nr >= 0)
            return &rows[i];
    return NULL;
}

const char *filter_call_name(int nr)
{
    const struct filter_row *row = filter_row_of(nr);

    return row != NULL ? row->name : "?";
}

const char *const *filter_silent_calls(void)
{
    static const char *names[64];
    size_t n;
    size_t out = 0;
    const struct filter_row *rows = filter_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (rows[i].action == FILTER_ENOSYS && row_numbers[i] >= 0 &&
            out + 1 < SRT_ARRAY_LEN(names))
            names[out++] = rows[i].name;
    names[out] = NULL;
    return names;
}

bool filter_is_privileged(int nr)
{
    static const char *const reasons[] = {"the machine, not the sandbox",
                                          "changes mounts",
                                          "loads code into the kernel"};
    /* These also have uses that need no capability. */
    static const char *const others[] = {"open_tree", "bpf"};
    const struct filter_row *row = filter_row_of(nr);

    if (row == NULL || row->why == NULL)
        return false;
    for (size_t i = 0; i < SRT_ARRAY_LEN(others); i++)
        if (strcmp(row->name, others[i]) == 0)
            return false;
    for (size_t i = 0; i < SRT_ARRAY_LEN(reasons); i++)
        if (strcmp(row->why, reasons[i]) == 0)
            return true;
    return false;
}
