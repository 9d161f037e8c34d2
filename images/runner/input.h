/* Standard input of the step that runs: what the program has not taken yet, and the credit that follows from it. */
#ifndef CCX_INPUT_H
#define CCX_INPUT_H

#include "frames.h"

void input_start(const struct order *order, int fd);
void input_close(void);

/* `I` and `E`. */
void input_add(struct bytes bytes);
void input_complete(void);

/* The descriptor to wait for until it can be written, or -1. */
int input_wanted(void);
void input_write(void);
/* Gives back what was taken, in pieces that are worth a frame. */
void input_give_credit(void);

#endif
