/* static_children COUNT: COUNT children, each of which leaves a grandchild
 * behind that ends at some time, too.  Prints how many there were. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    long count = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    long made = 0;

    for (long i = 0; i < count; i++) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(fork() < 0);
        if (pid > 0 && waitpid(pid, NULL, 0) == pid)
            made++;
    }
    (void)printf("%ld\n", made);
    return 0;
}
