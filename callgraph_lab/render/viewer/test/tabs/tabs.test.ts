// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from "vitest";
import { makeEventsTab } from "../../src/tabs/events";
import { makeFlameTab } from "../../src/tabs/flame";
import { makePhasesPanel } from "../../src/tabs/phases";
import { makeTableTab } from "../../src/tabs/table";
import { timelineText } from "../../src/tabs/timeline_text";
import { lanesOf } from "../../src/tabs/lanes";
import type { EventLine, Phase } from "../../src/payload";
import type { Tab } from "../../src/types";
import { appOf, functionCalled, nodeCalled, payloadOf, sliceOf, treeOf } from "./trees";

const HOSTILE = [
  "</script><script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "\u202egnp.exe\u2066",
  "a\0b\nc\u2028d",
  "x".repeat(4096),
  "__proto__",
  "\ud800half",
];
const WIDTH = 800;

beforeEach(() => {
  document.body.replaceChildren();
  // happy-dom lays nothing out.
  Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => WIDTH });
  Object.defineProperty(HTMLElement.prototype, "clientHeight", { configurable: true, get: () => 300 });
});

function shown(tab: Tab): HTMLElement {
  document.body.append(tab.element);
  tab.show();
  return tab.element;
}

function press(target: Element, key: string): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
  return event;
}

function find<T extends Element = HTMLElement>(within: Element, selector: string): T {
  const found = within.querySelector<T>(selector);
  if (found === null) throw new Error(`there is no ${selector}`);
  return found;
}

/** Nothing of a recording became an element, and nothing in it can reorder text. */
function expectOnlyText(within: Element): void {
  expect(within.querySelector("script, img")).toBeNull();
  expect(within.textContent).not.toMatch(/[\u202a-\u202e\u2066-\u2069\0\u2028]/);
  expect(within.textContent).toContain("\\u202e");
  for (const one of within.querySelectorAll("*")) {
    for (const { name, value } of one.attributes) {
      expect(name).not.toMatch(/^on/);
      if (name === "title" || name === "aria-label") expect(value).not.toMatch(/[\u202a-\u202e\u2066-\u2069\0\u2028]/);
    }
  }
}

function phaseOf(name: string, functions: string[]): Phase {
  const work = functions.map((one, index) => ({
    name: one, qualname: one, file: "/src/m.py", line: 1, calls: 2, resumes: 0, passes: 1, time_ns: 1000 * (index + 1),
  }));
  return {
    name, sentence: `It is ${name}.`, begins_after_ns: null, lasts_ns: null, prepared: [],
    calls: 4, passes: 1, time_ns: 3000, hidden_functions: 0, functions: work,
  };
}

function eventOf(moment: number, more: Partial<EventLine> = {}): EventLine {
  return {
    time: `2026-11-23T12:00:0${moment}.000000+00:00`, moment_ns: moment * 1e9, sensor: "logged-in", session: "s1", action: "USER",
    instance: null, process: 7, duration_ns: 0, fields: {}, rss_bytes: null, cpu_percent: null, path: [], ...more,
  };
}

