/** The time line in words: what each series comes to, when each action was, and the marks. */
import { button, element } from "../dom";
import { duration, number, shorten, visibleText } from "../format";
import type { Payload } from "../payload";
import { type Lane, summaryOfLane, summaryOfSeries } from "./lanes";
import { valueText } from "./time_charts";

/** Makes the tables; `choose` takes the key of a slice. */
export function timelineText(payload: Payload, lanes: readonly Lane[], choose: (key: string) => void): HTMLElement {
  const made = element("details", { class: "tab-text" }, element("summary", {}, "As tables"));
  const tables = [seriesTable(payload), laneTable(payload, lanes, choose), markTable(payload, choose)];
  made.append(...tables.filter((table) => table !== null));
  made.hidden = made.children.length === 1;
  return made;
}

function seriesTable({ resources }: Payload): HTMLElement | null {
  if (resources === null) return null;
  const rows = resources.series.map((one) => {
    const found = summaryOfSeries(resources.moments_ns, one.values);
    const figures = found === null ? [] : [found.least, found.mean, found.most].map((value) => valueText(value, one.unit));
    return [name(one.name), ...figures, ...(found === null ? [] : [momentText(found.mostAtNs)])];
  });
  return table("Resources", ["", "least", "mean", "most", "most at"], rows);
}

function laneTable(payload: Payload, lanes: readonly Lane[], choose: (key: string) => void): HTMLElement | null {
  if (lanes.length === 0) return null;
  const rows = lanes.map((lane) => {
    const told = summaryOfLane(lane);
    const slice = payload.slices.find((one) => one.action === lane.name && one.nth === null);
    const label = name(lane.name);
    return [
      slice === undefined ? label : button(label, { class: "link" }, () => choose(slice.key)),
      number(told.times),
      momentText(told.firstNs),
      momentText(told.lastEndNs),
      duration(told.longestNs),
      duration(told.inFlightNs),
    ];
  });
  return table("Actions", ["", "times", "first begins", "last ends", "longest", "all together"], rows);
}

function markTable(payload: Payload, choose: (key: string) => void): HTMLElement | null {
  if (payload.marks.length === 0) return null;
  const rows = payload.marks.map((mark) => {
    const slice = payload.slices.find((one) => one.mark === mark.name);
    const label = name(mark.name);
    return [slice === undefined ? label : button(label, { class: "link" }, () => choose(slice.key)), momentText(mark.moment_ns)];
  });
  return table("Marks", ["", "at"], rows);
}

function table(caption: string, titles: string[], rows: (string | HTMLElement)[][]): HTMLElement {
  const heads = titles.map((title, place) =>
    place === 0 ? element("td") : element("th", { scope: "col", class: "number" }, title),
  );
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      ...row.map((cell, place) =>
        place === 0 ? element("th", { scope: "row" }, cell) : element("td", { class: "number" }, cell),
      ),
    ),
  );
  return element(
    "table",
    { class: "text-table" },
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...body),
  );
}

function name(text: string): string {
  const shown = shorten(visibleText(text), 80);
  return shown.trim() === "" ? "(no name)" : shown;
}

function momentText(momentNs: number): string {
  return momentNs < 1 ? "0 s" : duration(Math.round(momentNs));
}
