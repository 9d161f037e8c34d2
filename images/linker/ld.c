/*
 * The linker that gcc calls. It puts lines.o into every program that begins and ends as programs of the C library do.
 *
 * And where what it is asked for is what gcc asks for by itself, it is gold, which needs less than half of the processor time of GNU ld
 * for a small program. A user is to notice nothing: where gold has anything to say, fails, or is asked for something that users ask for
 * themselves (-Wl,…), GNU ld does the work, with its own messages.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GNU_LD "/usr/bin/ld"
#define GOLD "/usr/bin/ld.gold"
#define LINES "/ccx/lines.o"

/* What gcc says of itself; those of the second list are followed by a word. */
static const char *const usual[] = {
    "--build-id", "--eh-frame-hdr", "--hash-style=gnu", "--as-needed", "--no-as-needed", "--push-state", "--pop-state", "-pie",
    "-static", "--start-group", "--end-group", NULL,
};
static const char *const usual_with_word[] = {"-o", "-m", "-dynamic-linker", "-plugin", NULL};
static const char *const usual_beginnings[] = {"-L", "-l", "-plugin-opt=", NULL};

static bool is_one_of(const char *word, const char *const *list) {
    while (*list && strcmp(word, *list))
        list++;
    return *list;
}

static bool begins_like_one_of(const char *word, const char *const *list) {
    while (*list && strncmp(word, *list, strlen(*list)))
        list++;
    return *list;
}

static bool ends_with(const char *word, const char *end) {
    size_t length = strlen(word), wanted = strlen(end);
    return length >= wanted && strcmp(word + length - wanted, end) == 0;
}

/* Whoever asks the linker what it does is shown the program's own files alone. */
static bool asks_for_account(const char *word) {
    static const char *const questions[] = {"-Map", "--cref", "-M", "--print-map", "-t", "--trace", NULL};
    return begins_like_one_of(word, questions);
}

/* The words with lines.o behind the one that begins the program, where the program is one of the shared C library. */
static char **with_lines(int count, char **words) {
    static char object[] = LINES;
    char **made = calloc(count + 2, sizeof *made);
    int start = 0;
    bool has_library = false, is_left_alone = false;
    for (int i = 1; i < count; i++) {
        if (ends_with(words[i], "/Scrt1.o") || ends_with(words[i], "/crt1.o"))
            start = i;
        has_library |= strcmp(words[i], "-lc") == 0;
        is_left_alone |= asks_for_account(words[i]) || strcmp(words[i], "-static") == 0 || strcmp(words[i], "-r") == 0;
    }
    if (!made || !start || !has_library || is_left_alone)
        return words;
    memcpy(made, words, (start + 1) * sizeof *made);
    made[start + 1] = object;
    memcpy(made + start + 2, words + start + 1, (count - start) * sizeof *made); /* the NULL too */
    return made;
}

/* The file that an ordinary link makes; NULL: this is none. */
static const char *output_of_ordinary(char **words) {
    const char *output = NULL;
    for (; *words; words++) {
        if (is_one_of(*words, usual_with_word)) {
            if (!words[1])
                return NULL;
            if (!strcmp(*words, "-o"))
                output = words[1];
            words++;
        } else if (!is_one_of(*words, usual) && !begins_like_one_of(*words, usual_beginnings) && strchr("-@", **words)) {
            return NULL;
        }
    }
    return output;
}

/* Whether gold made the output without a word. */
static bool gold_is_content(char **words) {
    int said[2], status;
    if (pipe2(said, O_CLOEXEC))
        return false;
    pid_t gold = fork();
    if (gold == 0) {
        dup2(said[1], STDOUT_FILENO);
        dup2(said[1], STDERR_FILENO);
        execv(GOLD, words);
        _exit(127);
    }
    close(said[1]);
    char first;
    bool is_silent = gold > 0 && read(said[0], &first, 1) == 0;
    if (gold > 0 && !is_silent)
        kill(gold, SIGKILL);
    close(said[0]);
    return gold > 0 && waitpid(gold, &status, 0) == gold && is_silent && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool is_read(int file, void *into, size_t size, off_t at) {
    return pread(file, into, size, at) == (ssize_t)size;
}

static bool rewrites_its_text(int file, Elf64_Phdr dynamic) {
    Elf64_Dyn entry;
    for (off_t at = dynamic.p_offset; is_read(file, &entry, sizeof entry, at) && entry.d_tag != DT_NULL; at += sizeof entry)
        if (entry.d_tag == DT_TEXTREL)
            return true;
    return false;
}

/* GNU ld warns of a stack that is executable, as nested functions need it, and of text that is written to; gold does not. */
static bool is_beyond_warnings(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr head;
    Elf64_Phdr part;
    bool is_good = is_read(file, &head, sizeof head, 0) && head.e_ident[EI_CLASS] == ELFCLASS64;
    for (int i = 0; is_good && i < head.e_phnum; i++) {
        is_good = is_read(file, &part, sizeof part, head.e_phoff + i * sizeof part);
        if (part.p_type == PT_GNU_STACK && part.p_flags & PF_X)
            is_good = false;
        if (part.p_type == PT_DYNAMIC && rewrites_its_text(file, part))
            is_good = false;
    }
    close(file);
    return is_good;
}

int main(int argc, char **argv) {
    argv = with_lines(argc, argv);
    const char *output = argc > 1 ? output_of_ordinary(argv + 1) : NULL;
    if (output && gold_is_content(argv) && is_beyond_warnings(output))
        return 0;
    argv[0] = GNU_LD; /* its messages begin with it */
    execv(GNU_LD, argv);
    return 127;
}
