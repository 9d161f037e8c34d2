#include "usage.h"
#include "files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CPU, MEMORY, MEMORY_PEAK, OOM_KILLS, REFUSED_FORKS, COUNTERS };
enum { COUNTER_TEXT_MOST = 1024, STAT_TEXT_MOST = 512 };

/* `key` is the first word of the line that holds the number; NULL where the file is the number. */
struct source {
    const char *path;
    const char *key;
};

static const struct source version_1[COUNTERS] = {
    [CPU] = {"/sys/fs/cgroup/cpuacct/cpuacct.usage", NULL},
    [MEMORY] = {"/sys/fs/cgroup/memory/memory.usage_in_bytes", NULL},
    [MEMORY_PEAK] = {"/sys/fs/cgroup/memory/memory.max_usage_in_bytes", NULL},
    [OOM_KILLS] = {"/sys/fs/cgroup/memory/memory.oom_control", "oom_kill "},
    [REFUSED_FORKS] = {"/sys/fs/cgroup/pids/pids.events", "max "},
};

static const struct source version_2[COUNTERS] = {
    [CPU] = {"/sys/fs/cgroup/cpu.stat", "usage_usec "},
    [MEMORY] = {"/sys/fs/cgroup/memory.current", NULL},
    [MEMORY_PEAK] = {"/sys/fs/cgroup/memory.peak", NULL},
    [OOM_KILLS] = {"/sys/fs/cgroup/memory.events", "oom_kill "},
    [REFUSED_FORKS] = {"/sys/fs/cgroup/pids.events", "max "},
};

static int version;
static const struct source *sources;
static int descriptors[COUNTERS];

/* The root of a hierarchy counts the whole machine; its counters are not the sandbox's. */
static int hierarchy_version(void) {
    if (access("/sys/fs/cgroup/memory.current", R_OK) == 0 && access("/sys/fs/cgroup/cpu.stat", R_OK) == 0)
        return 2;
    if (access("/sys/fs/cgroup/cpuacct/cpuacct.usage", R_OK) == 0 && access("/sys/fs/cgroup/cpuacct/release_agent", F_OK) != 0)
        return 1;
    return 0;
}

int usage_start(void) {
    version = hierarchy_version();
    sources = version == 2 ? version_2 : version_1;
    for (int i = 0; i < COUNTERS; i++)
        descriptors[i] = version ? open(sources[i].path, O_RDONLY | O_CLOEXEC) : -1;
    return version;
}

static const char *line_value(const char *text, const char *key) {
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, strlen(key)) == 0)
            return line + strlen(key);
    }
    return "0";
}

static uint64_t counter(int which) {
    char text[COUNTER_TEXT_MOST];
    ssize_t size = pread(descriptors[which], text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = 0;
    const char *key = sources[which].key;
    return strtoull(key ? line_value(text, key) : text, NULL, 10);
}

static uint64_t own_cpu_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

static uint64_t timeval_us(struct timeval time) {
    return time.tv_sec * 1000000ull + time.tv_usec;
}

/* CPU time of one live process and of the children it has waited for: fields 14 to 17, counted from behind the name, which may hold
 * anything, spaces and parentheses included. */
static uint64_t process_ticks(const char *pid) {
    char path[64], text[STAT_TEXT_MOST];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    text[size > 0 ? size : 0] = 0;
    const char *behind_name = strrchr(text, ')');
    unsigned long long user = 0, system = 0, children_user = 0, children_system = 0;
    if (behind_name)
        sscanf(behind_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu", &user, &system, &children_user,
               &children_system);
    return user + system + children_user + children_system;
}

static uint64_t live_processes_us(void) {
    DIR *proc = opendir("/proc");
    uint64_t ticks = 0;
    for (struct dirent *entry; proc && (entry = readdir(proc));)
        if (isdigit((unsigned char)entry->d_name[0]) && strtol(entry->d_name, NULL, 10) != getpid())
            ticks += process_ticks(entry->d_name);
    if (proc)
        closedir(proc);
    return ticks * 1000000ull / sysconf(_SC_CLK_TCK);
}

static uint64_t processes_cpu_us(void) {
    struct rusage reaped;
    getrusage(RUSAGE_CHILDREN, &reaped);
    return timeval_us(reaped.ru_utime) + timeval_us(reaped.ru_stime) + live_processes_us();
}

uint64_t usage_cpu_us(void) {
    if (!version)
        return processes_cpu_us();
    uint64_t all = counter(CPU), own = own_cpu_us();
    if (version == 1)
        all /= 1000; /* nanoseconds there */
    return all > own ? all - own : 0;
}

uint64_t usage_memory_bytes(void) {
    return counter(MEMORY);
}

struct usage usage_read(void) {
    return (struct usage){
        .cpu_us = usage_cpu_us(),
        .memory_bytes = counter(MEMORY),
        .memory_peak_bytes = counter(MEMORY_PEAK),
        .oom_kills = counter(OOM_KILLS),
        .refused_forks = counter(REFUSED_FORKS),
    };
}

uint64_t usage_resident_bytes(pid_t pid) {
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * sysconf(_SC_PAGESIZE);
}

/* Where it cannot be had the peak stays what it was: too large a figure, never too small a one. */
void usage_forget_peak(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/clear_refs", pid);
    act_as_submission();
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file >= 0 && write(file, "5", 1) < 0)
        errno = 0;
    close(file);
    act_as_runner();
}
