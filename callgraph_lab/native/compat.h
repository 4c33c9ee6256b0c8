/* Every difference between the Python versions stands in this header, as inline functions with one
 * meaning. Nothing else in this folder looks at PY_VERSION_HEX or inside an interpreter frame. */

#ifndef CGLAB_COMPAT_H
#define CGLAB_COMPAT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#ifndef Py_BUILD_CORE_MODULE
#define Py_BUILD_CORE_MODULE 1
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x03100000
#error "the native engine is written for Python 3.11 to 3.15"
#endif
#ifdef Py_GIL_DISABLED
#error "the native engine relies on the interpreter lock, which a free-threaded Python has not"
#endif

#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_frame.h"
#include "internal/pycore_interpframe.h"
#include "internal/pycore_genobject.h"
#include "internal/pycore_stackref.h"
#else
#include "internal/pycore_frame.h"
#endif
#include "internal/pycore_code.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_object.h"
#if PY_VERSION_HEX >= 0x030D0000
#include "opcode_ids.h"
#else
#include "opcode.h"
#endif

#include <structmember.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct _PyInterpreterFrame interpreter_frame;

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Does this version have the specialised instruction that runs __init__ around the hook? */
#if PY_VERSION_HEX >= 0x030D0000 && PY_VERSION_HEX < 0x030E0000
#define CLASS_CALLS_BYPASS_THE_HOOK 1
#else
#define CLASS_CALLS_BYPASS_THE_HOOK 0
#endif

/* May ``os.posix_spawn`` be given None for an environment? */
#define SPAWN_MAY_HAVE_NO_ENVIRONMENT (PY_VERSION_HEX >= 0x030D0000)

/* Does a forked child switch perf's trampolines off also where their evaluator is not in its place? */
#define FORK_ENDS_TRAMPOLINES (PY_VERSION_HEX >= 0x030F0000)

/* May the collector run, and so the target's code, whenever a container object is made? From 3.12
 * on it waits for the evaluation loop instead. */
#if PY_VERSION_HEX < 0x030C0000
#define ALLOCATION_MAY_COLLECT 1
#else
#define ALLOCATION_MAY_COLLECT 0
#endif

/* Does the interpreter itself watch where the stack pointer is? Before, it only counts levels. */
#if PY_VERSION_HEX >= 0x030E0000
#define INTERPRETER_WATCHES_THE_STACK 1
#else
#define INTERPRETER_WATCHES_THE_STACK 0
#endif

/* Is recursion in C counted on its own? Each evaluator that is entered takes two then. */
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030E0000
#define C_RECURSION_IS_COUNTED 1
#else
#define C_RECURSION_IS_COUNTED 0
#endif

/* How are calls of C functions told of? From 3.12 on by sys.monitoring. */
#if PY_VERSION_HEX < 0x030C0000
#define C_CALLS_BY_PROFILE_SLOT 1
#else
#define C_CALLS_BY_PROFILE_SLOT 0
#endif

/* How are lines told of? From 3.12 on by sys.monitoring. */
#if PY_VERSION_HEX < 0x030C0000
#define LINES_BY_TRACE_SLOT 1
#else
#define LINES_BY_TRACE_SLOT 0
#endif

static inline PyCodeObject *
frame_code(interpreter_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    return (PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable);
#elif PY_VERSION_HEX >= 0x030D0000
    return (PyCodeObject *)frame->f_executable;
#else
    return frame->f_code;
#endif
}

/* The function object of a frame, or NULL. */
static inline PyFunctionObject *
frame_function(interpreter_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    PyObject *function = PyStackRef_AsPyObjectBorrow(frame->f_funcobj);
#elif PY_VERSION_HEX >= 0x030C0000
    PyObject *function = frame->f_funcobj;
#else
    PyObject *function = (PyObject *)frame->f_func;
#endif
    return function != NULL && PyFunction_Check(function) ? (PyFunctionObject *)function : NULL;
}

static inline PyObject *
frame_globals(interpreter_frame *frame)
{
    return frame->f_globals;
}

