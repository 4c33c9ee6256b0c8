/* Other Pythons that the target starts, or goes on as, while these are not recorded: they are counted in the
 * header of the live file, so that the recording can say what is missing. */

#ifndef CGLAB_OTHER_PYTHONS_H
#define CGLAB_OTHER_PYTHONS_H

#include <stdbool.h>

/* Count them from now on, whatever engine keeps the file. False and an exception. */
bool other_pythons_count(void);

#endif
