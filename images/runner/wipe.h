/* Removes all that a submission may have left in the sandbox: files, shared memory, message queues, semaphores.
 * Works whatever it left: directories without rights, trees deeper than a path can name or descriptors can reach. */
#ifndef CCX_WIPE_H
#define CCX_WIPE_H

/* Nothing of the submission may be alive. Does not return unless everything is gone. */
void wipe(void);

#endif
