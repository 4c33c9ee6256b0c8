// How to read the picture: the scale of its colours, and what its lines and borders mean.
import { changeFill, fill, inkOn, sideFills } from "../colours";
import { element, svgElement } from "../dom";
import { doubleBorderText } from "../model/endings";
import type { Measure } from "../state";
import type { Look } from "./look";
import type { Plan } from "./plan";

const DECADES = 4;
const MEASURE_NAMES: Record<Measure, string> = {
  self: "self time",
  inclusive: "inclusive time",
  calls: "calls",
  bytes: "bytes allocated",
};

export function legendOf(plan: Plan, measure: Measure, look: Look): HTMLElement {
  const swatches =
    plan.comparison === null ? scaleSwatches(look) : sideSwatches(plan.sides, look);
  const before =
    plan.comparison === null ? `${MEASURE_NAMES[measure]}:` : `coloured by ${MEASURE_NAMES[measure]}:`;
  const notes: HTMLElement[] = [];
  if (plan.scene.lines.some((line) => line.isDashed)) {
    notes.push(note("5 3", "across hidden frames", look));
  }
  const border = plan.comparison === null ? doubleBorder(plan) : "";
  if (border !== "") {
    notes.push(element("span", { class: "legend-note" }, border));
  }
  const [a, b] = plan.sides;
  const figure = plan.comparison === null ? "figure on a line: calls" : `calls in ${a} → in ${b}`;
  return element(
    "div",
    { class: "legend" },
    element("span", {}, before),
    element("span", { class: "swatches" }, ...swatches),
    ...(plan.comparison === null ? [element("span", {}, "of the whole")] : []),
    element("span", { class: "legend-note" }, figure),
    ...notes,
  );
}

function doubleBorder({ drawing }: Plan): string {
  const functions = drawing.nodes.filter(({ kind }) => kind !== "thread");
  return doubleBorderText(functions.map((node) => node.open_calls_by_ending));
}

function scaleSwatches(look: Look): Element[] {
  return Array.from({ length: DECADES + 1 }, (_, step) => {
    const share = `${100 * 10 ** (step - DECADES)}`.replace(/^(0\.0*1).*$/, "$1");
    return swatch(fill(step / DECADES, look.isDark), `${share} %`);
  });
}

function sideSwatches([a, b]: [string, string], look: Look): Element[] {
  const sides = sideFills(look.isDark);
  return [
    swatch(sides.a, `only ${a}`),
    swatch(changeFill(-1, look.isDark), "10 times more"),
    swatch(changeFill(-0.3, look.isDark), "twice"),
    swatch(changeFill(0, look.isDark), "the same"),
    swatch(changeFill(0.3, look.isDark), "twice"),
    swatch(changeFill(1, look.isDark), "10 times more"),
    swatch(sides.b, `only ${b}`),
  ];
}

function swatch(background: string, text: string): HTMLElement {
  const made = element("span", { class: "swatch" }, text);
  made.style.setProperty("background", background);
  made.style.setProperty("color", inkOn(background));
  return made;
}

function note(dashes: string, text: string, look: Look): HTMLElement {
  const line = svgElement(
    "svg",
    { width: 26, height: 8, "aria-hidden": "true" },
    svgElement("line", {
      x1: 0,
      y1: 4,
      x2: 26,
      y2: 4,
      stroke: look.line,
      "stroke-width": 1.5,
      "stroke-dasharray": dashes,
    }),
  );
  return element("span", { class: "legend-note" }, line, text);
}
