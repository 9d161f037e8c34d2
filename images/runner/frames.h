/* What crosses between the orchestrator and the runner (PROTOCOL.md), as pure functions: bytes in, typed command or a reason out.
 * Nothing here reads, writes, allocates or keeps state, so all of it can be fuzzed. */
#ifndef CCX_FRAMES_H
#define CCX_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTOCOL_VERSION = 6,
    FRAME_HEADER = 5,
    FRAME_MOST = 65536,
    CHUNK_MOST = 32768,
    INPUT_WINDOW = 65536,
    PATH_MOST = 4096,
    SEGMENT_MOST = 255,
    SIGNAL_MOST = 64,
    RESOURCES = 16, /* RLIM_NLIMITS */
};

enum { FILE_EXECUTABLE = 1, FILE_REPLACES = 2, FILE_FLAGS = 3 };
enum { STEP_INPUT_COMPLETE = 1, STEP_TERMINAL = 2, STEP_RESTORE = 4, STEP_PRESTARTED = 8, STEP_GIVES_BACK = 16, STEP_FLAGS = 31 };

enum frame_status { FRAME_INCOMPLETE, FRAME_WHOLE, FRAME_TOO_LONG };

/* A view; whoever hands it out owns the memory. */
struct bytes {
    const uint8_t *at;
    size_t size;
};

struct frame {
    char type;
    struct bytes payload;
};

/* A list of str16, checked, still in its wire form. */
struct strings {
    uint16_t count;
    struct bytes wire;
};

/* What the kernel holds each process to, by its RLIMIT_ number. */
struct kernel_limit {
    uint8_t resource;
    uint64_t most;
};

/* The payload of `S`, and of `R`, which has but few of the fields; all views point into that payload. */
struct order {
    uint32_t step;
    uint8_t flags;
    uint64_t cpu_us;
    uint64_t wall_us;
    uint64_t output_bytes;
    uint8_t kernel_limit_count;
    struct kernel_limit kernel_limit[RESOURCES];
    uint64_t counted_bytes; /* R */
    struct bytes marker;
    struct strings arguments;
    struct strings environment;
    struct bytes input;
};

/* One frame, understood. Which fields count depends on the type; the others are zero. */
struct command {
    char type;
    uint32_t step;      /* I E K X V */
    uint8_t flags;      /* F */
    uint8_t signal;     /* K */
    uint16_t rows;      /* V */
    uint16_t columns;   /* V */
    uint64_t most;      /* G */
    struct bytes body;  /* F G: the path; D I: the bytes */
    struct order order; /* S R */
};

enum frame_status frame_split(struct bytes input, struct frame *frame);

/* Returns NULL, or the reason why the frame is a protocol error. */
const char *command_parse(struct frame frame, struct command *command);
const char *order_parse(struct bytes payload, struct order *order);
const char *prestart_parse(struct bytes payload, struct order *order);

/* Makes a NULL-terminated vector of C strings out of `list`, in place: each terminator overwrites the byte behind its string, so the
 * memory must be writable, be one byte longer than the payload, and its later fields must have been read. Returns the place behind. */
char **strings_vector(struct strings list, char **vector);
/* Writes the strings one after the other, each with a NUL behind it: not more bytes than `list` has. Returns how many. */
size_t strings_join(struct strings list, char *to);

uint8_t *put_uint(uint8_t *to, uint64_t value, size_t size);

#endif
