#include "stand_in.h" /* Python.h comes first */

#include "endings.h"

#include "clock.h"

#include <unistd.h>

static struct file_header *watched;

void
endings_watch(struct file_header *header)
{
    watched = header;
}

/* A child made by a system call of its own has its parent's header before it, at the same address. */
static bool
is_ours(void)
{
    return watched != NULL && watched->pid == (uint64_t)getpid();
}

struct file_header *
endings_header(bool *of_this_process)
{
    *of_this_process = is_ours();
    return watched;
}

void
endings_write(enum ending ending)
{
    if (is_ours() && watched->ended_ns == 0) {
        STORE(watched->ending, (uint32_t)ending);
        PUBLISH(watched->ended_ns, clock_monotonic_ns());
    }
}

/* What ``exit`` of the C library runs: however the interpreter ended, if only it came to its end. */
__attribute__((destructor)) static void
process_exits(void)
{
    endings_write(ENDING_EXITED);
}

enum { EXIT, EXECV, EXECVE, ENDERS };

static struct stand_in enders[ENDERS] = {
    [EXIT] = {"posix", "_exit", NULL, NULL},
    [EXECV] = {"posix", "execv", NULL, NULL},
    [EXECVE] = {"posix", "execve", NULL, NULL},
};

static PyObject *
end(int number, PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    bool was_open = is_ours() && watched->ended_ns == 0;
    endings_write(number == EXIT ? ENDING_EXITED : ENDING_REPLACED);
    PyObject *result = stand_in_call_original(&enders[number], self, arguments, count, names);
    if (was_open && is_ours()) { /* it could not: the program goes on */
        PUBLISH(watched->ended_ns, 0);
        STORE(watched->ending, ENDING_UNKNOWN);
    }
    return result;
}

STAND_IN(EXIT, end)
STAND_IN(EXECV, end)
STAND_IN(EXECVE, end)

static const struct stand_in_functions functions[ENDERS] = {
    [EXIT] = STAND_IN_FUNCTIONS(EXIT),
    [EXECV] = STAND_IN_FUNCTIONS(EXECV),
    [EXECVE] = STAND_IN_FUNCTIONS(EXECVE),
};

bool
endings_install(void)
{
    for (int number = 0; number < ENDERS; number++) {
        if (!stand_in_install(&enders[number], &functions[number])) {
            return false;
        }
    }
    return true;
}
