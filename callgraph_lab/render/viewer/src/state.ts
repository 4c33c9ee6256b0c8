// The state of the page: what is selected and how it shows. It lives in the URL's hash, so a link
// opens the same view and the browser's back button goes through what was looked at.
export type DepthBy = "visible" | "stack";
export type TabName = "graph" | "flame" | "table" | "timeline" | "events";
export type Measure = "inclusive" | "self" | "calls" | "bytes";
export type Theme = "auto" | "light" | "dark";

export const TAB_NAMES: readonly TabName[] = ["graph", "flame", "table", "timeline", "events"];
export const MEASURES: readonly Measure[] = ["inclusive", "self", "calls", "bytes"];
export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

export interface ViewState {
  /** Keys of slices; `compare` is the second of two that are compared. */
  slice: string;
  compare: string | null;
  process: number | null;
  /** Index into the slice's threads. */
  thread: number | null;
  depth: number | null;
  depthBy: DepthBy;
  filters: string[];
  include: string[];
  exclude: string[];
  stdlib: boolean | null;
  /** Ids of nodes. */
  focus: string | null;
  up: number;
  down: number;
  /** The most nodes that a picture has before folds are expanded. */
  maxNodes: number;
  expanded: string[];
  collapsed: string[];
  selected: string | null;
  /** The context of the slice's tree that the flame graph starts at. */
  zoom: number | null;
  tab: TabName;
  measure: Measure;
  theme: Theme;
}

type Listener = (state: ViewState, previous: ViewState) => void;

export interface Store {
  get(): ViewState;
  /** `push` makes a step for the back button; otherwise the step that is there is changed. */
  update(change: Partial<ViewState>, options?: { push?: boolean }): void;
  /** Returns what ends the subscription. */
  subscribe(listener: Listener): () => void;
}

/** Where the state is kept between visits: the browser's history, or a stand-in of a test. */
export interface Address {
  read(): string;
  write(hash: string, push: boolean): void;
  onChange(listener: () => void): void;
}

type Key = keyof ViewState;
interface Coding<Value> {
  encode(value: Value): string;
  /** Returns undefined for a text that means nothing. */
  decode(text: string): Value | undefined;
}

const aText: Coding<string> = { encode: (value) => value, decode: (text) => text };
const aTextOrNone: Coding<string | null> = {
  encode: (value) => (value === null ? "-" : `=${value}`),
  decode: (text) => (text === "-" ? null : text.startsWith("=") ? text.slice(1) : undefined),
};
const aNumberOrNone: Coding<number | null> = {
  encode: (value) => (value === null ? "-" : String(value)),
  decode: (text) => (text === "-" ? null : wholeNumber(text)),
};
const aNumber: Coding<number> = { encode: String, decode: wholeNumber };
const aSwitch: Coding<boolean | null> = {
  encode: (value) => (value === null ? "-" : value ? "yes" : "no"),
  decode: (text) => (text === "-" ? null : text === "yes" ? true : text === "no" ? false : undefined),
};
const texts: Coding<string[]> = {
  encode: (values) => JSON.stringify(values),
  decode: (text) => {
    try {
      const values: unknown = JSON.parse(text);
      return Array.isArray(values) && values.every((value) => typeof value === "string")
        ? values
        : undefined;
    } catch {
      return undefined;
    }
  },
};

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function oneOf<Value extends string>(values: readonly Value[]): Coding<Value> {
  return { encode: (value) => value, decode: (text) => values.find((value) => value === text) };
}

const CODINGS: { [K in Key]: Coding<ViewState[K]> } = {
  slice: aText,
  compare: aTextOrNone,
  process: aNumberOrNone,
  thread: aNumberOrNone,
  depth: aNumberOrNone,
  depthBy: oneOf<DepthBy>(["visible", "stack"]),
  filters: texts,
  include: texts,
  exclude: texts,
  stdlib: aSwitch,
  focus: aTextOrNone,
  up: aNumber,
  down: aNumber,
  maxNodes: aNumber,
  expanded: texts,
  collapsed: texts,
  selected: aTextOrNone,
  zoom: aNumberOrNone,
  tab: oneOf(TAB_NAMES),
  measure: oneOf(MEASURES),
  theme: oneOf(THEMES),
};

const KEYS = Object.keys(CODINGS) as Key[];

/** Returns the hash of a state, without `#`: only what differs from `initial`. */
export function encodeHash(state: ViewState, initial: ViewState): string {
  const parts = new URLSearchParams();
  for (const key of KEYS) {
    const text = encoded(state, key);
    if (text !== encoded(initial, key)) {
      parts.set(key, text);
    }
  }
  return parts.toString();
}

/** Returns the state of a hash. What in it means nothing is left as in `initial`. */
export function decodeHash(hash: string, initial: ViewState): ViewState {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...initial };
  for (const key of KEYS) {
    const text = parts.get(key);
    if (text !== null) {
      decodeInto(state, key, text);
    }
  }
  return state;
}

function encoded<K extends Key>(state: ViewState, key: K): string {
  return CODINGS[key].encode(state[key]);
}

function decodeInto<K extends Key>(state: ViewState, key: K, text: string): void {
  const value = CODINGS[key].decode(text);
  if (value !== undefined) {
    state[key] = value;
  }
}

/** Makes a store; `correct` changes what cannot be (a slice that is not there) into what can. */
export function makeStore(
  initial: ViewState,
  address: Address,
  correct: (state: ViewState) => ViewState = (state) => state,
): Store {
  let state = correct(decodeHash(address.read(), initial));
  const listeners = new Set<Listener>();
  const become = (next: ViewState): boolean => {
    const previous = state;
    if (encodeHash(next, previous) === "") {
      return false;
    }
    state = next;
    for (const listener of [...listeners]) {
      listener(next, previous);
    }
    return true;
  };
  address.onChange(() => {
    become(correct(decodeHash(address.read(), initial)));
  });
  return {
    get: () => state,
    update(change, { push = false } = {}) {
      const next = correct({ ...state, ...change });
      if (encodeHash(next, state) === "") {
        return;
      }
      address.write(encodeHash(next, initial), push);
      become(next);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The browser's own address and history. */
export function browserAddress(view: Window = window): Address {
  return {
    read: () => view.location.hash,
    write(hash, push) {
      // An empty hash is "#", not nothing: that would name the page anew.
      const url = `#${hash}`;
      if (push) {
        view.history.pushState(null, "", url);
      } else {
        view.history.replaceState(null, "", url);
      }
    },
    onChange(listener) {
      view.addEventListener("popstate", listener);
      view.addEventListener("hashchange", listener);
    },
  };
}
