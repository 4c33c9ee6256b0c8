/**
 * Charts over one time axis, one above the other: uPlot draws them, zooms them and moves their
 * cursors together.
 */
import uPlot from "uplot";
import { isDark, palette } from "../colours";
import { element } from "../dom";
import { size } from "../format";
import { TICK_STEPS_NS, tickText } from "./time_axis";

export interface Chart {
  title: string;
  height: number;
  unit: "%" | "B" | "";
  momentsNs: readonly number[];
  values: readonly (number | null)[];
  /** Index into the palette's lanes. */
  colour: number;
}

/** What is drawn by hand, in pixels of the canvas. */
export interface Area {
  context: CanvasRenderingContext2D;
  left: number;
  top: number;
  width: number;
  height: number;
  /** Pixels of the canvas for one of the page. */
  ratio: number;
  fromNs: number;
  untilNs: number;
}

export interface TimeChartsOptions {
  endNs: number;
  marks: readonly { name: string; moment_ns: number }[];
  /** The moment under the cursor, null where it left. */
  pointAt(momentNs: number | null): void;
  zoomed(fromNs: number, untilNs: number): void;
}

const SYNC_KEY = "time-line";
const AXIS_WIDTH = 62;
const LEAST_SPAN_NS = 1_000;
const COUNT_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
const SIZE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

export class TimeCharts {
  private readonly plots: uPlot[] = [];
  private readonly resized: ResizeObserver;
  private from: number;
  private until: number;
  private isZooming = false;

  constructor(private readonly options: TimeChartsOptions) {
    this.from = 0;
    this.until = options.endNs;
    this.resized = new ResizeObserver((entries) => {
      for (const entry of entries) {
        const plot = this.plots.find((one) => one.root.parentElement === entry.target);
        const width = Math.floor(entry.contentRect.width);
        if (plot !== undefined && width > 0 && width !== plot.width) plot.setSize({ width, height: plot.height });
      }
    });
  }

  get span(): { fromNs: number; untilNs: number } {
    return { fromNs: this.from, untilNs: this.until };
  }

  /** Adds a chart of a series, or of nothing: then `draw` fills it. The last one has the axis. */
  add(chart: Chart, isLast: boolean, draw?: (area: Area) => void): { element: HTMLElement; plot: uPlot } {
    const holder = element("div", { class: "time-chart" });
    const plot = new uPlot(
      this.uplotOptions(chart, isLast, draw),
      [chart.momentsNs as number[], chart.values as (number | null)[]],
      holder,
    );
    this.plots.push(plot);
    this.setSpan(plot);
    this.resized.observe(holder);
    return { element: holder, plot };
  }

  zoomTo(fromNs: number, untilNs: number): void {
    const whole = this.options.endNs;
    const span = Math.min(Math.max(untilNs - fromNs, LEAST_SPAN_NS), whole);
    this.from = Math.min(Math.max(fromNs, 0), whole - span);
    this.until = this.from + span;
    this.isZooming = true;
    for (const plot of this.plots) this.setSpan(plot);
    this.isZooming = false;
    this.options.zoomed(this.from, this.until);
  }

  /** Puts the cursor to a moment, zooming along where it is out of sight. */
  moveCursor(momentNs: number): void {
    const { from, until } = this;
    if (momentNs < from || momentNs > until) {
      const half = (until - from) / 2;
      this.zoomTo(momentNs - half, momentNs + half);
    }
    const part = (momentNs - this.from) / (this.until - this.from);
    for (const plot of this.plots) {
      // Not by the plot's scale: a zoom reaches that only afterwards.
      const left = (part * plot.bbox.width) / uPlot.pxRatio;
      plot.setCursor({ left, top: plot.height / 3 }, plot === this.plots[0]);
    }
  }

  redraw(): void {
    for (const plot of this.plots) plot.redraw(true, true);
  }

  private setSpan(plot: uPlot): void {
    plot.setScale("x", { min: this.from, max: this.until });
  }

