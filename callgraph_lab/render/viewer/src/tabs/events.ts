/** The tab of events: what the sensors noticed, those of the selection first of all. */
import { button, element } from "../dom";
import { count, duration, number, shorten, size, visibleText } from "../format";
import type { EventLine } from "../payload";
import type { ViewState } from "../state";
import type { App, MakeTab, Tab } from "../types";
import { isWanted, namesOf, shownName, timeOfDay, type Wanted, wantedBySelection, whatOf } from "./event_rows";
import { FunctionIds } from "./function_ids";
import { Grid, type GridColumn } from "./grid";
import { compareTexts } from "./rows";

const LONGEST_NAME = 120;
const LONGEST_WHAT = 400;
const MOST_STEPS = 60;
const ANY = "any";
const OF_SELECTION = "selection";
/** Values of options of the recording's own names, which may be like the two above. */
const NAMED = "=";

export const makeEventsTab: MakeTab = (app) => new EventsTab(app);

interface EventRow {
  id: string;
  event: EventLine;
}

class EventsTab implements Tab {
  readonly element: HTMLElement;
  private readonly sensor = element("select", { id: "events-sensor" });
  private readonly action = element("select", { id: "events-action" });
  private readonly part = element("input", { id: "events-part", type: "search", autocomplete: "off", spellcheck: "false" });
  private readonly summary = element("p", { class: "tab-summary", role: "status" });
  private readonly details = element("section", { class: "event-details", "aria-label": "The chosen event", hidden: true });
  private readonly grid: Grid<EventRow>;
  private readonly rows: EventRow[];
  private readonly texts = new Map<EventLine, string>();
  private ids: FunctionIds | null = null;
  private isShown = false;

  constructor(private readonly app: App) {
    const { events } = app.payload;
    this.rows = events.map((event, index) => ({ id: String(index), event }));
    this.grid = new Grid<EventRow>({
      label: "Events",
      columns: this.columns(),
      sortedBy: "time",
      idOf: (row) => row.id,
      choose: (row) => this.choose(row),
    });
    const [sensors, actions] = [namesOf(events, "sensor"), namesOf(events, "action")];
    this.sensor.append(option(ANY, "any event"), ...sensors.map((name) => option(NAMED + name, shownName(name, 60))));
    this.action.append(
      option(OF_SELECTION, "as selected"),
      option(ANY, "any action"),
      ...actions.map((name) => option(NAMED + name, shownName(name, 60))),
    );
    this.element = element(
      "div",
      { class: "tab events-tab" },
      element(
        "div",
        { class: "tab-tools" },
        element("label", { for: "events-sensor" }, "Event"),
        this.sensor,
        element("label", { for: "events-action" }, "Of action"),
        this.action,
        element("label", { for: "events-part" }, "With text"),
        this.part,
        this.summary,
      ),
      this.grid.element,
      this.details,
    );
    for (const control of [this.sensor, this.action]) control.addEventListener("change", () => this.showRows());
    this.part.addEventListener("input", () => this.showRows());
  }

  show(): void {
    this.isShown = true;
    this.update(this.app.store.get());
  }

  hide(): void {
    this.isShown = false;
  }

  update(_state: ViewState): void {
    if (this.isShown) this.showRows();
  }

  private wanted(): Wanted {
    const ofSelection = wantedBySelection(this.app.payload, this.app.store.get());
    const action = this.action.value;
    const isSelection = action === OF_SELECTION;
    return {
      ...ofSelection,
      sensor: namedValue(this.sensor.value),
      action: isSelection ? ofSelection.action : namedValue(action),
      spansNs: isSelection ? ofSelection.spansNs : null,
      process: isSelection ? ofSelection.process : null,
      part: this.part.value.trim().toLowerCase(),
    };
  }

  private showRows(): void {
    const { payload } = this.app;
    const wanted = this.wanted();
    const kept = this.rows.filter(({ event }) => isWanted(event, wanted, (one) => this.textOf(one)));
    this.grid.setRows(kept);
    const told = [count(kept.length, "event")];
    if (kept.length < this.rows.length) told.push(`of ${number(this.rows.length)}`);
    if (payload.events_dropped > 0) {
      told.push(`(${number(payload.events_dropped)} earlier ones are not in the recording any more)`);
    }
    const hasNone = this.rows.length === 0 && payload.events_dropped === 0;
    this.summary.textContent = hasNone ? "The recording has no events: no sensor noticed anything." : told.join(" ");
  }

