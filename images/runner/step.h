/* The life of a step: begun, running, dying (killed, not all dead), draining (all dead, output left), ended. One at a time, one waiting.
 * Nothing here waits: the loop in main.c calls step_advance whenever something may have changed. */
#ifndef CCX_STEP_H
#define CCX_STEP_H

#include "frames.h"

#include <poll.h>

enum { STEP_WATCHED = 4 };

/* Takes over the order of `S`. */
/* Empties the box and fills it with the preserved state, for files to be added before the next step. */
void step_go_back(void);
void step_accept(struct bytes payload);
/* `I` `E` `K` `X` `V`. */
void step_command(const struct command *command);
/* A step runs or waits. */
bool step_is_busy(void);
/* The one that waits cannot begin before its prestarted program is ready. */
bool step_is_held(void);

void step_child_changed(void);
void step_advance(void);

/* Fills STEP_WATCHED entries, and returns the microseconds until the next look is due: UINT64_MAX for never. */
uint64_t step_watch(struct pollfd *watched);
void step_ready(const struct pollfd *watched);

#endif
