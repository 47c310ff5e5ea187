/* Given to product code with -include: calls that have a better one. */
#ifndef SRT_BASE_BANNED_H
#define SRT_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets
#pragma GCC poison strtok strtok_r atoi atol atoll sscanf
#pragma GCC poison mktemp tmpnam system popen
#pragma GCC poison gethostbyname gethostbyaddr localtime gmtime

#endif
