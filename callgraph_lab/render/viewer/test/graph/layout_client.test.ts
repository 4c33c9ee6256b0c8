import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type LayoutAnswer, LayoutClient, type LayoutRequest, type LayoutWorker } from "../../src/graph/layout_client";

class FakeWorker implements LayoutWorker {
  onmessage: ((event: MessageEvent<LayoutAnswer>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  requests: LayoutRequest[] = [];
  isEnded = false;
  postMessage(request: LayoutRequest): void {
    this.requests.push(request);
  }
  terminate(): void {
    this.isEnded = true;
  }
  answer(json: string | null, error: string | null = null, serial = this.requests.at(-1)?.serial ?? 0): void {
    this.onmessage?.({ data: { serial, json, error } } as MessageEvent<LayoutAnswer>);
  }
}

let workers: FakeWorker[];
let client: LayoutClient;
const last = (): FakeWorker => workers.at(-1) as FakeWorker;

beforeEach(() => {
  vi.useFakeTimers();
  workers = [];
  client = new LayoutClient(() => {
    workers.push(new FakeWorker());
    return last();
  });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("layouts", () => {
  it("are asked of one worker, which starts when it is needed", async () => {
    expect(workers).toHaveLength(0);
    const first = client.layout("a");
    last().answer("A");
    expect(await first).toBe("A");
    const second = client.layout("b");
    last().answer("B");
    expect(await second).toBe("B");
    expect(workers).toHaveLength(1);
  });
  it("are remembered", async () => {
    const first = client.layout("a");
    last().answer("A");
    await first;
    expect(await client.layout("a")).toBe("A");
    expect(last().requests).toHaveLength(1);
  });
  it("are made of the newest request only", async () => {
    const [one, two, three] = [client.layout("1"), client.layout("2"), client.layout("3")];
    expect(last().requests.map(({ dot }) => dot)).toEqual(["1"]);
    expect(await two).toBeNull();
    last().answer("one");
    expect(await one).toBeNull();
    expect(last().requests.map(({ dot }) => dot)).toEqual(["1", "3"]);
    last().answer("three");
    expect(await three).toBe("three");
  });
  it("that take long are given up, with their worker, for a newer one", async () => {
    const slow = client.layout("slow");
    const next = client.layout("next");
    const [first] = workers;
    vi.advanceTimersByTime(60_000);
    expect(first?.isEnded).toBe(true);
    expect(await slow).toBeNull();
    expect(last()).not.toBe(first);
    first?.answer("late");
    last().answer("NEXT");
    expect(await next).toBe("NEXT");
  });
  it("that take long go on where nothing newer is wanted", async () => {
    const slow = client.layout("slow");
    vi.advanceTimersByTime(60_000);
    expect(last().isEnded).toBe(false);
    last().answer("SLOW");
    expect(await slow).toBe("SLOW");
  });
  it("fail with what Graphviz said, and the next one is made", async () => {
    const bad = client.layout("bad");
    last().answer(null, "syntax error");
    await expect(bad).rejects.toThrow("syntax error");
    const good = client.layout("good");
    last().answer("GOOD");
    expect(await good).toBe("GOOD");
  });
  it("fail where the worker does", async () => {
    const failed = client.layout("a");
    last().onerror?.({ message: "" } as ErrorEvent);
    await expect(failed).rejects.toThrow("could not be started");
  });
});
