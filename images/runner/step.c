#include "step.h"
#include "files.h"
#include "input.h"
#include "launch.h"
#include "link.h"
#include "output.h"
#include "preserve.h"
#include "prestart.h"
#include "usage.h"
#include "wipe.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum phase { IDLE, RUNNING, DYING, DRAINING };
enum ended_by { NOTHING, CPU_TIME, WALL_TIME, STANDARD_OUTPUT, STANDARD_ERROR, CANCELLED };
enum how { EXITED, SIGNALLED, NOT_STARTED };

enum { RESULT_BYTES = 4 + 1 + 4 + 1 + 5 * 8 + 4 + 4 + 1 + 4 };
enum { CHECK_LEAST_US = 1000, DEATH_MOST_US = 30000000 };

static struct step {
    enum phase phase;
    struct order order;
    struct program program;
    struct output output, error;
    bool main_ended;
    enum how how;
    uint32_t code;
    enum ended_by ended_by;
    uint32_t left_behind;
    uint64_t begun_us, ended_us, killed_us;
    uint64_t check_us;      /* when CPU time is looked at next */
    uint64_t largest_bytes; /* resident set of one process */
    uint64_t level_bytes;   /* highest level of memory seen at a look */
    uint64_t counted_bytes; /* what a prestarted program is taken to have held at the hand-over */
    uint64_t resident_bytes; /* and what it really held */
    struct usage before;
} now;

/* The payloads that orders point into: of the step that runs and of the one that waits. One byte more: see strings_vector. */
static uint8_t payloads[2][FRAME_MOST + 1];
static int payload_running;
static struct order waiting;
static bool is_waiting;
static uint32_t last_accepted, last_begun;
static bool child_changed;

static uint64_t clock_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

static uint64_t later(uint64_t time, uint64_t us) {
    return us > UINT64_MAX - time ? UINT64_MAX : time + us;
}

static uint64_t larger(uint64_t one, uint64_t other) {
    return one > other ? one : other;
}

static uint64_t smaller(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/* Counters are not all read in one instant, so what should only rise may seem to have fallen. */
static uint64_t rise(uint64_t from, uint64_t to) {
    return to > from ? to - from : 0;
}

/* ---- the end ---- */

static void main_has_ended(int status) {
    now.main_ended = true;
    now.ended_us = clock_us();
    now.how = WIFSIGNALED(status) ? SIGNALLED : EXITED;
    now.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    int error;
    if (read(now.program.failure, &error, sizeof error) == sizeof error) {
        now.how = NOT_STARTED;
        now.code = error;
    }
}

static uint64_t peak_bytes(pid_t pid, uint64_t peak) {
    return pid == now.program.pid ? now.counted_bytes + rise(now.resident_bytes, peak) : peak;
}

/* Orphans come to the runner too. Returns whether any process is left. */
static bool reap(void) {
    int status;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        now.largest_bytes = larger(now.largest_bytes, peak_bytes(pid, usage.ru_maxrss * 1024ull));
        prestart_reaped(pid);
        if (pid == now.program.pid && !now.main_ended)
            main_has_ended(status);
        else if (now.phase == DYING)
            now.left_behind++;
    }
    return pid == 0;
}

/* Who is dead already was not left behind. */
static void kill_all(void) {
    reap();
    now.phase = DYING;
    now.killed_us = clock_us();
    /* Every process but the runner. A security module may forbid it: then nothing here can be held to its limits. */
    if (kill(-1, SIGKILL) && errno != ESRCH)
        give_up("a program cannot be ended: %s", strerror(errno));
    child_changed = true;
}

/* The first cause is the cause. */
static void enforce(enum ended_by cause) {
    if (!now.ended_by)
        now.ended_by = cause;
    if (now.phase == RUNNING)
        kill_all();
}

static void look_at_children(void) {
    if (!child_changed)
        return;
    child_changed = false;
    bool any_left = reap();
    if (now.phase == RUNNING && now.main_ended) {
        kill_all();
        any_left = reap();
    }
    if (now.phase == DYING && !any_left) {
        now.phase = DRAINING;
        close_fd(&now.program.terminal);
        input_close();
    }
}

/* The program has done its step, and waits for the next: alone, for nothing of the submission has run. */
static void give_back(void) {
    now.main_ended = true;
    now.ended_us = clock_us();
    now.how = EXITED;
    now.code = 0;
    now.largest_bytes = larger(now.largest_bytes, peak_bytes(now.program.pid, usage_resident_bytes(now.program.pid)));
    now.phase = DRAINING;
    input_close();
}

