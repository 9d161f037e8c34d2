/* What `ccx doctor` runs in a sandbox: tries to pass one limit, or tells what it finds. As probe.py. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 20];

static void try_limit(const char *what) {
    if (!strcmp(what, "allocate"))
        for (int i = 0; i < 256; i++)
            memset(malloc(sizeof block), 1, sizeof block);
    if (!strcmp(what, "fork"))
        for (int i = 0; i < 64; i++)
            switch (fork()) {
            case -1:
                puts("refused: fork");
                exit(1);
            case 0:
                sleep(3);
                _exit(0);
            }
    if (!strcmp(what, "write"))
        for (FILE *file = fopen("file", "w"), *last = NULL; file && file != last; last = file)
            for (int i = 0; i < 64; i++)
                fwrite(block, 1, sizeof block, file);
    if (!strcmp(what, "flood"))
        for (int i = 0; i < 64; i++)
            write(1, block, 1 << 16);
    if (!strcmp(what, "burn"))
        while (clock() < 2 * CLOCKS_PER_SEC)
            ;
    if (!strcmp(what, "sleep"))
        sleep(3);
    if (!strcmp(what, "work"))
        for (volatile int i = 0; i < 10000000; i++)
            ;
}

static void print_lines(const char *path, const char *const *beginnings) {
    char line[512];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        for (const char *const *each = beginnings; *each; each++)
            if (!strncmp(line, *each, strlen(*each)))
                fputs(line, stdout);
}

static void network(void) {
    char line[512], name[64];
    FILE *devices = fopen("/proc/net/dev", "r");
    printf("interfaces:");
    for (int i = 0; devices && fgets(line, sizeof line, devices); i++)
        if (i > 1 && sscanf(line, " %63[^:]", name) == 1)
            printf(" %s", name);
    puts("");
    const char *addresses[] = {"192.0.2.1", "8.8.8.8", "169.254.169.254"};
    for (int i = 0; i < 3; i++) {
        int end = socket(AF_INET, SOCK_STREAM, 0);
        struct timeval patience = {.tv_sec = 1};
        struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(53)};
        inet_pton(AF_INET, addresses[i], &there.sin_addr);
        setsockopt(end, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(end, (struct sockaddr *)&there, sizeof there) == 0)
            printf("reached: %s\n", addresses[i]);
        else if (errno == EINPROGRESS || errno == EAGAIN)
            printf("route: %s\n", addresses[i]);
    }
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    const char *const wanted[] = {"CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:", NULL};
    try_limit(what);
    if (!strcmp(what, "network"))
        network();
    if (!strcmp(what, "confinement")) {
        printf("uid: %d\n", getuid());
        print_lines("/proc/self/status", wanted);
    }
}
