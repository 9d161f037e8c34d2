#include "input.h"
#include "launch.h"
#include "link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { WORTH_A_FRAME = 16384, TERMINAL_END_MOST = 2 };
static const uint8_t terminal_end[TERMINAL_END_MOST] = {4, 4}; /* ^D */

static uint8_t ring[INPUT_WINDOW + TERMINAL_END_MOST];

static struct {
    uint32_t step;
    int fd;
    bool terminal;
    bool complete;
    uint8_t last;
    size_t head, used;
    size_t credit; /* what the orchestrator may still send */
    size_t taken;  /* what has not been given back yet */
} input = {.fd = -1};

static void put(struct bytes bytes) {
    size_t tail = (input.head + input.used) % sizeof ring;
    size_t straight = sizeof ring - tail;
    if (straight > bytes.size)
        straight = bytes.size;
    if (!bytes.size)
        return;
    memcpy(ring + tail, bytes.at, straight);
    memcpy(ring, bytes.at + straight, bytes.size - straight);
    input.used += bytes.size;
    input.last = bytes.at[bytes.size - 1];
}

static void take(size_t size) {
    input.head = (input.head + size) % sizeof ring;
    input.used -= size;
    input.taken += size;
}

void input_start(const struct order *order, int fd) {
    input.step = order->step;
    input.fd = fd;
    input.terminal = order->flags & STEP_TERMINAL;
    input.complete = false;
    input.last = '\n';
    input.head = input.used = input.taken = 0;
    input.credit = INPUT_WINDOW - order->input.size;
    put(order->input);
    if (order->flags & STEP_INPUT_COMPLETE)
        input_complete();
    else
        input_write();
}

void input_close(void) {
    close_fd(&input.fd);
}

void input_add(struct bytes bytes) {
    if (input.complete)
        give_up("protocol error: input after its end");
    if (bytes.size > input.credit)
        give_up("protocol error: input beyond its credit");
    input.credit -= bytes.size;
    put(bytes);
    input_write();
}

/* A terminal has no end that could be closed: it is told, twice if a line has been begun. */
void input_complete(void) {
    if (input.complete)
        give_up("protocol error: a second end of input");
    input.complete = true;
    if (input.terminal)
        put((struct bytes){terminal_end, input.last == '\n' ? 1 : 2});
    input_write();
}

int input_wanted(void) {
    return input.used ? input.fd : -1;
}

/* Stops when the program's side is full; when the program has closed it, what is left is taken as read. */
void input_write(void) {
    while (input.fd >= 0 && input.used) {
        size_t straight = sizeof ring - input.head;
        ssize_t written = write(input.fd, ring + input.head, input.used < straight ? input.used : straight);
        if (written >= 0)
            take(written);
        else if (errno == EAGAIN || errno == EINTR)
            return;
        else
            close_fd(&input.fd);
    }
    if (input.fd < 0)
        take(input.used);
    else if (input.complete && !input.terminal)
        close_fd(&input.fd);
}

void input_give_credit(void) {
    if (input.complete || !input.taken || (input.used && input.taken < WORTH_A_FRAME) || !link_has_room(8))
        return;
    uint8_t *at = put_uint(link_payload(8), input.step, 4);
    put_uint(at, input.taken, 4);
    link_send('w', 8);
    input.credit += input.taken;
    input.taken = 0;
}
