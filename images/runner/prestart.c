#include "prestart.h"
#include "link.h"
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum state { NONE, STARTING, WAITING, SERVING, LEAVING };

static struct {
    enum state state;
    struct order order;
    struct program program;
} ahead;

static uint8_t own_payload[FRAME_MOST + 1]; /* one byte more: see strings_vector */

static void forget(void) {
    close_fd(&ahead.program.in);
    close_fd(&ahead.program.out);
    close_fd(&ahead.program.err);
    close_fd(&ahead.program.failure);
    close_fd(&ahead.program.control);
    ahead.state = NONE;
}

/* What cannot be started ahead is started when its step comes, and says then why it cannot. */
void prestart_accept(struct bytes payload) {
    if (ahead.state)
        give_up("protocol error: a program was started ahead already");
    memcpy(own_payload, payload.at, payload.size);
    prestart_parse((struct bytes){own_payload, payload.size}, &ahead.order);
    ahead.state = STARTING;
    if (launch_ahead(&ahead.order, &ahead.program))
        forget();
}

/* It has pipes, and no terminal; and it is there before anything could be restored. */
static bool is_meant(const struct order *order) {
    return order->flags & STEP_PRESTARTED && !(order->flags & (STEP_TERMINAL | STEP_RESTORE));
}

bool prestart_is_awaited(const struct order *order) {
    return ahead.state == STARTING && is_meant(order);
}

void prestart_end(void) {
    if (!ahead.state)
        return;
    /* A security module may forbid it. Waiting for its end would have none. */
    if (kill(ahead.program.pid, SIGKILL))
        give_up("a program cannot be ended: %s", strerror(errno));
    waitpid(ahead.program.pid, NULL, 0);
    forget();
}

void prestart_reaped(pid_t pid) {
    if (ahead.state && pid == ahead.program.pid)
        forget();
}

bool prestart_fits(const struct order *order) {
    struct strings mine = ahead.order.environment, its = order->environment;
    return ahead.state == WAITING && is_meant(order) && mine.wire.size == its.wire.size && memcmp(mine.wire.at, its.wire.at, its.wire.size) == 0;
}

uint64_t prestart_counted(uint64_t *resident_bytes) {
    *resident_bytes = usage_resident_bytes(ahead.program.pid);
    if (!ahead.order.counted_bytes)
        return *resident_bytes;
    usage_forget_peak(ahead.program.pid);
    return ahead.order.counted_bytes;
}

/* A step that ends is done with its streams, so one that gives the program back gets others on the same pipes. */
static struct program lend(void) {
    struct program lent = NO_PROGRAM;
    lent.pid = ahead.program.pid;
    lent.out = fcntl(ahead.program.out, F_DUPFD_CLOEXEC, 0);
    lent.err = fcntl(ahead.program.err, F_DUPFD_CLOEXEC, 0);
    return lent;
}

static struct program give_away(void) {
    struct program given = ahead.program;
    close_fd(&given.control);
    ahead.program = NO_PROGRAM;
    ahead.state = NONE;
    return given;
}

bool prestart_hand_over(const struct order *order, struct program *program) {
    static char arguments[FRAME_MOST];
    size_t size = strings_join(order->arguments, arguments);
    bool gives_back = order->flags & STEP_GIVES_BACK;
    if (limit_program(ahead.program.pid, order, gives_back) || send(ahead.program.control, arguments, size, MSG_NOSIGNAL) < 0)
        return false;
    ahead.state = SERVING;
    *program = gives_back ? lend() : give_away();
    return true;
}

int prestart_wanted(void) {
    return ahead.state == STARTING || ahead.state == SERVING ? ahead.program.control : -1;
}

bool prestart_has_done(void) {
    char word;
    bool served = ahead.state == SERVING;
    if (recv(ahead.program.control, &word, sizeof word, MSG_DONTWAIT) != sizeof word) {
        ahead.state = LEAVING;
        if (!served)
            prestart_end();
        return false;
    }
    ahead.state = WAITING;
    if (!served) {
        link_payload(0);
        link_send('p', 0);
    }
    return served;
}
