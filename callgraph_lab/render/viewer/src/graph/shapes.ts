// Boxes, lines and groups as elements of SVG. Colours and sizes are attributes, not styles, so that a
// picture that is saved looks as on the page.
import { svgElement } from "../dom";
import type { Area, Placed, Point, Route } from "./layout";
import type { Look } from "./look";
import { type Box, FIGURE_POINTS, type Group, LINE_HEIGHT, type Line, TITLE_POINTS } from "./scene";

const ARROW_LENGTH = 7;
const ARROW_WIDTH = 5;
/** Graphviz lets groups touch. */
const GROUP_GAP = 4;

/** Fills a group element, whose middle is (0, 0), with what a box looks like. */
export function fillBox(target: SVGGElement, box: Box): void {
  const { width, height, fill, stroke } = box;
  const title = svgElement("title", {}, box.tooltip);
  const outline =
    box.kind === "thread"
      ? svgElement("ellipse", { rx: width / 2, ry: height / 2, fill, stroke })
      : rounded(width, height, { fill, stroke, "stroke-width": box.strokeWidth });
  outline.classList.add("outline");
  if (box.isDashed) {
    outline.setAttribute("stroke-dasharray", "5 3");
  }
  const inner = box.isDouble
    ? rounded(width - 6, height - 6, { fill: "none", stroke, "stroke-width": 1 })
    : null;
  const tall = box.lines.reduce((sum, line) => sum + line.points * LINE_HEIGHT, 0);
  let y = -tall / 2;
  const texts = box.lines.map((line) => {
    y += line.points * LINE_HEIGHT;
    return svgElement(
      "text",
      {
        y: rounding(y - line.points * (LINE_HEIGHT - 1) * 1.1),
        "text-anchor": "middle",
        "font-size": line.points,
        "font-weight": line.isBold ? 600 : 400,
        fill: line.isMuted ? box.mutedInk : box.ink,
      },
      line.text,
    );
  });
  target.replaceChildren(title, outline, ...(inner === null ? [] : [inner]), ...texts);
}

function rounded(
  width: number,
  height: number,
  attributes: Record<string, string | number>,
): SVGRectElement {
  return svgElement("rect", {
    x: rounding(-width / 2),
    y: rounding(-height / 2),
    width,
    height,
    rx: 6,
    ...attributes,
  });
}

export function placeBox(target: SVGGElement, { x, y }: Placed): void {
  target.setAttribute("transform", `translate(${rounding(x)},${rounding(y)})`);
}

export function fillLine(target: SVGGElement, line: Line, look: Look): void {
  const path = svgElement("path", {
    fill: "none",
    stroke: line.colour,
    "stroke-width": line.strokeWidth.toFixed(2),
    "stroke-dasharray": line.isDashed ? "6 4" : null,
  });
  const arrow = svgElement("polygon", { fill: line.colour });
  const label = svgElement(
    "text",
    {
      "text-anchor": "middle",
      "font-size": FIGURE_POINTS,
      fill: look.muted,
      stroke: look.veil,
      "stroke-width": 3.5,
      "stroke-linejoin": "round",
      "paint-order": "stroke",
    },
    line.text,
    line.note === "" ? null : svgElement("tspan", { "font-style": "italic" }, line.note),
  );
  target.replaceChildren(svgElement("title", {}, line.tooltip), path, arrow, label);
}

export function placeLine(target: SVGGElement, route: Route): void {
  const [path, arrow, label] = [
    target.querySelector("path"),
    target.querySelector("polygon"),
    target.querySelector("text"),
  ];
  path?.setAttribute("d", pathText(route.points));
  arrow?.setAttribute("points", route.tip === null ? "" : arrowText(route));
  if (route.label !== null) {
    label?.setAttribute("x", rounding(route.label.x));
    label?.setAttribute("y", rounding(route.label.y + FIGURE_POINTS * 0.35));
  }
}

export function fillGroup(target: SVGGElement, look: Look): void {
  const { groupFill: fill, groupBorder: stroke } = look;
  target.replaceChildren(svgElement("rect", { rx: 8, fill, stroke }));
}

export function placeGroup(target: SVGGElement, { left, top, width, height }: Area): void {
  const rect = target.querySelector("rect");
  rect?.setAttribute("x", rounding(left + GROUP_GAP));
  rect?.setAttribute("y", rounding(top + GROUP_GAP));
  rect?.setAttribute("width", rounding(Math.max(0, width - 2 * GROUP_GAP)));
  rect?.setAttribute("height", rounding(Math.max(0, height - 2 * GROUP_GAP)));
}

export function fillTitle(target: SVGGElement, group: Group, look: Look): void {
  target.replaceChildren(
    svgElement(
      "text",
      {
        "font-size": TITLE_POINTS,
        "font-weight": 600,
        fill: look.muted,
        stroke: look.groupFill,
        "stroke-width": 4,
        "stroke-linejoin": "round",
        "paint-order": "stroke",
      },
      group.title,
    ),
  );
}

export function placeTitle(target: SVGGElement, { left, top }: Area): void {
  const text = target.querySelector("text");
  text?.setAttribute("x", rounding(left + 13));
  text?.setAttribute("y", rounding(top + TITLE_POINTS + 9));
}

function pathText([start, ...rest]: readonly Point[]): string {
  if (start === undefined) {
    return "";
  }
  const pieces: string[] = [];
  for (let at = 0; at + 2 < rest.length; at += 3) {
    pieces.push(rest.slice(at, at + 3).map(pointText).join(" "));
  }
  return `M${pointText(start)}C${pieces.join(" ")}`;
}

function arrowText({ points, tip }: Route): string {
  const base = points.at(-1);
  if (base === undefined || tip === null) {
    return "";
  }
  const far = Math.hypot(tip.x - base.x, tip.y - base.y) || 1;
  const [x, y] = [(tip.x - base.x) / far, (tip.y - base.y) / far];
  const foot = { x: tip.x - x * ARROW_LENGTH, y: tip.y - y * ARROW_LENGTH };
  const half = ARROW_WIDTH / 2;
  return [
    tip,
    { x: foot.x - y * half, y: foot.y + x * half },
    { x: foot.x + y * half, y: foot.y - x * half },
  ]
    .map(pointText)
    .join(" ");
}

function pointText({ x, y }: Point): string {
  return `${rounding(x)},${rounding(y)}`;
}

function rounding(value: number): string {
  return String(Math.round(value * 100) / 100);
}
