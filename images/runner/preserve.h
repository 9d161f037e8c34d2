/* The preserved state of the work directory, in a file without a name: out of the submission's reach. */
#ifndef CCX_PRESERVE_H
#define CCX_PRESERVE_H

#include <stdbool.h>

/* Regular files (mode, time of change, holes), directories and symbolic links are kept; other kinds are not, nor is what lies so deep that
 * no path can name it. A failure is remembered, and reported by the restoration. */
void preserve(void);
bool is_preserved(void);

/* Fills the empty work directory with the preserved state. Returns 0 or an errno. */
int restore(void);

#endif
