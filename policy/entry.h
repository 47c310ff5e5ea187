/* One entry of a list: its grammar, whatever file or option it came from. */
#ifndef SRT_POLICY_ENTRY_H
#define SRT_POLICY_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "policy/settings.h"

/* Is `text` a valid entry of that list?  NULL, or what is wrong and what was
 * expected. */
const char *policy_entry_check(enum policy_list list, const char *text,
                               bool literal);

/* Edits (Levenshtein) from a to b; SIZE_MAX when either is too long for a
 * key. */
size_t policy_entry_distance(const char *a, const char *b);

#endif
