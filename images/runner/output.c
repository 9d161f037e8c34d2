#include "output.h"
#include "launch.h"
#include "link.h"

#include <errno.h>
#include <unistd.h>

static void pass_on(struct output *output, uint8_t *payload, uint64_t size) {
    uint64_t left = output_is_excessive(output) ? 0 : output->kept_most - output->total;
    uint64_t kept = size < left ? size : left;
    output->total += size;
    if (!kept)
        return;
    put_uint(payload, output->step, 4);
    link_send(output->type, 4 + kept);
}

int output_wanted(const struct output *output) {
    return link_has_room(4 + CHUNK_MOST + CONTROL_ROOM) ? output->fd : -1;
}

void output_read(struct output *output) {
    if (output_wanted(output) < 0)
        return;
    uint8_t *payload = link_payload(4 + CHUNK_MOST);
    ssize_t size = read(output->fd, payload + 4, CHUNK_MOST);
    if (size > 0)
        pass_on(output, payload, size);
    else if (size == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(&output->fd);
}

/* A pipe that has nothing now will never have more, whoever still holds it in an undelivered message. A terminal passes things on with
 * delay, but says when it is done. */
void output_drain(struct output *output, bool terminal) {
    uint64_t before;
    do {
        before = output->total;
        output_read(output);
    } while (output->total > before);
    if (output_wanted(output) >= 0 && !terminal)
        close_fd(&output->fd);
}

bool output_is_excessive(const struct output *output) {
    return output->total > output->kept_most;
}
