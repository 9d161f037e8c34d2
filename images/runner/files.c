#include "files.h"
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARTIFACT_OK, ARTIFACT_MISSING, ARTIFACT_NOT_REGULAR, ARTIFACT_TOO_LARGE };

static uid_t uid;
static int work = -1;
static int begun = -1;
static bool was_begun;
static int files_error;
static int artifact = -1;
static uint64_t artifact_left;
static bool listing_is_wanted;
static struct {
    uint8_t *at, *end;
} listing;

/* The group first while the effective uid may still change it, and the other way round on the way back. */
void act_as_submission(void) {
    if (setegid(uid) || seteuid(uid))
        give_up("cannot become the submission: %s", strerror(errno));
}

void act_as_runner(void) {
    if (seteuid(0) || setegid(0))
        give_up("cannot become root again: %s", strerror(errno));
}

void box_start(uid_t submission) {
    uid = submission;
    umask(022);
    act_as_submission();
    if (mkdir(WORK_PATH, 0700) || mkdir(TEMPORARY_PATH, 0700) || chmod(TEMPORARY_PATH, 01777))
        give_up("cannot make the directories of the box: %s", strerror(errno));
    work = open(WORK_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    act_as_runner();
    if (work < 0 || chmod("/box", 0755))
        give_up("cannot close the box: %s", strerror(errno));
}

int box_work(void) {
    return work;
}

uid_t box_uid(void) {
    return uid;
}

static int open_directory(int parent, const char *name, bool make) {
    if (make && mkdirat(parent, name, 0755) && errno != EEXIST)
        return -1;
    return openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Walks to the directory that holds the last segment, no symbolic link followed on the way. `path` is cut up; `*name` is its last part. */
static int open_parent(char *path, bool make, char **name) {
    int parent = openat(work, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    *name = path;
    for (char *slash; parent >= 0 && (slash = strchr(*name, '/')); *name = slash + 1) {
        *slash = 0;
        int next = open_directory(parent, *name, make);
        int error = errno;
        close(parent);
        errno = error;
        parent = next;
    }
    return parent;
}

static char *path_string(struct bytes path) {
    static char string[PATH_MOST + 1];
    memcpy(string, path.at, path.size);
    string[path.size] = 0;
    return string;
}

void files_fail(int error) {
    if (!files_error)
        files_error = error;
}

int files_take_error(void) {
    int error = files_error;
    files_error = 0;
    return error;
}

static int make_file(int parent, const char *name, uint8_t flags) {
    if (flags & FILE_REPLACES && unlinkat(parent, name, 0) && errno != ENOENT)
        return -1;
    return openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, flags & FILE_EXECUTABLE ? 0755 : 0644);
}

void file_begin(struct bytes path, uint8_t flags) {
    file_end();
    was_begun = true;
    act_as_submission();
    char *name;
    int parent = open_parent(path_string(path), true, &name);
    if (parent >= 0)
        begun = make_file(parent, name, flags);
    int error = errno;
    close(parent);
    act_as_runner();
    if (begun < 0)
        files_fail(error);
}

static bool write_whole(struct bytes bytes) {
    while (bytes.size) {
        ssize_t written = write(begun, bytes.at, bytes.size);
        if (written < 0)
            return false;
        bytes.at += written;
        bytes.size -= written;
    }
    return true;
}

/* Where the file could not be made, or is cut off already, the rest of it is dropped. */
void file_append(struct bytes bytes) {
    if (!was_begun)
        give_up("protocol error: no file was begun");
    if (begun >= 0 && !files_error && !write_whole(bytes))
        files_fail(errno);
}

void file_end(void) {
    if (begun >= 0 && close(begun))
        files_fail(errno);
    begun = -1;
    was_begun = false;
}

int open_readable(int directory, const char *name, mode_t mode) {
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int file = openat(directory, name, flags);
    if (file >= 0 || errno != EACCES || fchmodat(directory, name, (mode & 07777) | 0400, 0))
        return file;
    file = openat(directory, name, flags);
    fchmodat(directory, name, mode & 07777, 0);
    return file;
}

static int artifact_refusal(const struct stat *file, uint64_t most_bytes) {
    if (!S_ISREG(file->st_mode) || file->st_nlink != 1)
        return ARTIFACT_NOT_REGULAR;
    return (uint64_t)file->st_size > most_bytes ? ARTIFACT_TOO_LARGE : ARTIFACT_OK;
}

/* Looks before it opens: opening a device or a pipe can do things. Nobody is alive who could swap the file in between. */
static int artifact_open(struct bytes path, uint64_t most_bytes, struct stat *file) {
    char *name;
    int parent = open_parent(path_string(path), false, &name);
    if (parent < 0)
        return errno == ENOTDIR ? ARTIFACT_NOT_REGULAR : ARTIFACT_MISSING;
    int status = ARTIFACT_MISSING;
    if (fstatat(parent, name, file, AT_SYMLINK_NOFOLLOW) == 0)
        status = artifact_refusal(file, most_bytes);
    if (status == ARTIFACT_OK && (artifact = open_readable(parent, name, file->st_mode)) < 0)
        status = ARTIFACT_MISSING;
    close(parent);
    return status;
}

void artifact_begin(struct bytes path, uint64_t most_bytes) {
    struct stat file;
    act_as_submission();
    int status = artifact_open(path, most_bytes, &file);
    act_as_runner();
    artifact_left = status == ARTIFACT_OK ? file.st_size : 0;
    uint8_t *rest = put_uint(link_payload(9), status, 1);
    put_uint(rest, artifact_left, 8);
    link_send('a', 9);
}

static void artifact_end(void) {
    close(artifact);
    artifact = -1;
}

void listing_begin(void) {
    listing_is_wanted = true;
}

/* What is no artifact is left out, as is a path that is too long to be asked for. The walk ends where the frame is full. */
static int listing_add(const char *path, const struct stat *file, int type, struct FTW *place) {
    (void)place;
    const char *name = path + sizeof WORK_PATH; /* the NUL counts: here it is the slash */
    size_t size = type == FTW_F ? strlen(name) : 0;
    if (!size || size > PATH_MOST || artifact_refusal(file, UINT64_MAX) != ARTIFACT_OK)
        return 0;
    if ((size_t)(listing.end - listing.at) < 2 + size)
        return 1;
    listing.at = put_uint(listing.at, size, 2);
    memcpy(listing.at, name, size);
    listing.at += size;
    return 0;
}

/* No symbolic link is followed, and a directory that its owner may not read is passed over. */
static void listing_send(void) {
    enum { DESCRIPTORS = 16 };
    uint8_t *start = link_payload(FRAME_MOST);
    listing.at = start + 1;
    listing.end = start + FRAME_MOST;
    act_as_submission();
    bool is_whole = nftw(WORK_PATH, listing_add, DESCRIPTORS, FTW_PHYS) == 0;
    act_as_runner();
    put_uint(start, is_whole, 1);
    link_send('n', listing.at - start);
    listing_is_wanted = false;
}

void answer_advance(void) {
    if (listing_is_wanted && link_has_room(FRAME_MOST))
        listing_send();
    while (artifact >= 0 && artifact_left && link_has_room(CHUNK_MOST)) {
        size_t most = artifact_left < CHUNK_MOST ? artifact_left : CHUNK_MOST;
        ssize_t got = read(artifact, link_payload(CHUNK_MOST), most);
        if (got <= 0)
            give_up("cannot read an artifact: %s", got ? strerror(errno) : "it shrank");
        artifact_left -= got;
        link_send('d', got);
    }
    if (artifact >= 0 && !artifact_left)
        artifact_end();
}

bool answer_is_open(void) {
    return artifact >= 0 || listing_is_wanted;
}

bool marker_exists(struct bytes path) {
    if (!path.size)
        return false;
    struct stat file;
    act_as_submission();
    bool exists = fstatat(AT_FDCWD, path_string(path), &file, AT_SYMLINK_NOFOLLOW) == 0;
    act_as_runner();
    return exists;
}
