import { describe, expect, it } from "vitest";
import { correcting, initialState } from "../src/initial_state";
import { type Address, decodeHash, encodeHash, makeStore, type ViewState } from "../src/state";
import { payloadOf } from "./model/cases";

const payload = payloadOf("processes");
const initial = initialState(payload);
const correct = correcting(payload);

class Browser implements Address {
  history = [""];
  private listener = (): void => {};
  read = (): string => this.history.at(-1) ?? "";
  write(hash: string, push: boolean): void {
    if (!push) this.history.pop();
    this.history.push(hash);
  }
  onChange(listener: () => void): void {
    this.listener = listener;
  }
  go(hash: string): void {
    this.history.push(hash);
    this.listener();
  }
  back(): void {
    this.history.pop();
    this.listener();
  }
}

describe("a state in an address", () => {
  const states: Partial<ViewState>[] = [
    {},
    { slice: "action:STOR@slowest", compare: "mark:a b&c=d#e", process: 12, thread: 3 },
    { depth: null, depthBy: "stack", filters: ["no-stdlib", "ü"], include: ["a.*", "b"], exclude: [""], stdlib: false },
    { focus: "m.\u202ef", up: 0, down: 9, expanded: ["fold 1"], collapsed: ["=", "-"], selected: "-", zoom: 0 },
    { selected: "</script>\n\0\ud83d\ude00", tab: "events", measure: "calls", theme: "dark" },
    { selected: "" },
  ];
  it.each(states.map((one) => [JSON.stringify(one), one] as const))("comes back: %s", (_, change) => {
    const state = { ...initial, ...change };
    expect(decodeHash(`#${encodeHash(state, initial)}`, initial)).toEqual(state);
  });
  it("is empty where all is as in the beginning", () => {
    expect(encodeHash(initial, initial)).toBe("");
  });
  it.each([
    "depth=-1", "depth=1e9", "depth=", "tab=evil", "filters=%5B1%5D", "filters=%7B%7D", "filters=x", "stdlib=maybe",
    "selected=x", "measure=__proto__", "theme=constructor", "up=NaN", "__proto__=1", "%", "&&&=", "tab=graph%00",
  ])("that means nothing is left as in the beginning: %s", (hash) => {
    expect(decodeHash(hash, initial)).toEqual(initial);
  });
});

describe("a state that cannot be here", () => {
  it.each<[string, Partial<ViewState>, Partial<ViewState>]>([
    ["a slice of another recording", { slice: "action:GONE" }, { slice: "all" }],
    ["a comparison with itself", { compare: "all" }, { compare: null }],
    ["a process that is not there", { process: 99_999_999 }, { process: null }],
    ["a thread that is not there", { thread: 1_000 }, { thread: null }],
    ["depth 0", { depth: 0 }, { depth: 1 }],
    ["an unknown filter", { filters: ["gone", "auto"] }, { filters: ["auto"] }],
    ["empty globs", { include: ["", "a"], exclude: [""] }, { include: ["a"], exclude: [] }],
    ["too many levels", { up: 10_000, down: 10_000 }, { up: 12, down: 12 }],
    ["memory where none was counted", { measure: "bytes" }, { measure: "self" }],
  ])("is mended: %s", (_, wrong, right) => {
    expect(correct({ ...initial, ...wrong })).toEqual({ ...initial, ...right });
  });
  it("keeps a thread only with its process", () => {
    const [one, other] = payload.recording.processes.map(({ pid }) => pid);
    const thread = payload.slices[0]?.threads.findIndex(({ pid }) => pid === other) ?? -1;
    expect(correct({ ...initial, process: other as number, thread }).thread).toBe(thread);
    expect(correct({ ...initial, process: one as number, thread }).thread).toBeNull();
  });
});

describe("the store", () => {
  function made(hash = "") {
    const browser = new Browser();
    browser.history = [hash];
    const store = makeStore(initial, browser, correct);
    const seen: [ViewState, ViewState][] = [];
    const stop = store.subscribe((state, previous) => seen.push([state, previous]));
    return { browser, store, seen, stop };
  }

  it("begins with the address", () => {
    expect(made("tab=table&depth=7").store.get()).toMatchObject({ tab: "table", depth: 7 });
  });
  it("tells of changes, with what was before", () => {
    const { store, seen, stop } = made();
    store.update({ depth: 5 });
    expect(seen.map(([state, previous]) => [state.depth, previous.depth])).toEqual([[5, initial.depth]]);
    store.update({ depth: 5 });
    expect(seen).toHaveLength(1);
    stop();
    store.update({ depth: 6 });
    expect(seen).toHaveLength(1);
  });
  it("makes a step for the back button only where that is asked for", () => {
    const { browser, store } = made();
    store.update({ depth: 5 });
    expect(browser.history).toEqual(["depth=5"]);
    store.update({ selected: "m.f" }, { push: true });
    expect(browser.history).toHaveLength(2);
    browser.back();
    expect(store.get()).toMatchObject({ depth: 5, selected: null });
  });
  it("follows the address, and mends it", () => {
    const { browser, store, seen } = made();
    browser.go("slice=action%3AGONE&tab=flame");
    expect(store.get()).toMatchObject({ slice: "all", tab: "flame" });
    expect(seen).toHaveLength(1);
  });
});
