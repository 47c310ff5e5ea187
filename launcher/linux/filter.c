#include "launcher/linux/filter.h"

#include "filter_programs.h" /* made while building, see filter_gen/ */

#include "base/macros.h"

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
            out + 2 < SRT_ARRAY_LEN(names))
            names[out++] = rows[i].name;
    /* The table ends where libseccomp did; newer numbers have no name here. */
    names[out++] = "(calls that this srt does not know)";
    names[out] = NULL;
    return names;
}

bool filter_is_privileged(int nr)
{
    const struct filter_row *row = filter_row_of(nr);

    return row != NULL && row->privileged;
}
