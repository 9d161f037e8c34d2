/* The wire to the orchestrator: standard input and output, both non-blocking, each with one fixed buffer.
 * Nobody else reads or writes these two descriptors. */
#ifndef CCX_LINK_H
#define CCX_LINK_H

#include "frames.h"

void link_start(void);

/* Reads what is there. A closed input is the end of the runner: this does not return then. */
void link_receive(void);
/* The next whole frame, if there is one; its payload is valid until the next link_receive. */
bool link_next(struct frame *frame);

/* A frame is built in place: ask for room, fill the payload, send it. `link_has_room` must have said yes. */
bool link_has_room(size_t payload_bytes);
uint8_t *link_payload(size_t payload_bytes);
void link_send(char type, size_t payload_bytes);

bool link_is_pending(void);
void link_flush(void);

/* Says why, as `!` and on standard error, and exits with status 1. PID 1's death is the death of every process in the sandbox. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
