#include <stdio.h>

#include "vendor/version.h"

int main(void)
{
    (void)printf("srt %s\n", vnd_srt_version());
    return 125;
}
