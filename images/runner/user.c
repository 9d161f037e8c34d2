/*
 * A name and a home for whoever a program runs as. Each sandbox has a user id of its own, and the image cannot list them all: this answers
 * for every id of sandboxes where /etc/passwd knows none (see nsswitch.conf, finish.sh).
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* As docker_host/sandboxes/lifecycle.py has it. */
enum { FIRST_ID = 20000, LAST_ID = 29999 };

static const char NAME[] = "sandbox", PASSWORD[] = "x", HOME[] = "/box/work", SHELL[] = "/bin/sh", NOTHING[] = "";

/* A copy in the caller's memory; NULL: there is no room. */
static char *kept(const char *text, char **room, size_t *left) {
    size_t size = strlen(text) + 1;
    if (size > *left)
        return NULL;
    char *copy = memcpy(*room, text, size);
    *room += size;
    *left -= size;
    return copy;
}

static enum nss_status no_room(int *error) {
    *error = ERANGE;
    return NSS_STATUS_TRYAGAIN;
}

EXPORT enum nss_status _nss_ccx_getpwuid_r(uid_t id, struct passwd *user, char *room, size_t left, int *error) {
    if (id < FIRST_ID || id > LAST_ID)
        return NSS_STATUS_NOTFOUND;
    user->pw_uid = id;
    user->pw_gid = id;
    user->pw_name = kept(NAME, &room, &left);
    user->pw_passwd = kept(PASSWORD, &room, &left);
    user->pw_gecos = kept(NOTHING, &room, &left);
    user->pw_dir = kept(HOME, &room, &left);
    user->pw_shell = kept(SHELL, &room, &left);
    return user->pw_shell ? NSS_STATUS_SUCCESS : no_room(error);
}

EXPORT enum nss_status _nss_ccx_getpwnam_r(const char *name, struct passwd *user, char *room, size_t left, int *error) {
    return strcmp(name, NAME) ? NSS_STATUS_NOTFOUND : _nss_ccx_getpwuid_r(getuid(), user, room, left, error);
}

EXPORT enum nss_status _nss_ccx_getgrgid_r(gid_t id, struct group *group, char *room, size_t left, int *error) {
    if (id < FIRST_ID || id > LAST_ID)
        return NSS_STATUS_NOTFOUND;
    size_t unaligned = -(size_t)room % sizeof(char *);
    if (left < unaligned + sizeof(char *))
        return no_room(error);
    group->gr_mem = (char **)(void *)(room + unaligned);
    group->gr_mem[0] = NULL;
    room += unaligned + sizeof(char *);
    left -= unaligned + sizeof(char *);
    group->gr_gid = id;
    group->gr_name = kept(NAME, &room, &left);
    group->gr_passwd = kept(PASSWORD, &room, &left);
    return group->gr_passwd ? NSS_STATUS_SUCCESS : no_room(error);
}
