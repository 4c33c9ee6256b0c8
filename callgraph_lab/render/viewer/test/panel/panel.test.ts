// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from "vitest";
import { correcting, initialState } from "../../src/initial_state";
import { makeSelection } from "../../src/model/selection";
import { Choosers } from "../../src/panel/choosers";
import { DepthSlider } from "../../src/panel/depth";
import { Details } from "../../src/panel/details";
import { Filters } from "../../src/panel/filters";
import { makeHeading } from "../../src/panel/header";
import { HiddenSummary } from "../../src/panel/hidden";
import { Search } from "../../src/panel/search";
import { TabBar } from "../../src/panel/tab_bar";
import type { Payload } from "../../src/payload";
import { makeStore, TAB_NAMES, type ViewState } from "../../src/state";
import type { PageContext, Tab } from "../../src/types";
import { payloadOf } from "../model/cases";

interface Part {
  element: HTMLElement;
  update?(state: ViewState): void;
}

beforeEach(() => {
  document.body.replaceChildren();
});

/** A page with one part of it, which follows the state. */
function shown<P extends Part>(make: (context: PageContext) => P, payload: Payload = payloadOf("bridges"), change: Partial<ViewState> = {}) {
  let hash = "";
  const address = { read: () => hash, write: (now: string) => void (hash = now), onChange: () => {} };
  const store = makeStore(initialState(payload), address, correcting(payload));
  const selection = makeSelection(payload);
  const announced: string[] = [];
  const context: PageContext = {
    payload,
    store,
    selection,
    graph: () => selection.graph(store.get()),
    fullGraph: () => selection.fullGraph(store.get()),
    tree: () => selection.tree(store.get()),
    highlight: () => {},
    isDark: () => false,
    announce: (text) => void announced.push(text),
  };
  store.update(change);
  const part = make(context);
  document.body.append(part.element);
  part.update?.(store.get());
  store.subscribe((state) => part.update?.(state));
  return { part, element: part.element, store, announced };
}

function find<T extends Element = HTMLElement>(within: Element, selector: string): T {
  const found = within.querySelector<T>(selector);
  if (found === null) throw new Error(`there is no ${selector} in ${within.outerHTML.slice(0, 300)}`);
  return found;
}

function press(target: Element, key: string): void {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}

function type(input: HTMLInputElement, text: string, event: string): void {
  input.value = text;
  input.dispatchEvent(new Event(event, { bubbles: true }));
}

describe("the search", () => {
  const exclude = { exclude: ["logging.*"], filters: ["none"] };
  const options = (element: Element) => [...element.querySelectorAll("[role=option]")].map((one) => one.textContent);

  it("completes over all functions, and says which are hidden", () => {
    const { element, announced } = shown((context) => new Search(context), undefined, exclude);
    type(find<HTMLInputElement>(element, "input"), "logging.d", "input");
    expect(options(element)).toHaveLength(1);
    expect(options(element)[0]).toMatch(/^logging\.d9 callshidden by a filter$/);
    expect(announced.at(-1)).toBe("1 function found");
    expect(find(element, "input").getAttribute("aria-expanded")).toBe("true");
  });
  it("is walked and chosen by keyboard", () => {
    const { element, store } = shown((context) => new Search(context), undefined, exclude);
    const input = find<HTMLInputElement>(element, "input");
    type(input, "m.", "input");
    const [first, second] = [...element.querySelectorAll("[role=option]")];
    expect(input.getAttribute("aria-activedescendant")).toBe(first?.id);
    press(input, "ArrowDown");
    expect(second?.getAttribute("aria-selected")).toBe("true");
    press(input, "ArrowUp");
    press(input, "ArrowUp");
    press(input, "Escape");
    expect(find(element, "[role=listbox]").hidden).toBe(true);
    expect(store.get().selected).toBeNull();
    type(input, "m.leaf", "input");
    press(input, "Enter");
    expect(store.get().selected).toBe("m.leaf");
    expect(input.value).toBe("");
  });
  it("says so where nothing is found", () => {
    const { element, store } = shown((context) => new Search(context));
    const input = find<HTMLInputElement>(element, "input");
    type(input, "zzz", "input");
    expect(find(element, "[role=listbox]").textContent).toBe("No function has such a name.");
    press(input, "Enter");
    expect(store.get().selected).toBeNull();
  });
});

