#define _GNU_SOURCE 1
#include "file_guard.h"

#include "arena.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

static struct sigaction before;
static bool is_in_place;

/* The signal goes on to whom it would have gone to without us. */
static void
pass_on(int number, siginfo_t *information, void *context)
{
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(number, information, context);
    }
    else if (before.sa_handler != SIG_DFL) {
        before.sa_handler(number);
    }
    else {
        sigaction(number, &before, NULL);
        if (information->si_code <= 0) {
            raise(number); /* it was sent; a fault happens again by itself */
        }
    }
}

static void
handle(int number, siginfo_t *information, void *context)
{
    int saved_errno = errno;
    /* Only the kernel can tell of an address. */
    bool is_mended = information->si_code > 0 && arena_replace_cut_file(information->si_addr);
    errno = saved_errno;
    if (!is_mended) {
        pass_on(number, information, context);
        errno = saved_errno;
    }
}

void
file_guard_start(void)
{
    struct sigaction now, ours;
    if (sigaction(SIGBUS, NULL, &now) != 0 ||
        ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle) ||
        (!(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_IGN)) {
        return;
    }
    before = now;
    memset(&ours, 0, sizeof(ours));
    ours.sa_sigaction = handle;
    ours.sa_mask = now.sa_mask;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | (now.sa_flags & (SA_RESTART | SA_NODEFER));
    is_in_place = sigaction(SIGBUS, &ours, NULL) == 0;
}

void
file_guard_stop(void)
{
    struct sigaction now;
    if (is_in_place && sigaction(SIGBUS, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
        now.sa_sigaction == handle) {
        sigaction(SIGBUS, &before, NULL);
        is_in_place = false;
    }
}
