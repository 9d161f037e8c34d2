#include "frames.h"

#include <string.h>

/* Takes fields from the front of a payload. After the first failure every further field is empty, so one look at `failed` will do. */
struct reader {
    struct bytes left;
    bool failed;
};

static struct bytes take(struct reader *reader, size_t size) {
    if (reader->failed || size > reader->left.size) {
        reader->failed = true;
        return (struct bytes){0};
    }
    struct bytes taken = {reader->left.at, size};
    reader->left.at += size;
    reader->left.size -= size;
    return taken;
}

static struct bytes take_rest(struct reader *reader) {
    return take(reader, reader->left.size);
}

static uint64_t take_uint(struct reader *reader, size_t size) {
    struct bytes field = take(reader, size);
    uint64_t value = 0;
    for (size_t i = 0; i < field.size; i++)
        value = value << 8 | field.at[i];
    return value;
}

static struct bytes take_string(struct reader *reader) {
    struct bytes string = take(reader, take_uint(reader, 2));
    if (string.size && memchr(string.at, 0, string.size))
        reader->failed = true;
    return string;
}

static bool is_assignment(struct bytes string) {
    return string.size > 1 && memchr(string.at + 1, '=', string.size - 1) && string.at[0] != '=';
}

static struct strings take_strings(struct reader *reader, bool assignments) {
    struct strings list = {.count = take_uint(reader, 2)};
    list.wire.at = reader->left.at;
    for (uint16_t i = 0; i < list.count && !reader->failed; i++) {
        struct bytes string = take_string(reader);
        if (assignments && !is_assignment(string))
            reader->failed = true;
    }
    if (!reader->failed)
        list.wire.size = reader->left.at - list.wire.at;
    return list;
}

static void take_kernel_limits(struct reader *reader, struct order *order) {
    order->kernel_limit_count = take_uint(reader, 1);
    if (order->kernel_limit_count > RESOURCES)
        reader->failed = true;
    for (uint8_t i = 0; i < order->kernel_limit_count && !reader->failed; i++) {
        struct kernel_limit limit = {.resource = take_uint(reader, 1)};
        limit.most = take_uint(reader, 8);
        if (limit.resource >= RESOURCES)
            reader->failed = true;
        order->kernel_limit[i] = limit;
    }
}

static bool is_segment(struct bytes segment) {
    if (segment.size < 1 || segment.size > SEGMENT_MOST)
        return false;
    bool dots = segment.at[0] == '.' && (segment.size == 1 || (segment.size == 2 && segment.at[1] == '.'));
    return !dots;
}

static bool is_path(struct bytes path) {
    if (path.size < 1 || path.size > PATH_MOST || memchr(path.at, 0, path.size))
        return false;
    const uint8_t *end = path.at + path.size;
    for (const uint8_t *start = path.at;;) {
        const uint8_t *slash = memchr(start, '/', end - start);
        if (!is_segment((struct bytes){start, (slash ? slash : end) - start}))
            return false;
        if (!slash)
            return true;
        start = slash + 1;
    }
}

enum frame_status frame_split(struct bytes input, struct frame *frame) {
    struct reader reader = {.left = input};
    size_t size = take_uint(&reader, 4);
    if (!reader.failed && size > FRAME_MOST)
        return FRAME_TOO_LONG;
    frame->type = (char)take_uint(&reader, 1);
    frame->payload = take(&reader, size);
    return reader.failed ? FRAME_INCOMPLETE : FRAME_WHOLE;
}

static const char *order_check(const struct order *order) {
    if (order->flags & ~STEP_FLAGS)
        return "unknown step flag";
    if (order->arguments.count == 0)
        return "a step without arguments";
    if (order->marker.size && order->marker.at[0] != '/')
        return "marker is not absolute";
    if (order->marker.size > PATH_MOST)
        return "marker is too long";
    if (order->flags & STEP_GIVES_BACK && (!(order->flags & STEP_PRESTARTED) || order->input.size))
        return "only a prestarted program without input is given back";
    return NULL;
}

const char *order_parse(struct bytes payload, struct order *order) {
    struct reader reader = {.left = payload};
    *order = (struct order){0};
    order->step = take_uint(&reader, 4);
    order->flags = take_uint(&reader, 1);
    order->cpu_us = take_uint(&reader, 8);
    order->wall_us = take_uint(&reader, 8);
    order->output_bytes = take_uint(&reader, 8);
    take_kernel_limits(&reader, order);
    order->marker = take_string(&reader);
    order->arguments = take_strings(&reader, false);
    order->environment = take_strings(&reader, true);
    order->input = take_rest(&reader);
    return reader.failed ? "malformed step" : order_check(order);
}

const char *prestart_parse(struct bytes payload, struct order *order) {
    struct reader reader = {.left = payload};
    *order = (struct order){0};
    order->counted_bytes = take_uint(&reader, 8);
    order->arguments = take_strings(&reader, false);
    order->environment = take_strings(&reader, true);
    if (reader.failed || reader.left.size)
        return "malformed prestart";
    return order_check(order);
}

static const char *command_check(const struct command *command) {
    if ((command->type == 'F' || command->type == 'G') && !is_path(command->body))
        return "path out of range";
    if (command->type == 'F' && command->flags & ~FILE_FLAGS)
        return "unknown file flag";
    if (command->type == 'K' && (command->signal < 1 || command->signal > SIGNAL_MOST))
        return "signal out of range";
    return NULL;
}

static void take_fields(struct reader *reader, struct command *command) {
    if (strchr("IEKXV", command->type))
        command->step = take_uint(reader, 4);
    if (command->type == 'F')
        command->flags = take_uint(reader, 1);
    if (command->type == 'K')
        command->signal = take_uint(reader, 1);
    if (command->type == 'V') {
        command->rows = take_uint(reader, 2);
        command->columns = take_uint(reader, 2);
    }
    if (command->type == 'G')
        command->most = take_uint(reader, 8);
    if (strchr("FDIG", command->type))
        command->body = take_rest(reader);
}

const char *command_parse(struct frame frame, struct command *command) {
    *command = (struct command){.type = frame.type};
    if (!frame.type || !strchr("FDPBRSIEKXVGL", frame.type))
        return "unknown frame type";
    if (frame.type == 'S')
        return order_parse(frame.payload, &command->order);
    if (frame.type == 'R')
        return prestart_parse(frame.payload, &command->order);
    struct reader reader = {.left = frame.payload};
    take_fields(&reader, command);
    if (reader.failed)
        return "payload too short";
    if (reader.left.size)
        return "payload too long";
    return command_check(command);
}

char **strings_vector(struct strings list, char **vector) {
    struct reader reader = {.left = list.wire};
    char *end = NULL;
    for (uint16_t i = 0; i < list.count; i++) {
        struct bytes string = take_string(&reader);
        if (end)
            *end = 0; /* only now: it was the first byte of the length just read */
        end = (char *)string.at + string.size;
        *vector++ = (char *)string.at;
    }
    if (end)
        *end = 0;
    *vector++ = NULL;
    return vector;
}

size_t strings_join(struct strings list, char *to) {
    struct reader reader = {.left = list.wire};
    char *end = to;
    for (uint16_t i = 0; i < list.count; i++) {
        struct bytes string = take_string(&reader);
        memcpy(end, string.at, string.size);
        end[string.size] = 0;
        end += string.size + 1;
    }
    return end - to;
}

uint8_t *put_uint(uint8_t *to, uint64_t value, size_t size) {
    for (size_t i = size; i-- > 0; value >>= 8)
        to[i] = (uint8_t)value;
    return to + size;
}
