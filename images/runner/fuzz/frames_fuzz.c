/* Feeds arbitrary bytes, taken as what an orchestrator sends, through all that is pure in the runner, and checks what the rest relies on. */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)     \
    do {                     \
        if (!(condition))    \
            abort();         \
    } while (0)

static bool holds(struct bytes outer, struct bytes inner) {
    return !inner.size || (inner.at >= outer.at && inner.at + inner.size <= outer.at + outer.size);
}

static void check_vector(struct bytes payload, char **vector, uint16_t count) {
    for (uint16_t i = 0; i < count; i++)
        CHECK(holds(payload, (struct bytes){(uint8_t *)vector[i], strlen(vector[i])}));
    CHECK(vector[count] == NULL);
}

/* As the runner does it: an own copy, one byte longer, parsed again, then cut into strings. */
static void check_order(struct bytes payload) {
    static char *vectors[FRAME_MOST / 2 + 2];
    uint8_t *own = malloc(payload.size + 1);
    memcpy(own, payload.at, payload.size);
    struct bytes copy = {own, payload.size};
    struct order order;
    CHECK(!order_parse(copy, &order));
    CHECK(holds(copy, order.marker) && holds(copy, order.input) && order.input.size < INPUT_WINDOW);
    char **environment = strings_vector(order.arguments, vectors);
    char **end = strings_vector(order.environment, environment);
    CHECK(end <= vectors + sizeof vectors / sizeof *vectors);
    check_vector(copy, vectors, order.arguments.count);
    check_vector(copy, environment, order.environment.count);
    free(own);
}

static void check_prestart(struct bytes payload) {
    struct order order;
    CHECK(!prestart_parse(payload, &order));
    char *joined = malloc(order.arguments.wire.size);
    CHECK(joined && strings_join(order.arguments, joined) <= order.arguments.wire.size && order.arguments.count);
    free(joined);
}

static void check_path(struct bytes path) {
    CHECK(path.size && path.size <= PATH_MOST && path.at[0] != '/' && !memchr(path.at, 0, path.size));
}

static void check_command(struct frame frame) {
    struct command command;
    if (command_parse(frame, &command))
        return;
    CHECK(holds(frame.payload, command.body));
    if (command.type == 'F' || command.type == 'G')
        check_path(command.body);
    if (command.type == 'S')
        check_order(frame.payload);
    if (command.type == 'R')
        check_prestart(frame.payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = {data, size};
    struct frame frame;
    while (frame_split(input, &frame) == FRAME_WHOLE) {
        CHECK(holds(input, frame.payload) && frame.payload.size <= FRAME_MOST);
        check_command(frame);
        input.at += FRAME_HEADER + frame.payload.size;
        input.size -= FRAME_HEADER + frame.payload.size;
    }
    return 0;
}
