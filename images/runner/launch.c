#include "launch.h"
#include "files.h"
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The child's ends. */
struct ends {
    int in, out, err;
    int failure;
    int control;
};

enum { KERNEL_SIGNALS = 64 };

/* Every string needs two bytes of a frame; each of the two vectors ends with a NULL. */
static char *vectors[FRAME_MOST / 2 + 2];

void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- the child ---- */

/*
 * A program inherits ignored and blocked signals. By the system call, because the C library hides two signals (32 and 33) that
 * whoever started the runner may have ignored. Zeros are the kernel's default action; KILL and STOP have no other.
 */
static bool reset_signals(void) {
    static const long default_action[4];
    for (int number = 1; number <= KERNEL_SIGNALS; number++)
        if (syscall(SYS_rt_sigaction, number, default_action, NULL, KERNEL_SIGNALS / 8) && number != SIGKILL && number != SIGSTOP)
            return false;
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool set_streams(const struct ends *ends, bool terminal) {
    if (setsid() < 0 || (terminal && ioctl(ends->in, TIOCSCTTY, 0)))
        return false;
    return dup2(ends->in, STDIN_FILENO) >= 0 && dup2(ends->out, STDOUT_FILENO) >= 0 && dup2(ends->err, STDERR_FILENO) >= 0 &&
           (ends->control < 0 || dup2(ends->control, PRESTART_CONTROL) >= 0);
}

/* Asking for more than the container has is no error: the container's own limit holds then. */
static bool limit(pid_t pid, int resource, rlim_t most, bool softly) {
    struct rlimit bounds;
    if (prlimit(pid, resource, NULL, &bounds))
        return false;
    if (most > bounds.rlim_max)
        most = bounds.rlim_max;
    return prlimit(pid, resource, &(struct rlimit){most, softly ? bounds.rlim_max : most}, NULL) == 0;
}

static bool set_limits(pid_t pid, const struct order *order, bool softly) {
    for (const struct kernel_limit *one = order->kernel_limit; one < order->kernel_limit + order->kernel_limit_count; one++)
        if (!limit(pid, one->resource, one->most, softly))
            return false;
    return true;
}

/* When memory is short the program goes, not the runner. Where this is refused the sandbox is lost then, which is no worse than unfair. */
static void offer_to_oom_killer(void) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0 && write(file, "1000", 4) < 0)
        errno = 0;
    close(file);
}

static bool drop_privileges(void) {
    uid_t uid = box_uid();
    return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0 &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void execute(const struct order *order) {
    char **arguments = vectors;
    environ = strings_vector(order->arguments, arguments);
    strings_vector(order->environment, environ);
    execvp(arguments[0], arguments);
}

static _Noreturn void become_program(const struct order *order, const struct ends *ends) {
    offer_to_oom_killer();
    if (reset_signals() && set_streams(ends, order->flags & STEP_TERMINAL) && limit(0, RLIMIT_CORE, 0, false) &&
        (ends->control >= 0 || set_limits(0, order, false)) && drop_privileges() && chdir(WORK_PATH) == 0)
        execute(order);
    int error = errno;
    _exit(write(ends->failure, &error, sizeof error) == sizeof error ? 0 : 127);
}

/* ---- the runner ---- */

static bool make_pipe(int *runner, int *program, bool program_reads) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return false;
    *program = ends[!program_reads];
    *runner = ends[program_reads];
    return fcntl(*runner, F_SETFL, O_NONBLOCK) == 0;
}

/* Made as the submission, so that the streams are its own and it can open them again by name, as /dev/stdin. */
static bool make_pipes(struct program *program, struct ends *ends) {
    act_as_submission();
    bool made = make_pipe(&program->in, &ends->in, true) && make_pipe(&program->out, &ends->out, false) &&
                make_pipe(&program->err, &ends->err, false);
    int error = errno;
    act_as_runner();
    errno = error;
    return made;
}

/* Opened as the submission, so that the terminal is its own and it can open it again by name. */
static bool make_terminal(struct program *program, struct ends *ends) {
    int unlocked = 0;
    act_as_submission();
    program->out = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (program->out >= 0 && ioctl(program->out, TIOCSPTLCK, &unlocked) == 0)
        program->terminal = ioctl(program->out, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int error = errno;
    act_as_runner();
    errno = error;
    if (program->terminal < 0)
        return false;
    ends->in = ends->out = ends->err = program->terminal;
    program->in = fcntl(program->out, F_DUPFD_CLOEXEC, 0);
    return program->in >= 0;
}

/* The kernel keeps the messages apart. */
static bool make_control(struct program *program, struct ends *ends) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        return false;
    program->control = pair[0];
    ends->control = pair[1];
    return fcntl(ends->control, F_SETFL, 0) == 0;
}

static bool make_streams(const struct order *order, struct program *program, struct ends *ends) {
    if (!make_pipe(&program->failure, &ends->failure, false))
        return false;
    if (order->flags & STEP_TERMINAL)
        return make_terminal(program, ends);
    return make_pipes(program, ends);
}

static void close_ends(struct ends *ends, bool terminal) {
    close_fd(&ends->failure);
    close_fd(&ends->control);
    if (terminal)
        return;
    close_fd(&ends->in);
    close_fd(&ends->out);
    close_fd(&ends->err);
}

/* Signals stay blocked until the child has taken off the runner's handlers: one sent to it at once must not be lost in them. */
static pid_t fork_blocked(void) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid != 0)
        sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static int launch_with(const struct order *order, struct program *program, bool ahead) {
    struct ends ends = {-1, -1, -1, -1, -1};
    *program = NO_PROGRAM;
    bool made = make_streams(order, program, &ends) && (!ahead || make_control(program, &ends));
    program->pid = made ? fork_blocked() : -1;
    if (program->pid == 0)
        become_program(order, &ends);
    int error = program->pid < 0 ? errno : 0;
    close_ends(&ends, order->flags & STEP_TERMINAL);
    return error;
}

int launch(const struct order *order, struct program *program) {
    return launch_with(order, program, false);
}

int launch_ahead(const struct order *order, struct program *program) {
    return launch_with(order, program, true);
}

/* The kernel asks whether the real ids are those of the program. Nothing of the submission is alive that could take advantage. */
int limit_program(pid_t pid, const struct order *order, bool softly) {
    uid_t uid = box_uid();
    if (setresgid(uid, -1, -1) || setresuid(uid, -1, -1))
        give_up("cannot act for the submission: %s", strerror(errno));
    int error = set_limits(pid, order, softly) ? 0 : errno;
    if (setresuid(0, -1, -1) || setresgid(0, -1, -1))
        give_up("cannot be root again: %s", strerror(errno));
    return error;
}
