#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_BYTES = 256 * 1024, LAST_WORDS_BYTES = 512, LAST_WORDS_MS = 1000 };

/* Live bytes are [start, end) of `at`. */
struct buffer {
    uint8_t *at;
    size_t most, start, end;
};

static uint8_t in_bytes[2 * (FRAME_HEADER + FRAME_MOST)];
static uint8_t out_bytes[OUT_BYTES];
static struct buffer in = {in_bytes, sizeof in_bytes, 0, 0};
static struct buffer out = {out_bytes, sizeof out_bytes, 0, 0};

static void compact(struct buffer *buffer) {
    memmove(buffer->at, buffer->at + buffer->start, buffer->end - buffer->start);
    buffer->end -= buffer->start;
    buffer->start = 0;
}

static bool is_again(int error) {
    return error == EAGAIN || error == EINTR;
}

void link_start(void) {
    if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) || fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK))
        give_up("standard input and output: %s", strerror(errno));
}

void link_receive(void) {
    compact(&in);
    ssize_t got = read(STDIN_FILENO, in.at + in.end, in.most - in.end);
    if (got > 0)
        in.end += got;
    else if (got == 0 || !is_again(errno))
        exit(0);
}

bool link_next(struct frame *frame) {
    enum frame_status status = frame_split((struct bytes){in.at + in.start, in.end - in.start}, frame);
    if (status == FRAME_TOO_LONG)
        give_up("protocol error: frame too long");
    if (status == FRAME_WHOLE)
        in.start += FRAME_HEADER + frame->payload.size;
    return status == FRAME_WHOLE;
}

bool link_has_room(size_t payload_bytes) {
    return FRAME_HEADER + payload_bytes <= out.most - (out.end - out.start);
}

uint8_t *link_payload(size_t payload_bytes) {
    if (FRAME_HEADER + payload_bytes > out.most - out.end)
        compact(&out);
    return out.at + out.end + FRAME_HEADER;
}

void link_send(char type, size_t payload_bytes) {
    uint8_t *rest = put_uint(out.at + out.end, payload_bytes, 4);
    *rest = (uint8_t)type;
    out.end += FRAME_HEADER + payload_bytes;
}

bool link_is_pending(void) {
    return out.start < out.end;
}

void link_flush(void) {
    ssize_t written = write(STDOUT_FILENO, out.at + out.start, out.end - out.start);
    if (written >= 0)
        out.start += written;
    else if (!is_again(errno))
        exit(0); /* nobody listens any more */
    if (out.start == out.end)
        out.start = out.end = 0;
}

/* The one place that waits for the orchestrator, and not for long. */
static void flush_last_words(void) {
    struct pollfd writable = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (link_is_pending() && poll(&writable, 1, LAST_WORDS_MS) > 0)
        link_flush();
}

void give_up(const char *format, ...) {
    char text[LAST_WORDS_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t size = strlen(text);
    dprintf(STDERR_FILENO, "ccx runner: %s\n", text);
    if (!link_has_room(size))
        flush_last_words();
    if (link_has_room(size)) {
        memcpy(link_payload(size), text, size);
        link_send('!', size);
        flush_last_words();
    }
    exit(1);
}
