/* The program that was started ahead of the step it will serve. At most one; it is trusted as long as nothing of the submission has run,
 * and gone before anything of it does. */
#ifndef CCX_PRESTART_H
#define CCX_PRESTART_H

#include "frames.h"
#include "launch.h"

/* `R`. */
void prestart_accept(struct bytes payload);
/* The step is meant for it, but it has not said yet that it waits for one. */
bool prestart_is_awaited(const struct order *order);
/* Kills it, if it is there, and waits for that. */
void prestart_end(void);
/* This child is dead, and reaped. */
void prestart_reaped(pid_t pid);

/* Whether the step can be its. */
bool prestart_fits(const struct order *order);
/* What the program is taken to hold in memory when it gets its step; `*resident_bytes` is what it really does. */
uint64_t prestart_counted(uint64_t *resident_bytes);
/* Gives it the step; it is the step's program then. False if it is gone. */
bool prestart_hand_over(const struct order *order, struct program *program);

/* The descriptor to read from, or -1. */
int prestart_wanted(void);
/* Listens. True if it has done the step it was given, and waits for the next. */
bool prestart_has_done(void);

#endif
