/** The tab of the time line: resources over time, the actions as bands in lanes, marks as lines. */
import { isDark, palette } from "../colours";
import { button, element } from "../dom";
import { count, duration, shorten, visibleText } from "../format";
import { saidEnding } from "../model/endings";
import type { ActionBand } from "../payload";
import type { ViewState } from "../state";
import type { App, MakeTab, Tab } from "../types";
import { bandsAt, endOf, type Lane, lanesOf, piecesOf } from "./lanes";
import { type Area, TimeCharts, valueText } from "./time_charts";
import { timelineText } from "./timeline_text";

const LANE_HEIGHT = 20;
const MOST_LANES = 60;
const NEAR_PIXELS = 3;
const HIGH = 96;
const LOW = 44;
const MOST_NAMED = 4;

export const makeTimelineTab: MakeTab = (app) => new TimelineTab(app);

class TimelineTab implements Tab {
  readonly element: HTMLElement;
  private readonly readout = element("p", { class: "tab-summary" });
  private readonly charts: TimeCharts;
  private readonly board = element("div", {
    class: "time-board",
    tabindex: 0,
    role: "group",
    "aria-label": "Charts over time: arrows move the moment, plus and minus zoom, 0 shows all",
  });
  private readonly whole: HTMLButtonElement;
  private readonly lanes: Lane[];
  private readonly allLanes: Lane[];
  private readonly laneButtons: HTMLButtonElement[] = [];
  private readonly endNs: number;
  private moment = 0;
  private isBuilt = false;
  private isShown = false;
  private theme = "";

  constructor(private readonly app: App) {
    const { payload } = app;
    this.allLanes = lanesOf(payload.action_bands);
    this.lanes = this.allLanes.slice(0, MOST_LANES);
    this.endNs = endOf(payload.recording.duration_ns, payload.resources, payload.action_bands);
    this.charts = new TimeCharts({
      endNs: this.endNs,
      marks: payload.marks.map((mark) => ({ ...mark, name: shorten(visibleText(mark.name), 40) })),
      pointAt: (moment) => this.tellOf(moment),
      zoomed: (from, until) => {
        this.whole.disabled = from <= 0 && until >= this.endNs;
      },
    });
    this.whole = button("Whole", { title: "0, or a double click", disabled: true }, () => this.charts.zoomTo(0, this.endNs));
    this.element = element(
      "div",
      { class: "tab timeline-tab" },
      element(
        "div",
        { class: "tab-tools" },
        button("Zoom in", { title: "+" }, () => this.zoomBy(0.5)),
        button("Zoom out", { title: "-" }, () => this.zoomBy(2)),
        this.whole,
        this.readout,
      ),
      this.board,
      this.remarks(),
      timelineText(app.payload, this.allLanes, (key) => this.choose(key)),
    );
    this.board.addEventListener("keydown", (event) => this.onKey(event));
  }

  show(): void {
    this.isShown = true;
    // uPlot needs to know how wide it is.
    if (!this.isBuilt) this.build();
    this.isBuilt = true;
    this.update(this.app.store.get());
  }

  hide(): void {
    this.isShown = false;
  }

  update(state: ViewState): void {
    if (!this.isShown) return;
    const action = this.actionOf(state);
    this.lanes.forEach((lane, index) => {
      this.laneButtons[index]?.setAttribute("aria-pressed", lane.name === action ? "true" : "false");
    });
    const theme = `${isDark(document)} ${action ?? ""}`;
    if (theme !== this.theme) this.charts.redraw();
    this.theme = theme;
    this.tellOf(null);
  }

  private actionOf(state: ViewState): string | null {
    return this.app.payload.slices.find((slice) => slice.key === state.slice)?.action ?? null;
  }

  private build(): void {
    const { resources } = this.app.payload;
    const series = resources?.series ?? [];
    series.forEach((one, index) => {
      const { element: holder } = this.charts.add(
        {
          title: one.name,
          height: index < 2 ? HIGH : LOW,
          unit: one.unit,
          momentsNs: resources?.moments_ns ?? [],
          values: one.values,
          colour: index,
        },
        index === series.length - 1 && this.lanes.length === 0,
      );
      const most = one.values.reduce<number>((top, value) => Math.max(top, value ?? 0), 0);
      const title = element("h3", {}, shorten(visibleText(one.name), 40));
      this.board.append(
        element("div", { class: "time-title" }, title, element("p", {}, `at most ${valueText(most, one.unit)}`)),
        holder,
      );
    });
    if (this.lanes.length > 0) this.buildLanes();
  }

