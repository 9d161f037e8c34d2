#include "preserve.h"
#include "files.h"
#include "link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARCHIVE_PATH "/box/preserved"

/* The archive is a sequence of records. Behind each come its path, then `body_bytes`: for a link its target, for a file its extents, each
 * an `extent` and as many bytes; what no extent covers is a hole. */
struct record {
    mode_t mode;
    uint32_t path_bytes;
    uint64_t file_bytes;
    uint64_t body_bytes;
    struct timespec changed;
};

struct extent {
    uint64_t offset;
    uint64_t bytes;
};

static int archive = -1;
static int archive_error;
static bool preserved;

static bool write_all(const void *from, size_t size) {
    for (const char *at = from; size;) {
        ssize_t written = write(archive, at, size);
        if (written < 0)
            return false;
        at += written;
        size -= written;
    }
    return true;
}

static bool read_all(void *to, size_t size) {
    ssize_t got = read(archive, to, size);
    if (got >= 0 && (size_t)got != size)
        errno = EIO;
    return got >= 0 && (size_t)got == size;
}

static bool copy_bytes(int to, int from, uint64_t size) {
    while (size) {
        ssize_t sent = sendfile(to, from, NULL, size);
        if (sent == 0)
            errno = EIO;
        if (sent <= 0)
            return false;
        size -= sent;
    }
    return true;
}

static bool append_extent(int file, off_t from, off_t to) {
    struct extent extent = {from, to - from};
    return to >= from && write_all(&extent, sizeof extent) && lseek(file, from, SEEK_SET) >= 0 && copy_bytes(archive, file, extent.bytes);
}

/* A kernel that knows nothing of holes (gVisor's) says EINVAL: then all of the file is data. */
static bool append_extents(int file) {
    for (off_t hole = 0;;) {
        off_t data = lseek(file, hole, SEEK_DATA);
        if (data < 0 && errno == EINVAL)
            return append_extent(file, 0, lseek(file, 0, SEEK_END));
        if (data < 0)
            return errno == ENXIO;
        hole = lseek(file, data, SEEK_HOLE);
        if (!append_extent(file, data, hole))
            return false;
    }
}

static bool append_file(const char *path, mode_t mode) {
    int file = open_readable(box_work(), path, mode);
    if (file < 0)
        return false;
    bool appended = append_extents(file);
    int error = errno;
    close(file);
    errno = error;
    return appended;
}

static bool append_link(const char *path) {
    char target[PATH_MOST];
    ssize_t size = readlinkat(box_work(), path, target, sizeof target);
    return size >= 0 && write_all(target, size);
}

static bool append_body(const char *path, mode_t mode) {
    if (S_ISREG(mode))
        return append_file(path, mode);
    return S_ISLNK(mode) ? append_link(path) : true;
}

/* The size of the body is known once it is written, and then put into the record. */
static bool append(const char *path) {
    struct stat file;
    if (fstatat(box_work(), path, &file, AT_SYMLINK_NOFOLLOW))
        return false;
    if (!S_ISREG(file.st_mode) && !S_ISLNK(file.st_mode) && !S_ISDIR(file.st_mode))
        return true;
    struct record record = {
        .mode = file.st_mode, .path_bytes = strlen(path), .file_bytes = file.st_size, .changed = file.st_mtim};
    off_t at = lseek(archive, 0, SEEK_END);
    if (!write_all(&record, sizeof record) || !write_all(path, record.path_bytes) || !append_body(path, file.st_mode))
        return false;
    record.body_bytes = lseek(archive, 0, SEEK_CUR) - at - sizeof record - record.path_bytes;
    return pwrite(archive, &record, sizeof record, at) == sizeof record;
}

/* The empty path is the work directory itself. */
static bool append_entry(const char *parent, const char *name) {
    char path[PATH_MOST];
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    int size = snprintf(path, sizeof path, "%s%s%s", parent, *parent ? "/" : "", name);
    return size >= (int)sizeof path || append(path);
}

