"""__del__ called by reference counts, in the middle of other calls, and weak references' callbacks."""

import weakref


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        self.last_words()

    def last_words(self):
        return self.name


def makes_and_drops():
    Noisy("dropped")
    kept = Noisy("kept")
    work()
    return 1


def work():
    return [Noisy(number) for number in range(2)]


def on_death(reference):
    work_of_callback()


def work_of_callback():
    return 1


def watched():
    noisy = Noisy("watched")
    reference = weakref.ref(noisy, on_death)
    del noisy
    return reference() is None


def generator():
    noisy = Noisy("inside a generator")
    yield 1
    noisy.last_words()


makes_and_drops()
watched()
suspended = generator()
next(suspended)
del suspended
thing = Noisy("rebound")
thing = Noisy("again")
thing = None
