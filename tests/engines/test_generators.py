"""Generators and coroutines: calls, resumes, and how many are suspended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support_engines import column_by_name, every_engine, record_program, write_script

if TYPE_CHECKING:
    from pathlib import Path

GENERATORS = """
def numbers(limit):
    for number in range(limit):
        try:
            yield number
        except ValueError:
            yield None

def quiet():
    while True:
        try:
            yield
        except ValueError:
            pass

class Pause:
    def __await__(self):
        yield

async def waits():
    await Pause()

kept = [numbers(5) for _ in range(7)]
for generator in kept:
    next(generator)
    next(generator)
for generator in kept[:2]:
    generator.close()
list(kept[2])
kept[3].throw(ValueError)
try:
    kept[4].throw(KeyError)
except KeyError:
    pass

others = [quiet() for _ in range(4)]
for generator in others:
    next(generator)
others[0].throw(ValueError)
try:
    others[1].throw(KeyError)
except KeyError:
    pass

coroutines = [waits() for _ in range(3)]
for coroutine in coroutines:
    coroutine.send(None)
try:
    coroutines[0].send(None)
except StopIteration:
    pass
try:
    coroutines[1].throw(KeyError)
except KeyError:
    pass

import os
os._exit(0)
"""


@every_engine
def test_calls_resumes_and_suspended_generators(engine: str, tmp_path: Path) -> None:
    recording = record_program(write_script(tmp_path, GENERATORS), folder=tmp_path, engine=engine)
    calls = column_by_name(recording, "calls")
    resumes = column_by_name(recording, "resumes")
    suspensions = column_by_name(recording, "suspensions")
    suspended = {name: suspensions[name] - resumes[name] for name in suspensions}
    assert (calls["numbers"], calls["quiet"], calls["waits"]) == (7, 4, 3)
    # One continuation each, two closed, one run to its end in four steps, two thrown into.
    assert resumes["numbers"] == 7 + 2 + 4 + 2
    # Out of seven, two were closed, one ended, one failed.
    assert suspended["numbers"] == 3
    assert suspended["quiet"] == 3
    assert suspended["waits"] == 1
    assert suspended["Pause.__await__"] == 1
