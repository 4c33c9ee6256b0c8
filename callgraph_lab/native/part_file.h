/* The file on disk that a live file is: its name, its descriptor, and room in it. */

#ifndef CGLAB_PART_FILE_H
#define CGLAB_PART_FILE_H

#include <stdint.h>

/* Where this process and those forked from it have their files. Returns 0 or an errno. */
int part_file_choose_folder(const char *folder);

/* Create a file for this process, under a name that no earlier recording of it has: ``*start_time`` and
 * the pid name the process for as long as the machine runs. Returns 0 or an errno. */
int part_file_create(uint64_t *start_time);
const char *part_file_path(void);

/* A descriptor of the file, or -1: errno says why. The kept one, if it still is our file: the target may
 * have closed it, and its number may stand for something else by now. Otherwise the file is opened again
 * by its name. */
int part_file_descriptor(void);

/* Reserve disk blocks before they are mapped: a store into a hole of a full disk is a SIGBUS. Returns 0
 * or an errno. */
int part_file_reserve(int descriptor, uint64_t offset, uint64_t size);

/* Let go of the descriptor. */
void part_file_leave(void);

/* Let go of it, and of the file. */
void part_file_remove(void);

#endif
