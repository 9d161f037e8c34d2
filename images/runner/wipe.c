#include "wipe.h"
#include "files.h"
#include "link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

static bool moved_or_removed;

static struct dirent *next_entry(DIR *listing) {
    struct dirent *entry = readdir(listing);
    while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
        entry = readdir(listing);
    return entry;
}

static DIR *list(int parent, const char *name) {
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return directory < 0 ? NULL : fdopendir(directory);
}

static bool is_removed(int parent, const char *name) {
    bool removed = unlinkat(parent, name, 0) == 0 || unlinkat(parent, name, AT_REMOVEDIR) == 0;
    moved_or_removed |= removed;
    return removed;
}

/* A directory can only change its parent if it may be written itself. */
static void move_up(int parent, const char *name, int top) {
    static unsigned serial;
    char unused[16];
    int failed;
    fchmodat(parent, name, 0700, 0);
    do {
        snprintf(unused, sizeof unused, "~%u", serial++);
        failed = renameat2(parent, name, top, unused, RENAME_NOREPLACE);
    } while (failed && errno == EEXIST);
    moved_or_removed |= !failed;
}

/* Empties a directory directly below `top` by moving its directories up beside it, then removes it. So no tree is ever descended: two
 * descriptors do for any depth, and every directory moves at most once. */
static void flatten(int top, const char *name) {
    fchmodat(top, name, 0700, 0);
    DIR *listing = list(top, name);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = next_entry(listing));)
        if (!is_removed(dirfd(listing), entry->d_name))
            move_up(dirfd(listing), entry->d_name, top);
    closedir(listing);
    is_removed(top, name);
}

/* A listing that changes while it is read may leave entries out, so it is read again until it is empty. */
static void empty_directory(const char *path) {
    DIR *listing = list(AT_FDCWD, path);
    if (!listing && errno == ENOENT)
        return;
    bool entries = listing;
    for (moved_or_removed = true; entries && moved_or_removed; rewinddir(listing)) {
        entries = moved_or_removed = false;
        for (struct dirent *entry; (entry = next_entry(listing)); entries = true)
            if (!is_removed(dirfd(listing), entry->d_name))
                flatten(dirfd(listing), entry->d_name);
    }
    if (!listing || entries)
        give_up("cannot empty %s: %s", path, strerror(errno));
    closedir(listing);
}

/* The IPC namespace is the sandbox's own: whatever is in it was made by the submission. */
static void remove_ipc(void) {
    struct shm_info shm_info;
    struct shmid_ds shm;
    for (int i = shmctl(0, SHM_INFO, (struct shmid_ds *)&shm_info); i >= 0; i--)
        shmctl(shmctl(i, SHM_STAT_ANY, &shm), IPC_RMID, NULL);
    struct msginfo msg_info;
    struct msqid_ds msg;
    for (int i = msgctl(0, MSG_INFO, (struct msqid_ds *)&msg_info); i >= 0; i--)
        msgctl(msgctl(i, MSG_STAT_ANY, &msg), IPC_RMID, NULL);
    struct seminfo sem_info;
    struct semid_ds sem;
    for (int i = semctl(0, 0, SEM_INFO, &sem_info); i >= 0; i--)
        semctl(semctl(i, 0, SEM_STAT_ANY, &sem), 0, IPC_RMID);
}

void wipe(void) {
    act_as_submission();
    fchmodat(AT_FDCWD, WORK_PATH, 0700, 0);
    fchmodat(AT_FDCWD, TEMPORARY_PATH, 01777, 0);
    empty_directory(WORK_PATH);
    empty_directory(TEMPORARY_PATH);
    empty_directory("/dev/shm");
    empty_directory("/dev/mqueue");
    remove_ipc();
    act_as_runner();
}
