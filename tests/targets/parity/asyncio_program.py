"""asyncio: tasks, gather, timeouts, queues, cancellation, with nothing that depends on time."""

import asyncio


async def producer(queue, count):
    for number in range(count):
        await queue.put(number)
    await queue.put(None)


async def consumer(queue):
    total = 0
    while (item := await queue.get()) is not None:
        total += await work(item)
    return total


async def work(item):
    await asyncio.sleep(0)
    return item * 2


async def forever(event):
    try:
        await event.wait()
    finally:
        await asyncio.sleep(0)


async def main():
    queue = asyncio.Queue(maxsize=1)
    results = await asyncio.gather(producer(queue, 3), consumer(queue))
    event = asyncio.Event()
    task = asyncio.ensure_future(forever(event))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    return results


def drive():
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


assert drive() == [None, 6]
