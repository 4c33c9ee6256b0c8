"""Coroutines driven by hand: awaiting, objects with __await__, closing, throwing."""


class Ready:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value
        return got


async def leaf(value):
    return value


async def waits(value):
    first = await Ready(value)
    second = await leaf(value)
    return first, second


async def outer(times):
    results = []
    for number in range(times):
        results.append(await waits(number))
    return results


async def guarded():
    try:
        await Ready(0)
    except ValueError:
        await Ready(1)
    finally:
        await leaf(2)


def drive(coroutine):
    sent = None
    try:
        while True:
            sent = coroutine.send(sent)
    except StopIteration as stop:
        return stop.value


class Context:
    async def __aenter__(self):
        await Ready("in")
        return self

    async def __aexit__(self, *details):
        await leaf("out")
        return True


async def with_context():
    async with Context() as context:
        await context.method()
        raise ValueError


async def _method(self):
    await Ready(self)


Context.method = _method
drive(outer(3))
drive(with_context())
closed = outer(2)
closed.send(None)
closed.close()
thrown = guarded()
thrown.send(None)
thrown.throw(ValueError("in"))
try:
    thrown.send(None)
except StopIteration:
    pass
never = leaf(1)
never.close()