describe("the icicle", () => {
  const { tree, functions } = treeOf([
    { parent: -1, name: "MainThread", selfNs: 10 },
    { parent: 0, name: "m.main", selfNs: 20 },
    { parent: 1, name: "m.work", selfNs: 100, calls: 3 },
    { parent: 1, name: "m.rest", selfNs: 40 },
  ]);

  function made() {
    const app = appOf(payloadOf({ functions }), tree);
    const tab = makeFlameTab(app);
    app.onChange = () => tab.update(app.store.get());
    const element = shown(tab);
    return { app, element, view: find(element, "[role=tree]") };
  }
  const told = (view: Element) => find(view, "[role=treeitem]").textContent ?? "";

  it("is walked and zoomed by keyboard, and says where one is", () => {
    const { app, view } = made();
    press(view, "ArrowDown");
    press(view, "ArrowDown");
    press(view, "ArrowDown");
    expect(told(view)).toBe("m.work\n100 ns (58.8 % of all)\n3 calls in 1 context");
    press(view, "ArrowRight");
    expect(told(view)).toContain("m.rest");
    press(view, "Enter");
    expect(app.store.get()).toMatchObject({ zoom: 3, selected: "m.rest" });
    expect(find(view, "[role=treeitem]").getAttribute("aria-level")).toBe("4");
    const escape = press(view, "Escape");
    expect(escape.defaultPrevented).toBe(true);
    expect(app.store.get().zoom).toBe(1);
    expect(view.getAttribute("aria-activedescendant")).toBe(find(view, "[role=treeitem]").id);
  });
  it("leaves Escape to the page where there is nothing to zoom out of", () => {
    const { view } = made();
    expect(press(view, "Escape").defaultPrevented).toBe(false);
  });
  it("tells of the selected function", () => {
    const { app, element } = made();
    app.store.update({ selected: "m.work" });
    expect(find(element, ".tab-summary").textContent).toBe("work: 100 ns (58.8 %) with its callees, in one place");
  });
  it("turns around to the callers of each function", () => {
    const { element, view } = made();
    find(element, "[aria-pressed=false]").click();
    expect(find(element, ".tab-tools button").getAttribute("aria-pressed")).toBe("true");
    press(view, "ArrowDown");
    expect(told(view)).toContain("m.work\n100 ns");
    press(view, "ArrowDown");
    expect(told(view)).toContain("of work, called by way of this");
    press(view, "Enter");
    expect(find<HTMLButtonElement>(element, ".tab-tools button + button").disabled).toBe(false);
  });
  it("is as wide as the calls, if that is the measure", () => {
    const { app, view } = made();
    app.store.update({ measure: "calls" });
    press(view, "Home");
    expect(told(view)).toBe("run\n6 calls");
  });
  it("is a table as well", () => {
    const { element } = made();
    const details = find<HTMLDetailsElement>(element, "details");
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    const cells = [...details.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent));
    expect(cells.at(-1)).toEqual(["3", "m.rest", "40 ns", "23.5 %", "40 ns", "1"]);
  });
  it("says so where there is nothing", () => {
    const tab = makeFlameTab(appOf(payloadOf(), treeOf([]).tree));
    expect(find(shown(tab), ".tab-empty").textContent).toBe("Nothing was called in this selection.");
  });
});

describe("the table", () => {
  const nodes = Array.from({ length: 5_000 }, (_, index) => nodeCalled(`m.f${index}`, { calls: index, inclusive_ns: 5_000 - index }));

  function made() {
    const app = appOf(payloadOf(), treeOf([]).tree, nodes);
    const tab = makeTableTab(app);
    app.onChange = () => tab.update(app.store.get());
    const element = shown(tab);
    const names = () => [...element.querySelectorAll("tbody th")].map((cell) => cell.textContent);
    return { app, element, names, table: find(element, "[role=grid]") };
  }

  it("has only the rows that are seen of 5,000", () => {
    const { names, table } = made();
    expect(table.getAttribute("aria-rowcount")).toBe("5001");
    expect(names().length).toBeLessThan(60);
    expect(names()[0]).toBe("f0 m");
  });
  it("is sorted by its heads, and says how", () => {
    const { element, names } = made();
    const [, calls] = [...element.querySelectorAll<HTMLElement>("thead button")];
    calls?.click();
    expect(names()[0]).toBe("f4999 m");
    expect(calls?.parentElement?.getAttribute("aria-sort")).toBe("descending");
    calls?.click();
    expect(names()[0]).toBe("f0 m");
    expect(element.querySelectorAll("[aria-sort]")).toHaveLength(1);
  });
  it("is walked by keyboard, to rows that were not there before", () => {
    const { app, table } = made();
    press(table, "End");
    press(table, "ArrowUp");
    press(table, "Enter");
    expect(app.store.get().selected).toBe("m.f4998");
  });
  it("marks what is selected", () => {
    const { app, element } = made();
    app.store.update({ selected: "m.f2" });
    expect(find(element, "tr[aria-selected=true] th").textContent).toBe("f2 m");
  });
  it("shows only names with a part", () => {
    const { element, names } = made();
    const only = find<HTMLInputElement>(element, "input");
    only.value = "F499";
    only.dispatchEvent(new Event("input"));
    expect(names()).toHaveLength(11);
    expect(find(element, "[role=status]").textContent).toBe("11 functions of 5,000 at every depth");
  });
});

