/* srt explain: what the policy says of one thing. */
#ifndef SRT_LAUNCHER_EXPLAIN_H
#define SRT_LAUNCHER_EXPLAIN_H

/* `argv`: the words after "explain": [OPTIONS] (read|write|connect|resolve|
 * unix) SUBJECT.  Exit status: 0 allowed, 1 denied, 125 no answer (the reason
 * on standard error). */
int launcher_explain_main(char **argv);

#endif
