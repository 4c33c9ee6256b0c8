#define _GNU_SOURCE 1
#include "child_shell.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL "/bin/sh"
#define SHELL_NOT_STARTED (127 << 8) /* as if the shell had ended with that */

/* While any shell runs, this process ignores what the terminal's keys send to it as well. */
static pthread_mutex_t shells_lock = PTHREAD_MUTEX_INITIALIZER;
static int shells;
static struct sigaction interrupt_before, quit_before;

static void
begin_ignoring(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    pthread_mutex_lock(&shells_lock);
    if (shells++ == 0) {
        sigaction(SIGINT, &ignore, &interrupt_before);
        sigaction(SIGQUIT, &ignore, &quit_before);
    }
    pthread_mutex_unlock(&shells_lock);
}

static void
end_ignoring(void)
{
    pthread_mutex_lock(&shells_lock);
    if (--shells == 0) {
        sigaction(SIGINT, &interrupt_before, NULL);
        sigaction(SIGQUIT, &quit_before, NULL);
    }
    pthread_mutex_unlock(&shells_lock);
}

/* The shell gets the signals as this process had them before. */
static int
start_shell(const char *command, char **environment, const sigset_t *mask, pid_t *pid)
{
    sigset_t defaults;
    sigemptyset(&defaults);
    if (interrupt_before.sa_handler != SIG_IGN) {
        sigaddset(&defaults, SIGINT);
    }
    if (quit_before.sa_handler != SIG_IGN) {
        sigaddset(&defaults, SIGQUIT);
    }
    posix_spawnattr_t attributes;
    int error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        return error;
    }
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    char *const words[] = {"sh", "-c", (char *)command, NULL};
    error = posix_spawn(pid, SHELL, NULL, &attributes, words,
                        environment == NULL ? environ : environment);
    posix_spawnattr_destroy(&attributes);
    return error;
}

PyObject *
child_shell_run(const char *command, char **environment)
{
    sigset_t child_ended, before;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    begin_ignoring();
    pthread_sigmask(SIG_BLOCK, &child_ended, &before);
    pid_t pid;
    int status = SHELL_NOT_STARTED;
    int error = start_shell(command, environment, &before, &pid);
    if (error == 0) {
        pid_t ended;
        Py_BEGIN_ALLOW_THREADS
        do {
            ended = waitpid(pid, &status, 0);
        } while (ended < 0 && errno == EINTR);
        error = ended < 0 ? errno : 0;
        Py_END_ALLOW_THREADS
        status = error == 0 ? status : -1;
    }
    end_ignoring();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return PyLong_FromLong(status);
}
