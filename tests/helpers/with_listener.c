/* with_listener COMMAND...: run it under a seccomp listener (all allowed), so
 * that no other can be made (seccomp(2), EBUSY). */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {.len = 1, .filter = allow};
    long fd;
    pid_t pid;
    int status = 0;

    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return 2;
    fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                 SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (fd < 0) {
        perror("seccomp");
        return 2;
    }
    pid = fork();
    if (pid == 0) {
        (void)execvp(argv[1], argv + 1);
        _exit(2);
    }
    (void)waitpid(pid, &status, 0); /* with the listener open */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
