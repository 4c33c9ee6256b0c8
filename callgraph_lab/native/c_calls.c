#include "c_calls.h"

#include "c_functions.h"
#include "callers.h"
#include "contexts.h"
#include "passing.h"
#include "threads.h"

#include <errno.h>

static struct node *
find_child(struct thread *thread, struct open_call *caller, const struct c_function *function)
{
    struct node *parent = caller->node;
    const struct recent_child *recent = recent_child(parent, function->definition);
    if (LIKELY(recent->parent == parent && recent->code == function->definition &&
               recent->class == function->type && recent->generation == registry_generation)) {
        return recent->child;
    }
    int saved_errno = errno;
    struct node *child = NULL;
    if (!threads_child_is_pending() || tree_adopt()) {
        bool lasting;
        uint32_t number = c_functions_number(function, &lasting);
        parent = caller->node; /* another one, where a forked child has got a file of its own */
        if (number != NO_FUNCTION) {
            child = contexts_child(thread, parent, number, parent->label);
        }
        if (child == NULL) {
            tree_give_up("the recording could not grow");
        }
        else if (lasting) {
            *recent_child(parent, function->definition) = (struct recent_child){
                .parent = parent,
                .code = function->definition,
                .class = function->type,
                .child = child,
                .generation = registry_generation,
            };
        }
    }
    errno = saved_errno;
    return child;
}

void
c_calls_begin(PyObject *callable, bool has_argument)
{
    struct c_function function;
    if (tree.session == 0 || !c_function_of(callable, has_argument, &function)) {
        return;
    }
    interpreter_frame *frame = raw_current_frame(current_thread_state());
    struct thread *thread = current_thread;
    if (UNLIKELY(thread->top == NULL) && (thread = threads_begin(frame)) == NULL) {
        return;
    }
    struct open_call *caller = thread->top;
    if (UNLIKELY(caller->frame != frame)) {
        caller = callers_find(thread, frame, frame);
        if (caller == NULL) {
            return;
        }
        if (caller->frame == FRAME_OF_C_CALL) {
            /* Nobody told of its end, as where another tool has raised an exception in its place. */
            caller = c_calls_leave(thread, caller);
        }
    }
    if (caller->node->kind != NODE_RECORDED) {
        return;
    }
    struct node *node = find_child(thread, caller, &function);
    if (node != NULL) {
        caller->c_call = enter_call(thread, caller, node, FRAME_OF_C_CALL, true);
    }
}

void
c_calls_end(void)
{
    struct thread *thread = current_thread;
    if (tree.session == 0 || thread->session != tree.session) {
        return;
    }
    interpreter_frame *frame = raw_current_frame(current_thread_state());
    struct open_call *call = thread->top;
    if (LIKELY(call->frame == frame)) {
        return; /* that was no C function, or one that is not recorded */
    }
    if (UNLIKELY(call->frame != FRAME_OF_C_CALL || call->caller->frame != frame)) {
        /* Another greenlet goes on, or frames were found on the stack that are gone by now. */
        call = callers_find(thread, frame, frame);
        if (call == NULL || call->frame != FRAME_OF_C_CALL) {
            return;
        }
    }
    c_calls_leave(thread, call);
}

struct open_call *
c_calls_leave(struct thread *thread, struct open_call *call)
{
    struct open_call *caller = call->caller;
    caller->c_call = NULL;
    leave_call(thread, call);
    return caller;
}
