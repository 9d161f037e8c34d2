/* Plays the runner for a program that is started ahead: gives it its jobs, one after the other, and ends as it does.
 *
 * Arguments: the program's own, then for each job `+++` and the job's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL = 3, JOB_MOST = 65536 };

static size_t join(char **words, char *to) {
    char *end = to;
    for (; *words && strcmp(*words, "+++"); words++)
        end = stpcpy(end, *words) + 1;
    return end - to;
}

static char **next_job(char **words) {
    while (*words && strcmp(*words, "+++"))
        words++;
    return *words ? words + 1 : NULL;
}

int main(int argc, char **argv) {
    static char job[JOB_MOST];
    int pair[2], status;
    char word, **jobs = next_job(argv);
    if (argc < 2 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        jobs[-1] = NULL;
        dup2(pair[1], CONTROL);
        execv(argv[1], argv + 1);
        _exit(127);
    }
    close(pair[1]);
    for (; jobs && recv(pair[0], &word, 1, 0) == 1; jobs = next_job(jobs))
        send(pair[0], job, join(jobs, job), MSG_NOSIGNAL);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