static bool append_directory(const char *path, mode_t mode) {
    fchmodat(box_work(), *path ? path : ".", (mode & 07777) | 0700, 0);
    int directory = openat(box_work(), *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = directory < 0 ? NULL : fdopendir(directory);
    if (!listing)
        return false;
    bool appended = true;
    for (struct dirent *entry; appended && (entry = readdir(listing));)
        appended = append_entry(path, entry->d_name);
    int error = errno;
    closedir(listing);
    errno = error;
    return appended;
}

/* Reads a record and its path. The archive stands at the record's body then. False at the end, too, with errno 0. */
static bool next_record(struct record *record, char path[PATH_MOST + 1]) {
    ssize_t got = read(archive, record, sizeof *record);
    errno = got == 0 ? 0 : EIO;
    if (got != sizeof *record || record->path_bytes > PATH_MOST || !read_all(path, record->path_bytes))
        return false;
    path[record->path_bytes] = 0;
    return true;
}

/* The archive is its own list of what is still to do: every directory met in it is listed behind its end, until the end is reached.
 * So the depth of the tree costs neither stack nor descriptors. */
static bool append_tree(void) {
    struct record record;
    char path[PATH_MOST + 1];
    if (fchmod(box_work(), 0700) || !append_directory("", 0700))
        return false;
    for (off_t next = 0; lseek(archive, next, SEEK_SET) >= 0 && next_record(&record, path);) {
        next += sizeof record + record.path_bytes + record.body_bytes;
        if (S_ISDIR(record.mode) && !append_directory(path, record.mode))
            return false;
    }
    return errno == 0;
}

/* In the box, so that its size bounds both copies, but without a name. */
static int make_archive(void) {
    int file = open(ARCHIVE_PATH, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file >= 0 && unlink(ARCHIVE_PATH) ? -1 : file;
}

/* What is too much to be kept is dropped at once, for the room it takes. */
void preserve(void) {
    if (archive >= 0)
        close(archive);
    archive = make_archive();
    archive_error = archive < 0 ? errno : 0;
    preserved = true;
    if (archive_error)
        return;
    act_as_submission();
    archive_error = append_tree() ? 0 : errno;
    act_as_runner();
    if (archive_error && ftruncate(archive, 0))
        give_up("cannot preserve: %s", strerror(errno));
}

bool is_preserved(void) {
    return preserved;
}

static bool restore_extents(int file, const struct record *record) {
    for (uint64_t done = 0; done < record->body_bytes;) {
        struct extent extent;
        if (!read_all(&extent, sizeof extent) || lseek(file, extent.offset, SEEK_SET) < 0 || !copy_bytes(file, archive, extent.bytes))
            return false;
        done += sizeof extent + extent.bytes;
    }
    return ftruncate(file, record->file_bytes) == 0;
}

static bool restore_file(const struct record *record, const char *path) {
    int file = openat(box_work(), path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    const struct timespec times[2] = {record->changed, record->changed};
    bool restored = restore_extents(file, record) && fchmod(file, record->mode & 0777) == 0 && futimens(file, times) == 0;
    int error = errno;
    close(file);
    errno = error;
    return restored;
}

static bool restore_link(const struct record *record, const char *path) {
    char target[PATH_MOST + 1];
    if (record->body_bytes > PATH_MOST || !read_all(target, record->body_bytes))
        return false;
    target[record->body_bytes] = 0;
    return symlinkat(target, box_work(), path) == 0;
}

static bool restore_record(const struct record *record, const char *path) {
    if (S_ISREG(record->mode))
        return restore_file(record, path);
    if (S_ISLNK(record->mode))
        return restore_link(record, path);
    return mkdirat(box_work(), path, (record->mode & 0777) | 0700) == 0;
}

static bool restore_tree(void) {
    struct record record;
    char path[PATH_MOST + 1];
    if (lseek(archive, 0, SEEK_SET) < 0)
        return false;
    while (next_record(&record, path))
        if (!restore_record(&record, path))
            return false;
    return errno == 0;
}

int restore(void) {
    if (archive_error)
        return archive_error;
    act_as_submission();
    int error = restore_tree() ? 0 : errno;
    act_as_runner();
    return error;
}