/* What stands in a slot of the frame's locals, cells and free variables: borrowed, may be NULL. */
static inline PyObject *
frame_slot(interpreter_frame *frame, int index)
{
#if PY_VERSION_HEX >= 0x030E0000
    _PyStackRef reference = frame->localsplus[index];
    if (PyStackRef_IsNull(reference) || PyStackRef_IsTaggedInt(reference)) {
        return NULL;
    }
    return PyStackRef_AsPyObjectBorrow(reference);
#else
    return frame->localsplus[index];
#endif
}

static inline bool
frame_of_generator(interpreter_frame *frame)
{
    return frame->owner == FRAME_OWNED_BY_GENERATOR;
}

/* The frame that runs when a hook is entered, that is, the caller of the hook's frame. */
static inline interpreter_frame *
raw_current_frame(PyThreadState *thread_state)
{
#if PY_VERSION_HEX >= 0x030D0000
    return thread_state->current_frame;
#else
    return thread_state->cframe->current_frame;
#endif
}

/* The same at any moment. Before 3.13 the thread state points into the C stack, which a switch of greenlets
 * is just writing over: what is read there may be anything, and AddressSanitizer must not ask. */
__attribute__((no_sanitize_address)) static inline interpreter_frame *
raw_frame_to_compare(PyThreadState *thread_state)
{
#if PY_VERSION_HEX >= 0x030D0000
    return thread_state->current_frame;
#else
    return thread_state->cframe->current_frame;
#endif
}

/* Skip what is no Python function: the evaluator's own entry frames and the shims around
 * __init__. */
static inline interpreter_frame *
first_real_frame(interpreter_frame *frame)
{
#if PY_VERSION_HEX >= 0x030C0000
    while (frame != NULL) {
#if PY_VERSION_HEX >= 0x030E0000
        bool shim = frame->owner >= FRAME_OWNED_BY_INTERPRETER;
#else
        bool shim = frame->owner == FRAME_OWNED_BY_CSTACK;
#endif
        if (!shim && frame_function(frame) != NULL) {
            break;
        }
        frame = frame->previous;
    }
#endif
    return frame;
}

static inline interpreter_frame *
previous_frame(interpreter_frame *frame)
{
    return frame->previous;
}

/* The source line that a frame stands at; below 1: none. */
static inline int
frame_line(interpreter_frame *frame)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_InterpreterFrame_GetLine(frame);
#else
    return PyCode_Addr2Line(frame->f_code,
                            _PyInterpreterFrame_LASTI(frame) * (int)sizeof(_Py_CODEUNIT));
#endif
}

/* Is this entry of a generator's frame its first, the call, rather than a continuation? Its frame
 * then still stands behind the instruction that made the generator. */
static inline bool
generator_begins(interpreter_frame *frame)
{
#if PY_VERSION_HEX >= 0x030D0000
    return frame->instr_ptr[-1].op.code == RETURN_GENERATOR;
#else
    return _Py_OPCODE(*frame->prev_instr) == RETURN_GENERATOR;
#endif
}

/* The generator that owns a frame. Whoever resumes it holds it, and reads its state when the
 * evaluation has returned, so it may be looked at then (unlike the frame of a plain function). */
static inline PyGenObject *
generator_of_frame(interpreter_frame *frame)
{
#if PY_VERSION_HEX >= 0x030E0000
    return _PyGen_GetGeneratorFromFrame(frame);
#else
    return _PyFrame_GetGenerator(frame);
#endif
}

static inline bool
generator_is_suspended(PyGenObject *generator)
{
#if PY_VERSION_HEX >= 0x030D0000
    return FRAME_STATE_SUSPENDED(generator->gi_frame_state);
#else
    return generator->gi_frame_state == FRAME_SUSPENDED;
#endif
}

#if C_RECURSION_IS_COUNTED
/* An address in the evaluator that runs the innermost frame, at a fixed distance from where that makes calls. */
static inline uintptr_t
evaluator_of(PyThreadState *thread_state, interpreter_frame *innermost)
{
#if PY_VERSION_HEX >= 0x030D0000
    /* Only where the frame has entered the evaluator, as all frames do under a hook. */
    (void)thread_state;
    return innermost == NULL ? 0 : (uintptr_t)innermost->previous;
#else
    (void)innermost;
    return (uintptr_t)thread_state->cframe;
#endif
}