describe("events", () => {
  const slices = [sliceOf("all", "run"), sliceOf("action:STOR", "STOR", { action: "STOR" }), sliceOf("mark:m", "m", { mark: "m" })];
  const functions = [functionCalled("m.main"), functionCalled("m.Handler.store")];
  const events = [
    eventOf(1),
    eventOf(2, { action: "STOR", sensor: "upload-finished", fields: { file: "a.bin" }, duration_ns: 5e6, rss_bytes: 2 ** 20, cpu_percent: 12.4 }),
    eventOf(4, { action: null, sensor: "loop-stalled", path: [0, 1] }),
  ];
  const payload = payloadOf({ slices, functions, events, marks: [{ name: "m", moment_ns: 3e9 }], events_dropped: 12 });

  function made() {
    const app = appOf(payload, treeOf([]).tree);
    const tab = makeEventsTab(app);
    app.onChange = () => tab.update(app.store.get());
    const element = shown(tab);
    const rows = () => [...element.querySelectorAll("tbody tr:not(.space)")].map((row) => [...row.children].map((cell) => cell.textContent));
    return { app, element, rows };
  }

  it("are written as cglab events writes them", () => {
    const { element, rows } = made();
    expect(rows()[1]).toEqual(["12:00:02.000", "upload-finished", "STOR", "s1", "5.00 ms", "1.00 MiB", "12 %", "file=a.bin"]);
    expect(rows()[2]?.slice(1)).toEqual(["loop-stalled", "-", "s1", "-", "-", "-", "m.main → Handler.store"]);
    expect(find(element, "[role=status]").textContent).toBe("3 events (12 earlier ones are not in the recording any more)");
  });
  it("are those of the selection", () => {
    const { app, rows } = made();
    app.store.update({ slice: "action:STOR" });
    expect(rows().map((row) => row[1])).toEqual(["upload-finished"]);
    app.store.update({ slice: "mark:m" });
    expect(rows().map((row) => row[1])).toEqual(["loop-stalled"]);
  });
  it("are found by their names and by any text", () => {
    const { element, rows } = made();
    const sensor = find<HTMLSelectElement>(element, "#events-sensor");
    sensor.value = "=logged-in";
    sensor.dispatchEvent(new Event("change"));
    expect(rows()).toHaveLength(1);
    sensor.value = "any";
    const part = find<HTMLInputElement>(element, "#events-part");
    part.value = "A.BIN";
    part.dispatchEvent(new Event("input"));
    expect(rows().map((row) => row[1])).toEqual(["upload-finished"]);
  });
  it("lead to the calls that they were seen in, and to their action", () => {
    const { app, element } = made();
    const grid = find(element, "[role=grid]");
    press(grid, "End");
    press(grid, "Enter");
    find(element, ".event-path li:last-child button").click();
    expect(app.store.get().selected).toBe("m.Handler.store");
    press(grid, "ArrowUp");
    press(grid, "Enter");
    find(element, ".event-details > button").click();
    expect(app.store.get().slice).toBe("action:STOR");
  });
});

