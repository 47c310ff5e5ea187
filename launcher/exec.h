/* srt exec: assembles a run and ends it. */
#ifndef SRT_LAUNCHER_EXEC_H
#define SRT_LAUNCHER_EXEC_H

/* What exit statuses mean, for --help. */
extern const char launcher_exec_statuses[];

/* `argv`: the words after "exec".  Returns the exit status of srt. */
int launcher_exec_main(char **argv);

#endif