/* The same of any frame; 0: it is too far up. Frames from before the hook went on in their caller's evaluator. */
static inline uintptr_t
evaluator_of_any(PyThreadState *thread_state, interpreter_frame *innermost)
{
#if PY_VERSION_HEX >= 0x030D0000
    interpreter_frame *frame = innermost;
    for (int frames = 0; frame != NULL && frames < 1000; frames++) {
        if (frame->owner == FRAME_OWNED_BY_CSTACK) {
            return (uintptr_t)frame;
        }
        frame = frame->previous;
    }
    return 0;
#else
    return evaluator_of(thread_state, innermost);
#endif
}

/* The instruction that a frame waits in, which is making a call. */
static inline const _Py_CODEUNIT *
waiting_instruction(interpreter_frame *frame)
{
#if PY_VERSION_HEX >= 0x030D0000
    return frame->instr_ptr;
#else
    return frame->prev_instr;
#endif
}

/* Which one it is, where lines are told of, too. */
static inline int
opcode_of(PyCodeObject *code, const _Py_CODEUNIT *instruction)
{
    const _PyCoMonitoringData *monitoring = code->_co_monitoring;
    if (instruction->op.code != INSTRUMENTED_LINE || monitoring == NULL || monitoring->lines == NULL) {
        return instruction->op.code;
    }
    return monitoring->lines[instruction - _PyCode_CODE(code)].original_opcode;
}

/* Has the interpreter tried in vain to specialise an instruction? Its counter then waits longer than a new one. */
static inline bool
was_not_specialised(const _Py_CODEUNIT *instruction)
{
    return (instruction[1].cache & 15) > 1;
}
#endif

#if !INTERPRETER_WATCHES_THE_STACK
/* The counter that makes the default evaluator raise RecursionError when it has run out. */
static inline int *
recursion_counter(PyThreadState *thread_state)
{
#if PY_VERSION_HEX >= 0x030C0000
    return &thread_state->c_recursion_remaining;
#else
    return &thread_state->recursion_remaining;
#endif
}
#endif

/* What a dictionary keeps under a string, borrowed, or NULL. A key that is no string may run code of the target
 * when it is compared: so it is not. An exception that is on its way stays. */
static inline PyObject *
value_under(PyObject *dictionary, PyObject *name)
{
    if (dictionary == NULL || !PyDict_Check(dictionary)) {
        return NULL;
    }
    if (DK_IS_UNICODE(((PyDictObject *)dictionary)->ma_keys)) {
        return PyDict_GetItemWithError(dictionary, name);
    }
    PyObject *key, *value;
    Py_ssize_t place = 0;
    while (PyDict_Next(dictionary, &place, &key, &value)) {
        if (key == name || (PyUnicode_CheckExact(key) && PyUnicode_Compare(key, name) == 0)) {
            return value;
        }
    }
    return NULL;
}

/* A type's own dictionary, borrowed, or NULL. */
static inline PyObject *
type_dictionary(PyTypeObject *type)
{
    /* Static builtin types keep theirs in the interpreter from 3.12 on; they are named by tp_name. */
    return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) ? type->tp_dict : NULL;
}

/* What an object keeps under a name in its dictionary, without making that dictionary: most objects have
 * only the values, and share the names with others of their class. Borrowed, or NULL. */
static inline PyObject *
instance_value(PyObject *object, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject *dictionary = NULL;
    if (!(type->tp_flags & Py_TPFLAGS_MANAGED_DICT)) {
        if (type->tp_dictoffset > 0) {
            dictionary = *(PyObject **)((char *)object + type->tp_dictoffset);
        }
    }
    else {
        PyDictValues *values = NULL;
#if PY_VERSION_HEX >= 0x030D0000
        dictionary = (PyObject *)_PyObject_GetManagedDict(object);
        if (dictionary == NULL && (type->tp_flags & Py_TPFLAGS_INLINE_VALUES) &&
            _PyObject_InlineValues(object)->valid) {
            values = _PyObject_InlineValues(object);
        }
#elif PY_VERSION_HEX >= 0x030C0000
        PyDictOrValues either = *_PyObject_DictOrValuesPointer(object);
        if (_PyDictOrValues_IsValues(either)) {
            values = _PyDictOrValues_GetValues(either);
        }
        else {
            dictionary = _PyDictOrValues_GetDict(either);
        }
#else
        values = *_PyObject_ValuesPointer(object);
        dictionary = *_PyObject_ManagedDictPointer(object);
#endif
        PyDictKeysObject *keys =
            values == NULL ? NULL : ((PyHeapTypeObject *)type)->ht_cached_keys;
        for (Py_ssize_t index = 0; keys != NULL && index < keys->dk_nentries; index++) {
            /* Names of attributes are interned. */
            if (DK_UNICODE_ENTRIES(keys)[index].me_key == name) {
                return values->values[index];
            }
        }
    }
    return value_under(dictionary, name);
}

