#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int secret;

static void tell(int signal) {
    (void)signal;
    printf("\nIt was %d.\n", secret);
    fflush(stdout);
    _exit(0);
}

int main(void) {
    char line[100];
    char *end;
    int tries = 0;

    srand((unsigned)time(NULL));
    secret = rand() % 100 + 1;
    signal(SIGINT, tell);
    puts("I have a number between 1 and 100.");
    for (;;) {
        printf("Your guess: ");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) {
            puts("\nYou gave up.");
            return 0;
        }
        long guess = strtol(line, &end, 10);
        if (end == line) {
            puts("A number, please.");
            continue;
        }
        tries++;
        if (guess == secret) {
            printf("Right, after %d.\n", tries);
            return 0;
        }
        puts(guess < secret ? "Higher." : "Lower.");
    }
}