  private buildLanes(): void {
    const names = element("div", { class: "time-lanes" });
    for (const lane of this.lanes) {
      const name = shorten(visibleText(lane.name), 60);
      const times = count(lane.bands.length, "time");
      const made = button(name, { title: `${name}: ${times} on the time line`, "aria-pressed": "false" }, () =>
        this.chooseAction(lane.name),
      );
      made.style.height = `${LANE_HEIGHT}px`;
      this.laneButtons.push(made);
      names.append(made);
    }
    const height = this.lanes.length * LANE_HEIGHT + 8;
    const { element: holder, plot } = this.charts.add(
      { title: "actions", height, unit: "", momentsNs: [0, this.endNs], values: [null, null], colour: 0 },
      true,
      (area) => this.drawLanes(area),
    );
    let downAt = 0;
    plot.over.addEventListener("mousedown", (event) => {
      downAt = event.clientX;
    });
    plot.over.addEventListener("click", (event) => {
      const lane = this.lanes[Math.floor(event.offsetY / LANE_HEIGHT)];
      // The end of a drag, which zooms, is a click too.
      if (lane === undefined || Math.abs(event.clientX - downAt) > NEAR_PIXELS) return;
      if (this.bandsUnder(lane, plot.posToVal(event.offsetX, "x")).length > 0) this.chooseAction(lane.name);
    });
    plot.over.addEventListener("mousemove", (event) => {
      const lane = this.lanes[Math.floor(event.offsetY / LANE_HEIGHT)];
      const moment = plot.posToVal(event.offsetX, "x");
      const bands = lane === undefined ? [] : this.bandsUnder(lane, moment);
      plot.over.title = bands.slice(0, MOST_NAMED).map(bandText).join("\n");
      plot.over.style.cursor = bands.length > 0 ? "pointer" : "crosshair";
    });
    this.board.append(names, holder);
  }

  private bandsUnder(lane: Lane, moment: number): ActionBand[] {
    const { fromNs, untilNs } = this.charts.span;
    const width = Math.max(this.board.clientWidth - 240, 100);
    return bandsAt(lane, moment, ((untilNs - fromNs) / width) * NEAR_PIXELS);
  }

  private drawLanes({ context, left, top, width, ratio, fromNs, untilNs }: Area): void {
    const colours = palette(isDark(document));
    const action = this.actionOf(this.app.store.get());
    context.save();
    this.lanes.forEach((lane, index) => {
      const middle = top + (index + 0.5) * LANE_HEIGHT * ratio;
      context.globalAlpha = 1;
      context.fillStyle = colours.line;
      context.fillRect(left, middle, width, 1);
      context.fillStyle = colours.lanes[index % colours.lanes.length] ?? colours.ink;
      const quiet = action !== null && action !== lane.name ? 0.4 : 1;
      for (const piece of piecesOf(lane, fromNs, untilNs, width / ratio)) {
        // Several at a time are fuller.
        context.globalAlpha = quiet * Math.min(0.5 + 0.15 * piece.most, 1);
        const wide = Math.max((piece.right - piece.left) * ratio, 1.5 * ratio);
        context.fillRect(left + piece.left * ratio, middle - 6 * ratio, wide, 12 * ratio);
      }
    });
    context.restore();
  }

  private chooseAction(action: string): void {
    const slice = this.app.payload.slices.find((one) => one.action === action && one.nth === null);
    if (slice !== undefined) this.choose(slice.key);
    else this.app.announce(`${visibleText(action)} has no slice of its own on this page`);
  }

