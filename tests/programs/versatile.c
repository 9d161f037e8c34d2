/* Does what its first argument says. versatile.py and Versatile.java do the same, each in its own way. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char block[65536];

static void spin(void)
{
    for (volatile unsigned long turns = 0;; turns++)
        ;
}

static void hog(void)
{
    for (;;) {
        char *piece = malloc(1 << 20);
        if (piece)
            memset(piece, 7, 1 << 20);
    }
}

static void echo(void)
{
    size_t size;
    while ((size = fread(block, 1, sizeof block, stdin)) > 0)
        fwrite(block, 1, size, stdout);
}

static void count(void)
{
    size_t size, total = 0;
    while ((size = fread(block, 1, sizeof block, stdin)) > 0)
        total += size;
    printf("%zu\n", total);
}

static void pour(FILE *into, long size)
{
    memset(block, 'x', sizeof block);
    for (; size > 0; size -= (long)sizeof block)
        fwrite(block, 1, size < (long)sizeof block ? (size_t)size : sizeof block, into);
    fflush(into);
}

static void multiply(int many)
{
    for (int i = 0; i < many; i++) {
        pid_t child = fork();
        if (child < 0) {
            perror("fork");
            exit(1);
        }
        if (child == 0) {
            sleep(30);
            _exit(0);
        }
    }
    puts("all there");
}

static void leave_traces(void)
{
    static const char *const places[] = {"left.trace", "/tmp/left.trace", "/dev/shm/left.trace"};
    struct dirent *entry;
    int found = 0;
    DIR *here = opendir(".");
    while ((entry = readdir(here)))
        if (strstr(entry->d_name, ".trace"))
            found = printf("%s\n", entry->d_name);
    if (!found)
        puts("nothing");
    for (int i = 0; i < 3; i++)
        if (open(places[i], O_CREAT | O_EXCL | O_WRONLY, 0600) < 0) {
            perror(places[i]);
            exit(1);
        }
}

static void make_artifacts(void)
{
    FILE *plain = fopen("plain.bin", "w");
    for (int byte = 0; byte < 256; byte++)
        fputc(byte, plain);
    fclose(plain);
    if (symlink("/etc/passwd", "link") || mkdir("folder", 0700) || mkdir("deep", 0700) || mkdir("deep/er", 0700))
        exit(1);
    FILE *text = fopen("deep/er/text.txt", "w");
    fputs("täxt\n", text);
    fclose(text);
}

static void add(void)
{
    long sum = 0, number;
    while (scanf("%ld", &number) == 1)
        sum += number;
    printf("%ld\n", sum);
}

int main(int argc, char **argv)
{
    const char *action = argc > 1 ? argv[1] : "";
    const char *more = argc > 2 ? argv[2] : "";
    if (strstr("spin sleep hog file multiply", action)) {
        puts("before");
        fflush(stdout);
    }
    if (!strcmp(action, "nothing"))
        return 0;
    else if (!strcmp(action, "echo"))
        echo();
    else if (!strcmp(action, "count"))
        count();
    else if (!strcmp(action, "arguments"))
        for (int i = 2; i < argc; i++)
            puts(argv[i]);
    else if (!strcmp(action, "spin"))
        spin();
    else if (!strcmp(action, "sleep"))
        sleep((unsigned)atoi(more));
    else if (!strcmp(action, "hog"))
        hog();
    else if (!strcmp(action, "flood"))
        pour(stdout, atol(more));
    else if (!strcmp(action, "file"))
        pour(fopen("large", "w"), atol(more));
    else if (!strcmp(action, "multiply"))
        multiply(atoi(more));
    else if (!strcmp(action, "traces"))
        leave_traces();
    else if (!strcmp(action, "artifacts"))
        make_artifacts();
    else if (!strcmp(action, "add"))
        add();
    else if (!strcmp(action, "exit"))
        return atoi(more);
    else
        abort();
    return 0;
}
