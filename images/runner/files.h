/* The box: the one file system of the sandbox that can be written. Files are touched only under the effective uid of the submission, and
 * only while none of its processes lives, so nothing can be swapped underneath and no right is lent. */
#ifndef CCX_FILES_H
#define CCX_FILES_H

#include "frames.h"

#include <sys/types.h>

#define WORK_PATH "/box/work"
#define TEMPORARY_PATH "/box/tmp"

/* Makes the directories and closes the box itself to the submission. */
void box_start(uid_t submission);
int box_work(void);
uid_t box_uid(void);

void act_as_submission(void);
void act_as_runner(void);

/* `F`, `D`, and the end of the file begun last. The first errno is kept: what was to have the file cannot be started. */
void file_begin(struct bytes path, uint8_t flags);
void file_append(struct bytes bytes);
void file_end(void);
void files_fail(int error);
int files_take_error(void);

/* `G` and `L`. What the answer has to send goes out by `answer_advance`, as there is room, until `answer_is_open` says no. */
void artifact_begin(struct bytes path, uint64_t most_bytes);
void listing_begin(void);
void answer_advance(void);
bool answer_is_open(void);

/* Opens a regular file for reading, also one that its owner may not read at present. */
int open_readable(int directory, const char *name, mode_t mode);
bool marker_exists(struct bytes path);

#endif
