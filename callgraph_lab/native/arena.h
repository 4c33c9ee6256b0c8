/* The live file of this process: its header, and the blocks that it grows by. */

#ifndef CGLAB_ARENA_H
#define CGLAB_ARENA_H

#include "live_format.h"

#include <stdbool.h>

/* Create the file of this process in ``folder``. With ``follow_forks`` a forked child keeps the run going
 * also before it begins a file of its own. Returns 0 or an errno. */
int arena_open(const char *folder, const char *information, size_t information_bytes,
               bool follow_forks);
bool arena_is_open(void);

/* Append a block with room for ``payload_bytes``. NULL when no room could be reserved: errno says
 * why. */
struct block_header *arena_append(enum block_type type, size_t payload_bytes, uint32_t first_id,
                                  uint32_t thread_index);
void arena_count(uint64_t contexts, uint64_t functions, uint64_t threads);
void arena_note_folding(uint64_t contexts);
void arena_note_folded_functions(uint64_t functions);
/* What a user should know of a recording that goes on. The first remark stays. */
void arena_remark(const char *remark);
/* The serial of a new event, from 1. */
uint64_t arena_count_event(void);
void arena_count_dropped_event(void);
/* The header's figures of memory: the peak, and behind it how many blocks could not be listed. */
uint64_t *arena_memory_totals(void);
/* In a child that nothing is recorded of, before it has left its parent's file. */
void arena_count_lost_child(int error);
void arena_refresh_anchor(void);
uint64_t arena_bytes(void);

/* From a signal handler: if ``address`` is in what is mapped of the file, somebody has cut the file short. Have
 * blank private memory in the place of all of it, so that the target goes on; what is recorded from
 * then on is lost, and the file says so in the end. False: it is another address. */
bool arena_replace_cut_file(const void *address);

/* Write the last word into the header. Blocks stay mapped until arena_close. */
void arena_finish(enum file_state state, int error_number, const char *reason);
/* Unmap everything. Threads that end meanwhile must not touch their blocks any more. */
void arena_close(void);

/* In a forked child, at once: keep every store away from the parent's file. Functions stay readable where
 * they are; contexts and stacks are blank private memory. A child that is to begin its own file keeps the parent's
 * header until then. False: no memory; then nothing may be recorded any more, and nothing be stored. */
bool arena_leave_parent(bool begins_own);
/* That header, or NULL: nobody else can tell what such a child does. */
struct file_header *arena_parents_header(void);
/* In the child, when it first runs Python code: begin a file of its own. Returns 0 or an errno, which the
 * parent's header then has as well: nobody else could tell that the child is missing. */
int arena_open_for_child(void);

#endif