  /** Everything that an event says, for the search. */
  private textOf(event: EventLine): string {
    let text = this.texts.get(event);
    if (text === undefined) {
      text = [event.sensor, event.action ?? "", event.session ?? "", whatOf(event, this.app.payload)].join(" ");
      this.texts.set(event, text);
    }
    return text;
  }

  private columns(): GridColumn<EventRow>[] {
    const name = (key: string, title: string, width: string, of: (event: EventLine) => string | null) => ({
      key,
      title,
      width,
      text: ({ event }: EventRow) => shownName(of(event), LONGEST_NAME),
      compare: (one: EventRow, other: EventRow) => compareTexts(of(one.event) ?? "", of(other.event) ?? ""),
    });
    const figure = (key: string, title: string, of: (event: EventLine) => number | null, write: (value: number) => string) => ({
      key,
      title,
      width: "5.5rem",
      isNumber: true,
      text: ({ event }: EventRow) => writtenOrDash(of(event), write),
      compare: (one: EventRow, other: EventRow) => (of(one.event) ?? -1) - (of(other.event) ?? -1),
    });
    return [
      {
        key: "time",
        title: "time",
        width: "7.5rem",
        text: ({ event }) => timeOfDay(event),
        hint: ({ event }) => visibleText(event.time),
        compare: (one, other) => one.event.moment_ns - other.event.moment_ns,
      },
      name("sensor", "event", "9.5rem", (event) => event.sensor),
      name("action", "action", "6.5rem", (event) => event.action),
      name("session", "session", "7rem", (event) => event.session),
      figure("lasted", "lasted", (event) => event.duration_ns || null, duration),
      figure("rss", "RSS", (event) => event.rss_bytes, size),
      figure("cpu", "CPU", (event) => event.cpu_percent, (value) => `${value.toFixed(0)} %`),
      {
        key: "what",
        title: "what",
        width: "auto",
        text: ({ event }) => shorten(visibleText(whatOf(event, this.app.payload)), LONGEST_WHAT),
        compare: (one, other) => compareTexts(whatOf(one.event, this.app.payload), whatOf(other.event, this.app.payload)),
      },
    ];
  }

  private choose(row: EventRow): void {
    this.grid.setChosen(row.id);
    const { event } = row;
    const list = element("dl");
    const add = (term: string, text: string) =>
      list.append(
        element("div", {}, element("dt", {}, shownName(term, 80)), element("dd", {}, shorten(visibleText(text), 2_000))),
      );
    add("event", event.sensor);
    add("time", event.time);
    if (event.session !== null) add("session", event.session);
    add("process", String(event.process));
    if (event.duration_ns > 0) add("lasted", duration(event.duration_ns));
    for (const [key, value] of Object.entries(event.fields)) add(key, value);
    this.details.replaceChildren(list, this.path(event), this.showAction(event));
    this.details.hidden = false;
  }

  /** The calls that led to the event; each selects its function. */
  private path(event: EventLine): HTMLElement {
    const list = element("ol", { class: "event-path", "aria-label": "The calls that led there" });
    for (const index of event.path.slice(-MOST_STEPS)) {
      const info = this.app.payload.functions[index];
      if (info === undefined) continue;
      const select = button(shownName(info.short_name, 80), { title: shorten(visibleText(info.name), 500) }, () => {
        this.ids ??= new FunctionIds(this.app.payload);
        this.app.store.update({ selected: this.ids.of(index) ?? null }, { push: true });
      });
      list.append(element("li", {}, select));
    }
    return list;
  }

  private showAction(event: EventLine): HTMLElement {
    const { payload, store } = this.app;
    const slice = payload.slices.find((one) => one.action === event.action && one.nth === null && one.action !== null);
    if (slice === undefined) return element("span");
    return button(`Only what ${shownName(slice.title, 60)} did`, {}, () => store.update({ slice: slice.key }, { push: true }));
  }
}

function option(value: string, label: string): HTMLOptionElement {
  return element("option", { value }, label);
}

function namedValue(value: string): string | null {
  return value.startsWith(NAMED) ? value.slice(NAMED.length) : null;
}

function writtenOrDash(value: number | null, write: (value: number) => string): string {
  return value === null ? "-" : write(value);
}
