/* int80: getpid by i386's system call table (20), from a 64-bit program. */
#include <errno.h>
#include <stdio.h>

int main(void)
{
    long r = 20;

#if defined(__x86_64__)
    __asm__ volatile("int $0x80" : "+a"(r) : : "memory");
    if (r > 0)
        (void)printf("pid %ld\n", r);
    else
        (void)printf("refused\n");
#else
    (void)printf("refused\n");
#endif
    return 0;
}