describe("phases", () => {
  const functions = ["m.read", "m.parse", "m.write"].map(functionCalled);
  const slices = [sliceOf("all", "run"), sliceOf("action:STOR", "STOR", { action: "STOR" })];
  const phases = { STOR: [phaseOf("reading", ["m.read", "m.parse"]), phaseOf("writing", ["m.write", "m.unknown"])] };

  it("are walked in order, and mark their functions", () => {
    const app = appOf(payloadOf({ functions, slices, phases }), treeOf([]).tree);
    const panel = makePhasesPanel(app);
    app.onChange = () => panel.update(app.store.get());
    const element = shown(panel);
    expect(element.hidden).toBe(true);
    app.store.update({ slice: "action:STOR" });
    expect(element.hidden).toBe(false);
    const [previous, next] = [...element.querySelectorAll<HTMLButtonElement>(".phase-steps button")];
    expect(previous?.disabled).toBe(true);
    next?.click();
    expect(app.highlighted.at(-1)).toEqual(["m.parse", "m.read"]);
    expect(app.store.get().selected).toBe("m.parse");
    next?.click();
    expect(app.highlighted.at(-1)).toEqual(["m.write"]);
    expect(app.announced.at(-1)).toBe("Phase 2 of 2: writing. It is writing.");
    expect(next?.disabled).toBe(true);
    expect(find(element, "[aria-current=step] button").textContent).toBe("writing");
    app.store.update({ slice: "all" });
    expect([element.hidden, app.highlighted.at(-1)]).toEqual([true, []]);
  });
});

describe("hostile names are text", () => {
  const functions = HOSTILE.map(functionCalled);

  it("in the icicle", () => {
    const contexts = HOSTILE.map((name, index) => ({ parent: index - 1, name, selfNs: 100 }));
    const element = shown(makeFlameTab(appOf(payloadOf({ functions }), treeOf(contexts).tree)));
    const details = find<HTMLDetailsElement>(element, "details");
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
    expectOnlyText(element);
  });
  it("in the table", () => {
    const nodes = HOSTILE.map((name) => nodeCalled(name, { file: `/${name}.py` }));
    expectOnlyText(shown(makeTableTab(appOf(payloadOf(), treeOf([]).tree, nodes))));
  });
  it("in events", () => {
    const events = HOSTILE.map((name, index) =>
      eventOf(index, { sensor: name, action: name, session: name, fields: { [name]: name }, path: [index], time: name }),
    );
    const element = shown(makeEventsTab(appOf(payloadOf({ functions, events }), treeOf([]).tree)));
    const grid = find(element, "[role=grid]");
    for (let index = 0; index < HOSTILE.length; index++) {
      press(grid, "Enter");
      press(grid, "ArrowDown");
      expectOnlyText(element);
    }
  });
  it("in phases", () => {
    for (const name of HOSTILE) {
      const slices = [sliceOf("all", "run"), sliceOf("a", name, { action: name })];
      const phases = Object.fromEntries([[name, [phaseOf(HOSTILE[2] as string, HOSTILE)]]]);
      const app = appOf(payloadOf({ functions, slices, phases }), treeOf([]).tree);
      const panel = makePhasesPanel(app);
      app.onChange = () => panel.update(app.store.get());
      const element = shown(panel);
      app.store.update({ slice: "a" });
      find(element, ".phase-list button").click();
      expectOnlyText(element);
    }
  });
  it("in the words of the time line", () => {
    const action_bands = HOSTILE.map((name) => ({ name, detail: name, begin_ns: 0, end_ns: 5, ending: null, session: name }));
    const payload = payloadOf({
      action_bands,
      marks: HOSTILE.map((name) => ({ name, moment_ns: 1 })),
      slices: HOSTILE.map((name) => sliceOf(name, name, { action: name, mark: name })),
      resources: { moments_ns: [1], series: HOSTILE.map((name) => ({ name, unit: "", values: [1] })) },
    });
    expectOnlyText(timelineText(payload, lanesOf(action_bands), () => {}));
  });
});
