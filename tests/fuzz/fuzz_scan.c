/* The strict scanner: what it accepts cJSON accepts, and every mark is inside
 * the text. */
#include <assert.h>
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct policy_scan s;
    struct policy_scan_error e = {0};
    cJSON *tree;

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (policy_scan(text, size, &s, &e)) {
        tree = cJSON_ParseWithLength(text, size);
        assert(tree != NULL);
        cJSON_Delete(tree);
        for (size_t i = 0; i < s.n; i++) {
            assert(s.marks[i].line >= 1 && s.marks[i].line <= size + 1);
            assert(s.marks[i].col >= 1 && s.marks[i].col <= size + 1);
            assert(policy_scan_find(&s, s.marks[i].pointer) != NULL);
        }
        policy_scan_release(&s);
    } else {
        assert(e.line >= 1 && e.col >= 1 && e.what != NULL);
    }
    free(text);
    return 0;
}