describe("filters", () => {
  const box = (element: Element, name: string) =>
    [...element.querySelectorAll("label.check")].find((label) => label.textContent?.trim().startsWith(name))?.querySelector("input") as HTMLInputElement;

  it("are check boxes: none stands alone, and no filter at all is the automatic one", () => {
    const { element, store } = shown((context) => new Filters(context));
    const toggle = (name: string) => box(element, name).click();
    expect(box(element, "auto").checked).toBe(true);
    toggle("no-stdlib");
    expect(store.get().filters).toEqual(["auto", "no-stdlib"]);
    toggle("none");
    expect(store.get().filters).toEqual(["none"]);
    toggle("no-stdlib");
    expect(store.get().filters).toEqual(["no-stdlib"]);
    toggle("no-stdlib");
    expect(store.get().filters).toEqual([]);
    expect(box(element, "auto").checked).toBe(true);
  });
  it("take globs, and the standard library", () => {
    const { element, store } = shown((context) => new Filters(context));
    type(find<HTMLInputElement>(element, "[data-glob=include]"), " m.*   logging.d ", "change");
    type(find<HTMLInputElement>(element, "[data-glob=exclude]"), "", "change");
    expect(store.get()).toMatchObject({ include: ["m.*", "logging.d"], exclude: [] });
    const [stdlib, depthBy] = [...element.querySelectorAll("select")];
    if (stdlib === undefined || depthBy === undefined) throw new Error("there are no choosers");
    stdlib.value = "no";
    stdlib.dispatchEvent(new Event("change"));
    depthBy.value = "stack";
    depthBy.dispatchEvent(new Event("change"));
    expect(store.get()).toMatchObject({ stdlib: false, depthBy: "stack" });
  });
  it("say what they hid", () => {
    const hidden = shown((context) => new HiddenSummary(context), undefined, { exclude: ["logging.*"], filters: ["none"] });
    expect(find(hidden.element, "summary").textContent).toMatch(/^Hidden: \d functions, \d+ calls$/);
    expect(find(hidden.element, "tbody th").textContent).toContain("logging.*");
    hidden.store.update({ exclude: [] });
    expect(hidden.element.textContent).toBe("Nothing is hidden.");
  });
});

describe("what of the recording shows", () => {
  it("is a process, and a thread of it", () => {
    const payload = payloadOf("processes");
    const { element, store } = shown((context) => new Choosers(context), payload);
    const [, , process, thread] = [...element.querySelectorAll("select")];
    if (process === undefined || thread === undefined) throw new Error("there are no choosers");
    store.update({ thread: 0 });
    const pid = payload.recording.processes[1]?.pid as number;
    process.value = String(pid);
    process.dispatchEvent(new Event("change"));
    expect(store.get()).toMatchObject({ process: pid, thread: null });
    expect([...thread.options].every((option) => option.value === "" || option.textContent?.includes(` of ${pid}`))).toBe(true);
  });
  it("is a depth, from 1 to the deepest", () => {
    const { element, store, part } = shown((context) => new DepthSlider(context), undefined, { filters: ["none"] });
    const slider = find<HTMLInputElement>(element, "input");
    expect([slider.min, slider.max, slider.value]).toEqual(["1", "5", "4"]);
    type(slider, "2", "input");
    expect(store.get().depth).toBe(2);
    expect(slider.getAttribute("aria-valuetext")).toBe("depth 2 of 5");
    part.step(-1);
    part.step(-1);
    expect(store.get().depth).toBe(1);
  });
  it("is one of the tabs, with arrow keys from one to the next", () => {
    const tab = (): Tab => ({ element: document.createElement("div"), show: () => {}, hide: () => {}, update: () => {} });
    const tabs = new Map(TAB_NAMES.map((name) => [name, tab()] as const));
    const { element, store } = shown((context) => new TabBar(tabs, context.store));
    press(find(element, "#tab-graph"), "ArrowRight");
    expect(store.get().tab).toBe("flame");
    expect(find(element, "#tab-flame").getAttribute("aria-selected")).toBe("true");
    expect([...tabs.values()].filter((one) => !one.element.hasAttribute("hidden"))).toHaveLength(1);
  });
});

