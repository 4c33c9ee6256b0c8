/** Which events show, and what is written of one. */
import { shorten, visibleText } from "../format";
import type { EventLine, Payload } from "../payload";
import type { ViewState } from "../state";

/** What is asked of events; null asks for nothing. */
export interface Wanted {
  sensor: string | null;
  action: string | null;
  process: number | null;
  /** Moments of which one must hold the event. */
  spansNs: readonly (readonly [from: number, until: number])[] | null;
  /** Part of any text of it, in small letters. */
  part: string;
}

/** Returns what the selection asks for: its action, the times after its mark, its process. */
export function wantedBySelection(payload: Payload, state: ViewState): Wanted {
  const slice = payload.slices.find((one) => one.key === state.slice);
  const thread = state.thread === null ? undefined : slice?.threads[state.thread];
  return {
    sensor: null,
    action: slice?.action ?? null,
    process: thread?.pid ?? state.process,
    spansNs: slice?.mark == null ? null : spansAfter(payload, slice.mark),
    part: "",
  };
}

/** A mark stands for the time until the next one, or until the end; several may have one name. */
function spansAfter({ marks }: Payload, name: string): (readonly [number, number])[] {
  const spans: (readonly [number, number])[] = [];
  marks.forEach((mark, index) => {
    if (mark.name === name) spans.push([mark.moment_ns, marks[index + 1]?.moment_ns ?? Infinity]);
  });
  return spans;
}

export function isWanted(event: EventLine, wanted: Wanted, textOf: (event: EventLine) => string): boolean {
  if (wanted.sensor !== null && event.sensor !== wanted.sensor) return false;
  if (wanted.action !== null && event.action !== wanted.action) return false;
  if (wanted.process !== null && event.process !== wanted.process) return false;
  const { spansNs } = wanted;
  const moment = event.moment_ns;
  if (spansNs !== null && !spansNs.some(([from, until]) => moment >= from && moment < until)) return false;
  return wanted.part === "" || textOf(event).toLowerCase().includes(wanted.part);
}

/** Returns the fields of an event; of one without any, the calls that led there. */
export function whatOf(event: EventLine, payload: Payload): string {
  const fields = Object.entries(event.fields).map(([key, value]) => `${key}=${value}`);
  if (fields.length > 0) return fields.join(" ");
  return event.path.map((index) => lastTwo(payload.functions[index]?.name ?? "")).join(" → ");
}

function lastTwo(name: string): string {
  return name.split(".").slice(-2).join(".");
}

/** Returns the time of day, as the event's zone has it. */
export function timeOfDay(event: EventLine): string {
  return visibleText(event.time.slice(11, 23));
}

/** Returns the names that an event of the recording has, each once, in order. */
export function namesOf(events: readonly EventLine[], key: "sensor" | "action"): string[] {
  const names = new Set<string>();
  for (const event of events) {
    const name = event[key];
    if (name !== null) names.add(name);
  }
  return [...names].sort();
}

/** Returns a name as text that a person can tell from nothing. */
export function shownName(name: string | null, most: number): string {
  if (name === null) return "-";
  const shown = shorten(visibleText(name), most);
  return shown.trim() === "" ? "(no name)" : shown;
}
