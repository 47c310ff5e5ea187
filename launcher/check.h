/* srt check: is a policy valid? */
#ifndef SRT_LAUNCHER_CHECK_H
#define SRT_LAUNCHER_CHECK_H

/* `argv`: the words after "check": [--effective] [FILE].  Exit status: 0
 * valid, 1 invalid (every problem on standard error), 125 usage. */
int launcher_check_main(char **argv);

#endif