static void check_death(void) {
    if (clock_us() >= later(now.killed_us, DEATH_MOST_US))
        give_up("a process does not die");
}

static uint64_t memory_bytes(const struct usage *after) {
    uint64_t peak = now.level_bytes;
    if (after->memory_peak_bytes > now.before.memory_peak_bytes) /* else it is an earlier step's peak */
        peak = larger(peak, after->memory_peak_bytes);
    return larger(now.largest_bytes, now.counted_bytes + rise(now.before.memory_bytes, peak));
}

/* A limit passed in the last moment, between two looks, was passed all the same. */
static void judge(uint64_t cpu_us, uint64_t wall_us) {
    if (now.how == NOT_STARTED)
        return;
    if (cpu_us > now.order.cpu_us)
        enforce(CPU_TIME);
    if (wall_us > now.order.wall_us)
        enforce(WALL_TIME);
}

static void send_result(void) {
    struct usage after = usage_read();
    uint64_t cpu_us = rise(now.before.cpu_us, after.cpu_us);
    uint64_t wall_us = now.ended_us - now.begun_us;
    judge(cpu_us, wall_us);
    uint8_t *at = put_uint(link_payload(RESULT_BYTES), now.order.step, 4);
    at = put_uint(at, now.how, 1);
    at = put_uint(at, now.code, 4);
    at = put_uint(at, now.ended_by, 1);
    at = put_uint(at, cpu_us, 8);
    at = put_uint(at, wall_us, 8);
    at = put_uint(at, memory_bytes(&after), 8);
    at = put_uint(at, now.output.total, 8);
    at = put_uint(at, now.error.total, 8);
    at = put_uint(at, rise(now.before.oom_kills, after.oom_kills), 4);
    at = put_uint(at, rise(now.before.refused_forks, after.refused_forks), 4);
    at = put_uint(at, marker_exists(now.order.marker), 1);
    put_uint(at, now.left_behind, 4);
    link_send('z', RESULT_BYTES);
}

static void check_output(void) {
    if (output_is_excessive(&now.output))
        enforce(STANDARD_OUTPUT);
    if (output_is_excessive(&now.error))
        enforce(STANDARD_ERROR);
}

static void drain(void) {
    bool terminal = now.order.flags & STEP_TERMINAL;
    output_drain(&now.output, terminal);
    output_drain(&now.error, terminal);
    check_output();
    if (now.output.fd >= 0 || now.error.fd >= 0 || !link_has_room(CONTROL_ROOM))
        return;
    send_result();
    close_fd(&now.program.failure);
    now.phase = IDLE;
}

/* ---- the beginning ---- */

static void not_started(int error) {
    now.how = NOT_STARTED;
    now.code = error;
    now.ended_us = clock_us();
    kill_all();
}

/* No tree can use CPU time faster than on all CPUs at once, so that is when the limit can first be reached. */
static uint64_t cpu_check_due(uint64_t left_us) {
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof cpus, &cpus) ? 1 : CPU_COUNT(&cpus);
    return later(clock_us(), larger(left_us / count, CHECK_LEAST_US));
}

/* The figures begin before the program can. */
static int start_program(void) {
    if (prestart_fits(&now.order)) {
        now.counted_bytes = prestart_counted(&now.resident_bytes);
        if (prestart_hand_over(&now.order, &now.program))
            return 0;
        now.counted_bytes = now.resident_bytes = 0;
        prestart_end();
    }
    return launch(&now.order, &now.program);
}

static int wipe_and_restore(void) {
    wipe();
    return restore();
}

static int prepare_and_start(void) {
    int error = files_take_error();
    if (error || !prestart_fits(&now.order))
        prestart_end();
    if (now.order.flags & STEP_RESTORE)
        error = wipe_and_restore();
    now.before = usage_read();
    now.begun_us = clock_us();
    now.check_us = cpu_check_due(now.order.cpu_us);
    return error ? error : start_program();
}

static void begin(void) {
    is_waiting = false;
    payload_running = !payload_running;
    last_begun = waiting.step;
    now = (struct step){.phase = RUNNING, .order = waiting, .program = NO_PROGRAM};
    put_uint(link_payload(4), now.order.step, 4);
    link_send('b', 4);
    int error = prepare_and_start();
    now.output = (struct output){'o', now.program.out, now.order.step, now.order.output_bytes, 0};
    now.error = (struct output){'e', now.program.err, now.order.step, now.order.output_bytes, 0};
    input_start(&now.order, now.program.in);
    if (error)
        not_started(error);
}

static void begin_if_due(void) {
    if (now.phase == IDLE && is_waiting && !step_is_held() && link_has_room(CONTROL_ROOM))
        begin();
}