  private choose(key: string): void {
    const slice = this.app.payload.slices.find((one) => one.key === key);
    if (slice === undefined) return;
    this.app.store.update({ slice: key }, { push: true });
    this.app.announce(`Selected ${visibleText(slice.title)}`);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target !== this.board || event.ctrlKey || event.metaKey || event.altKey) return;
    const { fromNs, untilNs } = this.charts.span;
    const step = (untilNs - fromNs) / (event.shiftKey ? 10 : 100);
    const isSeen = this.moment >= fromNs && this.moment <= untilNs;
    const moment = isSeen ? this.moment : (fromNs + untilNs) / 2;
    const moves: Record<string, () => void> = {
      ArrowRight: () => this.moveTo(moment + step),
      ArrowLeft: () => this.moveTo(moment - step),
      Home: () => this.moveTo(fromNs),
      End: () => this.moveTo(untilNs),
      "+": () => this.zoomBy(0.5),
      "=": () => this.zoomBy(0.5),
      "-": () => this.zoomBy(2),
      "0": () => this.charts.zoomTo(0, this.endNs),
    };
    const move = Object.hasOwn(moves, event.key) ? moves[event.key] : undefined;
    if (move === undefined) return;
    move();
    event.preventDefault();
    event.stopPropagation();
  }

  private moveTo(momentNs: number): void {
    this.moment = Math.min(Math.max(momentNs, 0), this.endNs);
    this.charts.moveCursor(this.moment);
    this.app.announce(this.textAt(this.moment));
  }

  private zoomBy(factor: number): void {
    const { fromNs, untilNs } = this.charts.span;
    const isSeen = this.moment > fromNs && this.moment < untilNs;
    const middle = isSeen ? this.moment : (fromNs + untilNs) / 2;
    const half = ((untilNs - fromNs) * factor) / 2;
    this.charts.zoomTo(middle - half, middle + half);
  }

  private tellOf(moment: number | null): void {
    if (moment !== null) this.moment = moment;
    this.readout.textContent = moment === null ? "Drag to zoom; click on a band to select its action." : this.textAt(moment);
  }

  private textAt(moment: number): string {
    const { resources } = this.app.payload;
    const told = [`at ${moment < 1 ? "0 s" : duration(Math.round(moment))}`];
    const sample = nearestIndex(resources?.moments_ns ?? [], moment);
    for (const one of resources?.series ?? []) {
      const value = one.values[sample];
      if (value !== null && value !== undefined) told.push(`${visibleText(one.name)} ${valueText(value, one.unit)}`);
    }
    const running = this.lanes.map((lane) => ({ lane, bands: this.bandsUnder(lane, moment) }));
    const busy = running.filter(({ bands }) => bands.length > 0);
    for (const { lane, bands } of busy.slice(0, MOST_NAMED)) {
      told.push(`${shorten(visibleText(lane.name), 30)}${bands.length > 1 ? ` × ${bands.length}` : ""}`);
    }
    if (busy.length > MOST_NAMED) told.push(`${count(busy.length - MOST_NAMED, "action")} more`);
    return told.join(" · ");
  }

  private remarks(): HTMLElement {
    const { payload } = this.app;
    const told: string[] = [];
    if (payload.resources === null) told.push("The recording has no samples of resources.");
    if (this.allLanes.length === 0) told.push("It has no actions on the time line.");
    if (this.allLanes.length > MOST_LANES) {
      told.push(`${count(this.allLanes.length - MOST_LANES, "action")} more in the table below.`);
    }
    const dropped = payload.action_bands_dropped;
    if (dropped > 0) told.push(`${count(dropped, "earlier instance")} of actions left out to keep the page small.`);
    return element("p", { class: "tab-remark", hidden: told.length === 0 }, told.join(" "));
  }
}

function bandText(band: ActionBand): string {
  const what = shorten(visibleText(`${band.name} ${band.detail}`.trim()), 120);
  const begin = band.begin_ns > 0 ? duration(band.begin_ns) : "0 s";
  const session = band.session === "" ? "" : `, session ${shorten(visibleText(band.session), 60)}`;
  return `${what}${session}, at ${begin}, for ${duration(band.end_ns - band.begin_ns)}${band.ending === null ? "" : `, ${saidEnding(band.ending)}`}`;
}

/** Returns the index of the sample that is nearest to a moment; moments ascend. */
export function nearestIndex(moments: readonly number[], moment: number): number {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle] as number) < moment) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return 0;
  const before = moment - (moments[low - 1] as number);
  return low === moments.length || before <= (moments[low] as number) - moment ? low - 1 : low;
}
