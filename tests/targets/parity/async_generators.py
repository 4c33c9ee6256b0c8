"""Asynchronous generators and comprehensions, driven by hand."""


class Pause:
    def __await__(self):
        yield


async def ticker(count):
    try:
        for number in range(count):
            await Pause()
            yield number
    finally:
        await Pause()
        tidy()


def tidy():
    pass


async def collects(count):
    return [number async for number in ticker(count) if number != 1]


async def leaves_early():
    ticks = ticker(5)
    async for number in ticks:
        if number == 1:
            break
    await ticks.aclose()


async def throws():
    ticks = ticker(5)
    await ticks.asend(None)
    try:
        await ticks.athrow(ValueError("in"))
    except ValueError:
        tidy()


async def nested():
    return {number: [inner async for inner in ticker(number)] async for number in ticker(3)}


def drive(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


drive(collects(4))
drive(leaves_early())
drive(throws())
drive(nested())