describe("the panel of a function", () => {
  it("tells of its figures, callers, callees and the ways to it, which lead on", () => {
    const { element, store } = shown((context) => new Details(context), undefined, { filters: ["none"], selected: "m.leaf" });
    expect(find(element, "h2").textContent).toBe("leaf");
    expect(element.textContent).toContain("/usr/lib/python3/m.py:1");
    expect(find(element, ".paths").children).toHaveLength(4);
    find(element, ".neighbours button").click();
    expect(store.get().selected).not.toBe("m.leaf");
    find(element, ".close").click();
    expect([store.get().selected, element.hidden]).toEqual([null, true]);
  });
  it("says of calls that have not returned how their process ended", () => {
    const { element } = shown((context) => new Details(context), payloadOf("processes"), { filters: ["none"], selected: "m.wait", process: 20 });
    expect(element.textContent).toContain("killed inside1");
    expect(element.textContent).not.toContain("running");
  });
  it("says why a function is not in the picture, and what to do", () => {
    const { element, store } = shown((context) => new Details(context), undefined, { filters: ["none"], exclude: ["logging.*"], selected: "logging.d" });
    expect(find(element, ".standing").textContent).toContain("Hidden by the rule");
    find(element, ".standing button").click();
    expect(store.get()).toMatchObject({ filters: ["none"], exclude: [] });
    store.update({ depth: 1, selected: "logging.c" });
    find(element, ".standing button").click();
    expect(store.get().depth).toBe(3);
    store.update({ selected: "gone" });
    expect(element.textContent).toContain("Nothing in this selection is called that.");
  });
});

describe("hostile names are text", () => {
  const HOSTILE = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\u202egnp.exe\u2066", "a\0b\nc\u2028d", "x".repeat(4096), "__proto__", "\ud800h"];

  function hostilePayload(): Payload {
    const payload = payloadOf("bridges");
    const functions = payload.functions.map((one, index) => {
      const name = HOSTILE[index % HOSTILE.length] as string;
      const link = index % 2 ? "javascript:alert(1)" : `file:///${encodeURIComponent(index)}`;
      return { ...one, name: `${name}.${index}`, short_name: name, qualname: name, module: name, file: name, link };
    });
    const whole = payload.slices[0];
    if (whole === undefined) throw new Error("there is no slice");
    const slices = [whole, ...HOSTILE.map((name) => ({ ...whole, key: `action:${name}`, title: name, action: name }))];
    const sources = Object.fromEntries(HOSTILE.map((name) => [name, { "1": HOSTILE }]));
    const filters = HOSTILE.map((name) => ({ name, description: name, layers: [] }));
    const recording = { ...payload.recording, name: HOSTILE[2] as string, target: HOSTILE[0] as string, argv: HOSTILE, notes: HOSTILE };
    return { ...payload, recording, functions, slices, sources, filters: [...payload.filters, ...filters], changed_files: HOSTILE };
  }

  function expectOnlyText(within: Element): void {
    expect(within.querySelector("script, img")).toBeNull();
    expect(within.textContent).not.toMatch(/[\u202a-\u202e\u2066-\u2069\0\u2028]/);
    for (const one of within.querySelectorAll("*")) {
      for (const { name, value } of one.attributes) {
        expect(name).not.toMatch(/^on|^style$/);
        if (name === "href") expect(value).toMatch(/^(file|vscode):/);
        if (name === "title" || name === "aria-label") expect(value).not.toMatch(/[\u202a-\u202e\u2066-\u2069\0\u2028]/);
      }
    }
  }

  it.each([
    ["the head", (context: PageContext): Part => ({ element: makeHeading(context.payload) as HTMLElement })],
    ["the choosers", (context: PageContext): Part => new Choosers(context)],
    ["the filters", (context: PageContext): Part => new Filters(context)],
    ["what is hidden", (context: PageContext): Part => new HiddenSummary(context)],
  ])("in %s", (_, make) => {
    const { element, store } = shown(make, hostilePayload(), { exclude: HOSTILE });
    for (const { key } of hostilePayload().slices) store.update({ slice: key });
    expectOnlyText(element);
  });
  it("in the panel of a function", () => {
    const payload = hostilePayload();
    const { element, store } = shown((context) => new Details(context), payload, { filters: ["none"] });
    const ids = makeSelection(payload).fullGraph(store.get()).nodes.map((node) => node.id);
    expect(ids.length).toBeGreaterThan(5);
    for (const id of [...ids, ...HOSTILE]) {
      store.update({ selected: id });
      expectOnlyText(element);
    }
  });
  it("in the search", () => {
    const { element } = shown((context) => new Search(context), hostilePayload(), { filters: ["none"] });
    for (const text of ["a", "x", "<", "_", "/", "e"]) {
      type(find<HTMLInputElement>(element, "input"), text, "input");
      expectOnlyText(element);
    }
  });
});
