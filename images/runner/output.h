/* The streams a program writes: standard output and standard error of the step that runs. */
#ifndef CCX_OUTPUT_H
#define CCX_OUTPUT_H

#include "frames.h"

/* Of the orchestrator's buffer, what output leaves to the small frames. */
enum { CONTROL_ROOM = 1024 };

struct output {
    char type; /* of its frames */
    int fd;
    uint32_t step;
    uint64_t kept_most;
    uint64_t total;
};

/* The descriptor to wait for until it can be read, or -1: closed, or the orchestrator has to read first. */
int output_wanted(const struct output *output);
/* Reads once, if there is room, and passes on what is kept. */
void output_read(struct output *output);
/* All writers are dead: reads to the end, or until there is no room. */
void output_drain(struct output *output, bool terminal);
bool output_is_excessive(const struct output *output);

#endif
