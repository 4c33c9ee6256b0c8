#include "lines.h"

#include "callers.h"
#include "calls.h"
#include "clock.h"
#include "line_events.h"
#include "memory.h"
#include "threads.h"

#include <errno.h>

/* A call of a function whose lines are counted. */
struct lined_call {
    struct line_record *current; /* of the line that it is at, or NULL */
    uint32_t line;               /* its number, or 0 */
    struct lined_call *next_free;
};

static struct lined_call *free_calls;

/* ---- records ------------------------------------------------------------------------------ */

void
lines_begin_thread(struct thread *thread)
{
    struct thread_lines *lines = &thread->lines;
    table_clear(&lines->by_line);
    records_begin(&lines->records, BLOCK_LINES, sizeof(struct line_record));
    lines->records.thread_index = thread->index;
    lines->totals = NULL;
}

static struct line_record *
append(struct thread_lines *lines, uint32_t function, uint32_t line)
{
    struct line_record *record = records_next(&lines->records);
    if (record != NULL) {
        record->function = function;
        record->line = line;
        records_publish(&lines->records);
    }
    return record;
}

/* NULL: no room, errno says why. */
static struct line_record *
record_of(struct thread *thread, uint32_t function, uint32_t line)
{
    struct thread_lines *lines = &thread->lines;
    uint64_t key = ((uint64_t)function + 1) << 32 | line;
    struct line_record *record = (struct line_record *)(uintptr_t)table_get(&lines->by_line, key);
    if (LIKELY(record != NULL)) {
        return record;
    }
    if (lines->totals == NULL && memory_is_begun() &&
        (lines->totals = append(lines, NO_CONTEXT, 0)) == NULL) {
        return NULL;
    }
    uint32_t number_in_file = functions_number_in_file(function);
    if (number_in_file == NO_FUNCTION ||
        (record = append(lines, number_in_file, line)) == NULL) {
        return NULL;
    }
    if (!table_put(&lines->by_line, key, (uintptr_t)record)) {
        errno = ENOMEM;
        return NULL;
    }
    return record;
}

/* ---- time and bytes ----------------------------------------------------------------------- */

/* Of the calls at the line one more runs itself, or one less does. What they spend is the sum of the
 * moments at which they stop less that of those at which they go on: a reader adds the present moment for
 * each that runs. */
static void
runs(struct line_record *record, uint64_t now)
{
    STORE(record->own_ticks, record->own_ticks - now);
    STORE(record->running, record->running + 1);
}

static void
rests(struct line_record *record, uint64_t now)
{
    STORE(record->running, record->running - 1);
    STORE(record->own_ticks, record->own_ticks + now);
}

static void
begin_line(struct thread *thread, struct lined_call *lined, struct line_record *record,
           uint64_t now)
{
    const struct line_record *totals = thread->lines.totals;
    if (record->open == 0) {
        /* Recursion counts once. */
        STORE(record->since, now);
        if (totals != NULL) {
            STORE(record->allocated_before, totals->allocated);
            STORE(record->freed_before, totals->freed);
        }
    }
    PUBLISH(record->open, record->open + 1);
    runs(record, now);
    lined->current = record;
    lined->line = record->line;
}

static void
end_line(struct thread *thread, struct lined_call *lined, uint64_t now)
{
    const struct line_record *totals = thread->lines.totals;
    struct line_record *record = lined->current;
    lined->current = NULL;
    lined->line = 0;
    rests(record, now);
    STORE(record->open, record->open - 1);
    if (record->open != 0) {
        return;
    }
    STORE(record->ticks, record->ticks + (now > record->since ? now - record->since : 0));
    if (totals != NULL) {
        STORE(record->allocated,
              record->allocated + totals->allocated - record->allocated_before);
        STORE(record->freed, record->freed + totals->freed - record->freed_before);
    }
}

/* ---- calls -------------------------------------------------------------------------------- */

static struct lined_call *
new_lined_call(void)
{
    struct lined_call *lined = free_calls;
    if (lined == NULL) {
        lined = calloc(1, sizeof(*lined));
    }
    else {
        free_calls = lined->next_free;
        *lined = (struct lined_call){0};
    }
    return lined;
}

void
lines_forget(struct open_call *call)
{
    call->lined->next_free = free_calls;
    free_calls = call->lined;
    call->lined = NULL;
}

/* The line of its caller that a call is made from, where that is counted; NULL otherwise. */
static struct line_record *
line_of_caller(const struct open_call *call)
{
    if (!(call->node->watch & WATCH_LINES_OF_CALLER) || call->caller->lined == NULL) {
        return NULL;
    }
    return call->caller->lined->current;
}

