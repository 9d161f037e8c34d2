/*
 * Standard output by lines at first, in blocks later. The C library holds back 4 KiB for a pipe, and a program that is ended by a
 * limit or a signal never gives them: whoever debugs with printf saw nothing. Lines for ever would cost a program that prints a million
 * of them several times its own time. So the first calls write by lines, as on a terminal, and then the library does as it likes.
 *
 * The linker puts this into every program that is linked with the C library as usual: see ld.c. What the program defines itself goes
 * before what is weak here, and how it buffers is its own business once it says so.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Some 32 KiB of lines as people write them. More is felt by a program that writes a million short ones. */
enum { CALLS_BY_LINES = 2048 };

#define WEAK __attribute__((weak, visibility("default")))

int __overflow(FILE *, int);

/* What the program would call without us. */
static struct {
    __typeof__(&puts) puts;
    __typeof__(&fputs) fputs;
    __typeof__(&putchar) putchar;
    __typeof__(&putc) putc;
    __typeof__(&fputc) fputc;
    __typeof__(&fwrite) fwrite;
    __typeof__(&vfprintf) vfprintf;
    __typeof__(&setvbuf) setvbuf;
    __typeof__(&__overflow) overflow;
} real;

static int calls_left;

/* Not where it is a file or a terminal: there the library knows better. */
static void begin(void) {
    struct stat about;
    real.puts = dlsym(RTLD_NEXT, "puts");
    real.fputs = dlsym(RTLD_NEXT, "fputs");
    real.putchar = dlsym(RTLD_NEXT, "putchar");
    real.putc = dlsym(RTLD_NEXT, "putc");
    real.fputc = dlsym(RTLD_NEXT, "fputc");
    real.fwrite = dlsym(RTLD_NEXT, "fwrite");
    real.vfprintf = dlsym(RTLD_NEXT, "vfprintf");
    real.setvbuf = dlsym(RTLD_NEXT, "setvbuf");
    real.overflow = dlsym(RTLD_NEXT, "__overflow");
    if (fstat(STDOUT_FILENO, &about) == 0 && S_ISFIFO(about.st_mode)) {
        real.setvbuf(stdout, NULL, _IOLBF, 0);
        calls_left = CALLS_BY_LINES;
    }
}

/* Before any constructor, of which one may write. */
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = begin;

__attribute__((noinline, cold)) static void count_down(FILE *stream) {
    if (stream == stdout && --calls_left == 0)
        real.setvbuf(stdout, NULL, _IOFBF, 0);
}

static inline void count(FILE *stream) {
    if (__builtin_expect(calls_left > 0, 0))
        count_down(stream);
}

static inline void leave_alone(FILE *stream) {
    if (stream == stdout)
        calls_left = 0;
}

/* ---- what writes ---- */

WEAK int puts(const char *text) {
    count(stdout);
    return real.puts(text);
}

WEAK int fputs(const char *text, FILE *stream) {
    count(stream);
    return real.fputs(text, stream);
}

WEAK int putchar(int letter) {
    count(stdout);
    return real.putchar(letter);
}

WEAK int putc(int letter, FILE *stream) {
    count(stream);
    return real.putc(letter, stream);
}

WEAK int fputc(int letter, FILE *stream) {
    count(stream);
    return real.fputc(letter, stream);
}

/* What the macros for one character become where there is no room. */
WEAK int __overflow(FILE *stream, int letter) {
    count(stream);
    return real.overflow(stream, letter);
}

WEAK size_t fwrite(const void *data, size_t size, size_t number, FILE *stream) {
    count(stream);
    return real.fwrite(data, size, number, stream);
}

WEAK int vfprintf(FILE *stream, const char *format, va_list arguments) {
    count(stream);
    return real.vfprintf(stream, format, arguments);
}

WEAK int vprintf(const char *format, va_list arguments) {
    count(stdout);
    return real.vfprintf(stdout, format, arguments);
}

WEAK int printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    count(stdout);
    int written = real.vfprintf(stdout, format, arguments);
    va_end(arguments);
    return written;
}

WEAK int fprintf(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    count(stream);
    int written = real.vfprintf(stream, format, arguments);
    va_end(arguments);
    return written;
}

/* ---- what says how to buffer: the library makes the others of setvbuf, as this does ---- */

WEAK int setvbuf(FILE *stream, char *buffer, int mode, size_t size) {
    leave_alone(stream);
    return real.setvbuf(stream, buffer, mode, size);
}

WEAK void setbuffer(FILE *stream, char *buffer, size_t size) {
    setvbuf(stream, buffer, buffer ? _IOFBF : _IONBF, size);
}

WEAK void setbuf(FILE *stream, char *buffer) {
    setbuffer(stream, buffer, BUFSIZ);
}

WEAK void setlinebuf(FILE *stream) {
    setvbuf(stream, NULL, _IOLBF, 0);
}

/* ---- the user ---- */

/* The library looks for a terminal that somebody has logged in at. */
WEAK char *getlogin(void) {
    struct passwd *user = getpwuid(getuid());
    return user ? user->pw_name : NULL;
}
