/* What the sandbox has consumed: the cgroup's counters where there are any, /proc otherwise. Reads only. */
#ifndef CCX_USAGE_H
#define CCX_USAGE_H

#include <stdint.h>
#include <sys/types.h>

/* Levels since the sandbox began, except `memory_bytes`, which is the level now. What cannot be known is 0. */
struct usage {
    uint64_t cpu_us; /* of everything but the runner itself */
    uint64_t memory_bytes;
    uint64_t memory_peak_bytes;
    uint64_t oom_kills;
    uint64_t refused_forks;
};

/* Returns the version of the cgroup hierarchy whose counters are read: 1, 2, or 0 for none. */
int usage_start(void);
uint64_t usage_cpu_us(void);
uint64_t usage_memory_bytes(void);
struct usage usage_read(void);

/* Of one process: what it holds now, and a fresh start for its own peak (what `wait4` tells of it). */
uint64_t usage_resident_bytes(pid_t pid);
void usage_forget_peak(pid_t pid);

#endif