  private uplotOptions(chart: Chart, isLast: boolean, draw?: (area: Area) => void): uPlot.Options {
    const colours = () => palette(isDark(document));
    const isFirst = this.plots.length === 0;
    const font = `11px ${getComputedStyle(document.body).fontFamily || "sans-serif"}`;
    const axis = { stroke: () => colours().muted, font, grid: { stroke: () => colours().line, width: 1 }, ticks: { show: false } };
    return {
      width: 600,
      height: chart.height + (isLast ? 26 : 0) + (isFirst ? 18 : 0),
      padding: [isFirst ? 18 : 4, 12, isLast ? 0 : 4, 0],
      legend: { show: false },
      cursor: {
        sync: { key: SYNC_KEY, setSeries: false },
        y: false,
        points: { show: draw === undefined, size: 7 },
        drag: { x: true, y: false, dist: 4 },
        bind: { dblclick: () => () => (this.zoomTo(0, this.options.endNs), null) },
      },
      scales: {
        x: { time: false, range: (_, least, most) => [least ?? 0, most ?? this.options.endNs] },
        y: { range: (_, __, most) => (draw === undefined ? [0, Math.max((most ?? 0) * 1.08, leastTop(chart.unit))] : [0, 1]) },
      },
      axes: [
        {
          ...axis,
          show: true,
          size: isLast ? 26 : 0,
          incrs: TICK_STEPS_NS,
          space: 80,
          values: (_, splits, __, ___, step) =>
            isLast ? splits.map((moment) => tickText(moment, step, this.until)) : splits.map(() => ""),
        },
        {
          ...axis,
          size: AXIS_WIDTH,
          space: chart.height < 60 ? 16 : 26,
          incrs: chart.unit === "B" ? SIZE_STEPS : COUNT_STEPS,
          values: (_, splits) => splits.map((value) => (draw === undefined ? valueText(value, chart.unit) : "")),
          grid: draw === undefined ? axis.grid : { show: false },
        },
      ],
      series: [
        {},
        {
          stroke: () => colours().lanes[chart.colour] ?? colours().ink,
          fill: () => `${colours().lanes[chart.colour] ?? colours().ink}26`,
          width: 1.5,
          points: { show: chart.momentsNs.length === 1 },
        },
      ],
      hooks: {
        draw: [
          (plot) => {
            draw?.(this.areaOf(plot));
            this.drawMarks(plot, isFirst, font);
          },
        ],
        setScale: [(plot, key) => this.onScale(plot, key)],
        setCursor: [(plot) => this.onCursor(plot)],
      },
    };
  }

  private areaOf(plot: uPlot): Area {
    const { left, top, width, height } = plot.bbox;
    const [fromNs, untilNs] = [plot.scales["x"]?.min ?? 0, plot.scales["x"]?.max ?? this.options.endNs];
    return { context: plot.ctx, left, top, width, height, ratio: uPlot.pxRatio, fromNs, untilNs };
  }

  private onScale(plot: uPlot, key: string): void {
    const { min, max } = plot.scales["x"] ?? {};
    if (key !== "x" || this.isZooming || min === undefined || max === undefined) return;
    if (min === this.from && max === this.until) return;
    // All are zoomed by their own selection; of a span that is out of bounds they are set again.
    if (plot === this.plots[0]) this.zoomTo(min, max);
  }

  private onCursor(plot: uPlot): void {
    if (plot !== this.plots[0]) return;
    const left = plot.cursor.left ?? -1;
    this.options.pointAt(left < 0 ? null : plot.posToVal(left, "x"));
  }

  private drawMarks(plot: uPlot, hasNames: boolean, font: string): void {
    const area = this.areaOf(plot);
    const { context, ratio } = area;
    const colours = palette(isDark(document));
    context.save();
    context.strokeStyle = context.fillStyle = colours.muted;
    context.lineWidth = ratio;
    context.font = font.replace(/\d+px/, `${11 * ratio}px`);
    context.textBaseline = "bottom";
    context.textAlign = "left";
    let takenUntil = -Infinity;
    for (const mark of this.options.marks) {
      if (mark.moment_ns < area.fromNs || mark.moment_ns > area.untilNs) continue;
      const x = area.left + ((mark.moment_ns - area.fromNs) / (area.untilNs - area.fromNs)) * area.width;
      context.setLineDash([3 * ratio, 3 * ratio]);
      context.beginPath();
      context.moveTo(x, area.top);
      context.lineTo(x, area.top + area.height);
      context.stroke();
      // Where there is no room for a name, the list of marks has it.
      if (hasNames && x > takenUntil) {
        context.fillText(mark.name, x + 2 * ratio, area.top - 2 * ratio, 160 * ratio);
        takenUntil = x + Math.min(context.measureText(mark.name).width, 160 * ratio) + 8 * ratio;
      }
    }
    context.restore();
  }
}

function leastTop(unit: Chart["unit"]): number {
  return unit === "B" ? 1024 : 1;
}

/** Returns a value of a series with its unit. */
export function valueText(value: number, unit: Chart["unit"]): string {
  if (unit === "B") return size(Math.round(value));
  const digits = Number.isInteger(value) || value >= 100 ? 0 : 1;
  return unit === "%" ? `${value.toFixed(digits)} %` : value.toFixed(digits);
}
