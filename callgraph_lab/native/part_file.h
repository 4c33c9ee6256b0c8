/* The file on disk that a live file is: its name, its descriptor, and room in it. */

#ifndef CGLAB_PART_FILE_H
#define CGLAB_PART_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where this process and those forked from it have their files. With ``lasts_with_children`` a forked child
 * that has no file of its own yet keeps the run going. Returns 0 or an errno. */
int part_file_choose_folder(const char *folder, bool lasts_with_children);

/* Create a file for this process, under a name that no earlier recording of it has: ``*start_time`` and
 * the pid name the process for as long as the machine runs. Returns 0 or an errno. */
int part_file_create(uint64_t *start_time);
const char *part_file_path(void);

/* A descriptor of the file, or -1: errno says why. The kept one, if it still is our file: the target may
 * have closed it, and its number may stand for something else by now. Otherwise the file is opened again
 * by its name. */
int part_file_descriptor(void);

/* Has somebody cut the file short? */
bool part_file_is_shorter(int descriptor, uint64_t end);
/* Have this be all that is in the file, if possible. */
void part_file_write_anew(const void *bytes, size_t size);

/* Reserve disk blocks before they are mapped: a store into a hole of a full disk is a SIGBUS. Returns 0
 * or an errno. */
int part_file_reserve(int descriptor, uint64_t offset, uint64_t size);

/* Does the kernel tell others, by a lock on the file, whether this process is still there? */
bool part_file_is_locked(void);

/* Tell them that it is not: recording is over, the process goes on. */
void part_file_unlock(void);

/* Let go of the descriptor. */
void part_file_leave(void);

/* Let go of it, and of the file. */
void part_file_remove(void);

#endif