void
lines_entered(struct thread *thread, struct open_call *call)
{
    struct line_record *of_caller = line_of_caller(call);
    if (of_caller != NULL) {
        rests(of_caller, call->entered);
    }
    if (!(call->node->watch & WATCH_LINES)) {
        return;
    }
    int saved_errno = errno;
    call->lined = new_lined_call();
    if (call->lined == NULL) {
        errno = ENOMEM;
        tree_give_up("lines could not be counted");
    }
    else {
        line_events_watch(frame_code(call->frame));
        /* A generator goes on in the middle of a line. */
        int line = call->flags & OPEN_IS_RESUME ? frame_line(call->frame) : 0;
        struct line_record *record =
            line < 1 ? NULL : record_of(thread, call->node->function, (uint32_t)line);
        if (record != NULL) {
            begin_line(thread, call->lined, record, call->entered);
        }
    }
    errno = saved_errno;
}

void
lines_left(struct thread *thread, struct open_call *call, uint64_t now)
{
    if (call->lined != NULL) {
        if (call->lined->current != NULL) {
            end_line(thread, call->lined, now);
        }
        lines_forget(call);
    }
    struct line_record *of_caller = line_of_caller(call);
    if (of_caller != NULL) {
        runs(of_caller, now);
    }
}

/* ---- what is told of lines ---------------------------------------------------------------- */

/* The open call of the frame that runs now; NULL: none whose lines are counted. */
static struct open_call *
running_call(struct thread **running_thread)
{
    struct thread *thread = current_thread;
    if (tree.session == 0 || thread->session != tree.session) {
        return NULL;
    }
    if (UNLIKELY(threads_child_is_pending())) {
        int saved_errno = errno;
        bool adopted = tree_adopt();
        errno = saved_errno;
        if (!adopted) {
            return NULL;
        }
    }
    interpreter_frame *frame = raw_current_frame(current_thread_state());
    struct open_call *call = thread->top;
    if (UNLIKELY(call->frame != frame)) {
        call = callers_call_of_frame(thread, frame);
    }
    *running_thread = thread;
    return call == NULL || call->lined == NULL ? NULL : call;
}

static void
count_hit(struct thread *thread, struct open_call *call, uint32_t line)
{
    uint64_t now = clock_read();
    int saved_errno = errno;
    struct line_record *record = record_of(thread, call->node->function, line);
    if (UNLIKELY(record == NULL)) {
        tree_give_up("the recording could not grow");
        errno = saved_errno;
        return;
    }
    errno = saved_errno;
    uint64_t began = now;
    if (LIKELY(call->lined->current != NULL)) {
        end_line(thread, call->lined, now);
    }
    else {
        began = call->entered; /* the first line has what it took to get there */
    }
    STORE(record->hits, record->hits + 1);
    begin_line(thread, call->lined, record, began);
}

void
lines_reached(int line)
{
    struct thread *thread;
    struct open_call *call = running_call(&thread);
    if (call != NULL && line > 0) {
        count_hit(thread, call, (uint32_t)line);
    }
}

void
lines_reached_again(void)
{
    struct thread *thread;
    struct open_call *call = running_call(&thread);
    if (call != NULL && call->lined->current != NULL) {
        STORE(call->lined->current->hits, call->lined->current->hits + 1);
    }
}

void
lines_returning(void)
{
    struct thread *thread;
    struct open_call *call = running_call(&thread);
    if (call != NULL && call->lined->current != NULL) {
        end_line(thread, call->lined, clock_read());
    }
}

/* ---- fork --------------------------------------------------------------------------------- */

static bool adopted_all;

static void
open_again(struct open_call *call)
{
    if (call->lined == NULL) {
        return;
    }
    uint32_t line = call->lined->line;
    call->lined->current = NULL;
    if (line != 0) {
        struct line_record *record = record_of(current_thread, call->node->function, line);
        if (record == NULL) {
            adopted_all = false;
            return;
        }
        begin_line(current_thread, call->lined, record, call->entered);
    }
}

static void
rest_again(struct open_call *call)
{
    struct line_record *of_caller = line_of_caller(call);
    if (of_caller != NULL) {
        rests(of_caller, call->entered);
    }
}

bool
lines_adopt(struct thread *thread)
{
    adopted_all = true;
    if (thread != NULL && thread->session == tree.session) {
        calls_visit(thread, open_again);
        calls_visit(thread, rest_again);
    }
    return adopted_all;
}