/* Has the interpreter begun to take itself down? Functions of atexit have run by then. */
static inline bool
interpreter_is_finalizing(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

static inline PyThreadState *
current_thread_state(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

/* The exception that leaves the frame which has just been evaluated. */
struct raised {
    PyObject *type;
    PyObject *value; /* before 3.12 it may be what the exception is still to be made of */
    PyObject *traceback;
};

static inline struct raised raised_now(PyThreadState *thread_state);

/* Has the frame that was just left by an exception never run? The evaluator refuses it with RecursionError before its
 * first instruction, and a frame that has run is in the traceback of what leaves it. */
static inline bool
was_refused(PyThreadState *thread_state)
{
    struct raised raised = raised_now(thread_state);
    return raised.type == PyExc_RecursionError && raised.traceback == NULL;
}

/* Will the evaluator refuse the next call for its depth? Where it cannot be known, as where the stack itself is used up,
 * it is not said. */
static inline bool
will_be_refused(PyThreadState *thread_state)
{
#if PY_VERSION_HEX >= 0x030C0000
    return thread_state->py_recursion_remaining <= 0 && thread_state->recursion_headroom == 0;
#else
    int depth = thread_state->recursion_limit - thread_state->recursion_remaining + 1;
    return thread_state->recursion_remaining <= 0 && thread_state->recursion_headroom == 0 &&
           depth >= thread_state->interp->ceval.recursion_limit;
#endif
}

/* All of it borrowed. */
static inline struct raised
raised_now(PyThreadState *thread_state)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyObject *exception = thread_state->current_exception;
    if (exception == NULL) {
        return (struct raised){NULL, NULL, NULL};
    }
    return (struct raised){(PyObject *)Py_TYPE(exception), exception,
                           ((PyBaseExceptionObject *)exception)->traceback};
#else
    return (struct raised){thread_state->curexc_type, thread_state->curexc_value,
                           thread_state->curexc_traceback};
#endif
}

/* Put it aside, and back again when something else has been done. */
static inline struct raised
take_raised(void)
{
    struct raised raised = {NULL, NULL, NULL};
#if PY_VERSION_HEX >= 0x030C0000
    raised.value = PyErr_GetRaisedException();
#else
    PyErr_Fetch(&raised.type, &raised.value, &raised.traceback);
#endif
    return raised;
}

static inline void
put_raised_back(struct raised raised)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(raised.value);
#else
    PyErr_Restore(raised.type, raised.value, raised.traceback);
#endif
}

#if C_CALLS_BY_PROFILE_SLOT
static inline Py_tracefunc
profile_slot(PyThreadState *thread_state)
{
    return thread_state->c_profilefunc;
}

/* Are the frames that begin now, and the one that runs, to tell what they do? */
static inline void
set_tracing(PyThreadState *thread_state, bool traces)
{
    thread_state->cframe->use_tracing = thread_state->tracing == 0 && traces ? 255 : 0;
}

/* What sys.setprofile does, but no audit hook of the target hears of it. Nobody else's may be there. */
static inline void
set_profile_slot(PyThreadState *thread_state, Py_tracefunc function)
{
    thread_state->c_profilefunc = function;
    bool traces = thread_state->c_tracefunc != NULL || function != NULL;
    set_tracing(thread_state, traces);
}
#elif PY_VERSION_HEX < 0x030D0000
static inline int
PyLong_AsInt(PyObject *object)
{
    return _PyLong_AsInt(object);
}
#endif

#endif
