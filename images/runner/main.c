/* The runner: PID 1 of every sandbox. See PROTOCOL.md for what it does; this file is its start and its loop. */
#include "files.h"
#include "link.h"
#include "preserve.h"
#include "prestart.h"
#include "step.h"
#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ORCHESTRATOR_IN, ORCHESTRATOR_OUT, STEP, WATCHED = STEP + STEP_WATCHED };

static volatile sig_atomic_t child_signalled;
static sigset_t while_waiting; /* the mask under which signals are let in */

static void on_child(int signal) {
    (void)signal;
    child_signalled = 1;
}

/* PID 1's death is the death of all others. */
static void on_terminate(int signal) {
    (void)signal;
    _exit(0);
}

static void start_signals(void) {
    for (int i = 1; i <= SIGNAL_MOST; i++)
        signal(i, SIG_DFL); /* an ignored signal would be inherited by every program */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, on_child);
    signal(SIGTERM, on_terminate);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    sigemptyset(&while_waiting);
}

/* Whatever descriptors came with the container are nobody's business; all of the runner's own are closed by every exec. */
static void close_inherited(void) {
    if (close_range(STDERR_FILENO + 1, ~0u, 0) == 0)
        return;
    for (int i = STDERR_FILENO + 1; i < sysconf(_SC_OPEN_MAX) && i < 65536; i++)
        close(i);
}

static uid_t submission_uid(int argc, char **argv) {
    char *end = "?";
    unsigned long uid = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (*end || uid == 0 || uid > INT32_MAX)
        give_up("usage: runner UID (never 0)");
    return uid;
}

static void send_ready(int cgroup) {
    uint8_t *at = put_uint(link_payload(3), PROTOCOL_VERSION, 2);
    put_uint(at, cgroup, 1);
    link_send('r', 3);
}

/* Outside a PID namespace of its own, killing "everything" would mean the machine. */
static void start(int argc, char **argv) {
    if (getpid() != 1)
        give_up("must be PID 1");
    close_inherited();
    /* No descriptor of the runner's may be where a prestarted program has its own. */
    if (open("/", O_PATH | O_CLOEXEC) != PRESTART_CONTROL)
        give_up("descriptor %d is taken", PRESTART_CONTROL);
    start_signals();
    link_start();
    uid_t uid = submission_uid(argc, argv);
    if (setgroups(0, NULL) || prctl(PR_SET_DUMPABLE, 0))
        give_up("cannot shed groups: %s", strerror(errno));
    box_start(uid);
    send_ready(usage_start());
}

static void handle_idle_command(const struct command *command, struct bytes payload) {
    if (step_is_busy())
        give_up("protocol error: '%c' while a step runs or waits", command->type);
    if (command->type == 'F')
        file_begin(command->body, command->flags);
    if (command->type == 'D')
        file_append(command->body);
    if (command->type == 'P')
        preserve();
    if (command->type == 'B')
        step_go_back();
    if (command->type == 'R')
        prestart_accept(payload);
    if (command->type == 'G')
        artifact_begin(command->body, command->most);
    if (command->type == 'L')
        listing_begin();
}

static void handle(struct frame frame) {
    struct command command;
    const char *error = command_parse(frame, &command);
    if (error)
        give_up("protocol error: %s", error);
    if (!strchr("FD", command.type))
        file_end();
    if (command.type == 'S')
        step_accept(frame.payload);
    else if (strchr("FDPBRGL", command.type))
        handle_idle_command(&command, frame.payload);
    else
        step_command(&command);
}

/* While an answer goes out no frame is taken, nor while a step waits for its program, and none before there is room for its answer. */
static bool accepts_frames(void) {
    return !answer_is_open() && !step_is_held() && link_has_room(FRAME_HEADER + 9);
}

static void handle_frames(void) {
    struct frame frame;
    while (accepts_frames() && link_next(&frame)) {
        handle(frame);
        answer_advance();
    }
}

static const struct timespec *timeout(uint64_t us, struct timespec *time) {
    *time = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    return us == UINT64_MAX ? NULL : time;
}

static void wait_and_move(void) {
    struct timespec time;
    struct pollfd watched[WATCHED] = {
        [ORCHESTRATOR_IN] = {.fd = accepts_frames() ? STDIN_FILENO : -1, .events = POLLIN},
        [ORCHESTRATOR_OUT] = {.fd = link_is_pending() ? STDOUT_FILENO : -1, .events = POLLOUT},
    };
    uint64_t due_us = step_watch(watched + STEP);
    if (ppoll(watched, WATCHED, timeout(due_us, &time), &while_waiting) <= 0)
        return;
    if (watched[ORCHESTRATOR_IN].revents)
        link_receive();
    if (watched[ORCHESTRATOR_OUT].revents)
        link_flush();
    step_ready(watched + STEP);
}

int main(int argc, char **argv) {
    for (start(argc, argv);;) {
        answer_advance();
        step_advance(); /* first: what begins lets frames in that are here already */
        handle_frames();
        step_advance();
        if (link_is_pending())
            link_flush();
        wait_and_move();
        if (child_signalled) {
            child_signalled = 0;
            step_child_changed();
        }
    }
}