static void need_preserved(void) {
    if (!is_preserved())
        give_up("protocol error: nothing was preserved");
}

void step_go_back(void) {
    need_preserved();
    prestart_end();
    files_take_error(); /* what was wrong with files is gone with them */
    files_fail(wipe_and_restore());
}

/* Begins at once where it can, so that input sent right behind the order finds its step. */
void step_accept(struct bytes payload) {
    if (is_waiting)
        give_up("protocol error: a step waits already");
    uint8_t *own = payloads[!payload_running];
    memcpy(own, payload.at, payload.size);
    order_parse((struct bytes){own, payload.size}, &waiting);
    if (waiting.step <= last_accepted)
        give_up("protocol error: step %u after step %u", waiting.step, last_accepted);
    if (waiting.flags & STEP_RESTORE)
        need_preserved();
    last_accepted = waiting.step;
    is_waiting = true;
    begin_if_due();
}

/* ---- limits ---- */

static void check_cpu(void) {
    uint64_t used_us = rise(now.before.cpu_us, usage_cpu_us());
    if (used_us >= now.order.cpu_us)
        enforce(CPU_TIME);
    now.check_us = cpu_check_due(rise(used_us, now.order.cpu_us));
    now.level_bytes = larger(now.level_bytes, usage_memory_bytes());
}

/* CPU time first: who has used it up should not be told that he was slow. */
static void check_limits(void) {
    uint64_t time_us = clock_us();
    bool wall_reached = time_us >= later(now.begun_us, now.order.wall_us);
    if (wall_reached || time_us >= now.check_us)
        check_cpu();
    if (wall_reached)
        enforce(WALL_TIME);
}

/* ---- the loop's side ---- */

bool step_is_held(void) {
    return is_waiting && prestart_is_awaited(&waiting);
}

bool step_is_busy(void) {
    return is_waiting || now.phase != IDLE;
}

void step_child_changed(void) {
    child_changed = true;
}

void step_advance(void) {
    look_at_children();
    if (now.phase == RUNNING)
        check_limits();
    if (now.phase == DYING)
        check_death();
    if (now.phase == DRAINING)
        drain();
    begin_if_due();
    if (now.phase == RUNNING)
        input_give_credit();
}

static uint64_t due_us(void) {
    if (child_changed)
        return 0;
    if (now.phase == RUNNING)
        return smaller(now.check_us, later(now.begun_us, now.order.wall_us));
    return now.phase == DYING ? later(now.killed_us, DEATH_MOST_US) : UINT64_MAX;
}

uint64_t step_watch(struct pollfd *watched) {
    bool alive = now.phase != IDLE;
    watched[0] = (struct pollfd){.fd = alive ? input_wanted() : -1, .events = POLLOUT};
    watched[1] = (struct pollfd){.fd = alive ? output_wanted(&now.output) : -1, .events = POLLIN};
    watched[2] = (struct pollfd){.fd = alive ? output_wanted(&now.error) : -1, .events = POLLIN};
    watched[3] = (struct pollfd){.fd = prestart_wanted(), .events = POLLIN};
    uint64_t due = due_us();
    return due == UINT64_MAX ? due : rise(clock_us(), due);
}

void step_ready(const struct pollfd *watched) {
    if (watched[0].revents)
        input_write();
    if (watched[1].revents)
        output_read(&now.output);
    if (watched[2].revents)
        output_read(&now.error);
    if (watched[3].revents && prestart_has_done() && now.phase == RUNNING)
        give_back();
    check_output();
}

/* ---- commands ---- */

/* A child so young that it leads no group yet is sent the signal itself. */
static void send_signal(int signal) {
    if (kill(-now.program.pid, signal) && errno == ESRCH)
        kill(now.program.pid, signal);
}

static void resize(const struct command *command) {
    struct winsize size = {.ws_row = command->rows, .ws_col = command->columns};
    if (now.order.flags & STEP_TERMINAL)
        ioctl(now.program.out, TIOCSWINSZ, &size);
}

static void obey(const struct command *command) {
    switch (command->type) {
    case 'I':
        input_add(command->body);
        break;
    case 'E':
        input_complete();
        break;
    case 'K':
        send_signal(command->signal);
        break;
    case 'X':
        enforce(CANCELLED);
        break;
    case 'V':
        resize(command);
        break;
    }
}

void step_command(const struct command *command) {
    if (command->step > last_begun)
        give_up("protocol error: step %u has not begun", command->step);
    if (command->step == last_begun && now.phase == RUNNING)
        obey(command);
}
