/* Starts a program: its streams, the fork, and the child's side of it up to execve. */
#ifndef CCX_LAUNCH_H
#define CCX_LAUNCH_H

#include "frames.h"

#include <sys/types.h>

/* The runner's ends, all non-blocking but `terminal`; -1 where there is none. */
struct program {
    pid_t pid;
    int in, out, err;
    int terminal; /* the program's side of its terminal: held open, its output outlives the program's processes */
    int failure;  /* holds an errno if the child could not become the program */
    int control;  /* a prestarted program's other end is its descriptor PRESTART_CONTROL */
};

#define NO_PROGRAM ((struct program){-1, -1, -1, -1, -1, -1, -1})
enum { PRESTART_CONTROL = 3 };

/* Return 0 or an errno. What was opened stays open either way: the caller closes it. */
int launch(const struct order *order, struct program *program);
/* The same for a program that will get its step later, and its limits then. */
int launch_ahead(const struct order *order, struct program *program);

/* Narrows what a program that runs already may use; the softly narrowed may be widened again. Returns 0 or an errno. */
int limit_program(pid_t pid, const struct order *order, bool softly);

void close_fd(int *fd);

#endif
