import { describe, expect, it } from "vitest";
import { change, changeFill, changeLine, contrast, fill, heat, inkOn, palette, sideFills, sideLines } from "../src/colours";

const LEGIBLE = 4.5;
const OF_GRAPHICS = 3;
const places = Array.from({ length: 101 }, (_, index) => index / 100);

describe("on a light page they are those of the static pictures", () => {
  it.each([
    [0, "#fffae9"],
    [0.25, "#ebc794"],
    [0.5, "#da8d54"],
    [0.75, "#bf5434"],
    [1, "#951c30"],
  ])("fill(%d)", (place, expected) => {
    expect(fill(place)).toBe(expected);
  });
  it.each([
    [0, 5, 0],
    [1, 1_000_000, 0],
    [1, 100, 0.5],
    [100, 100, 1],
    [1, 0, 0],
  ])("heat(%d, %d)", (part, whole, expected) => {
    expect(heat(part, whole)).toBeCloseTo(expected, 12);
  });
  it.each([
    [1, 1, "#ffffff"],
    [0, 3, "#f1c49a"],
    [3, 0, "#add1ff"],
    [10, 20, "#f8e6d6"],
    [20, 10, "#ddebfe"],
    [1, 100, "#f1c49a"],
    [1000, 1004, "#fbf6f1"],
    [100, 134, "#faf0e6"],
  ])("changeFill(change(%d, %d))", (a, b, expected) => {
    expect(changeFill(change(a, b))).toBe(expected);
  });
  it("also of the sides", () => {
    expect(sideFills()).toEqual({ a: "#2863ab", b: "#ffb162" });
    expect(sideLines()).toEqual({ a: "#2863ab", b: "#d67523" });
  });
});

describe.each([false, true])("legible, dark: %s", (dark) => {
  const { page, panel, ink, muted, lanes, accent } = palette(dark);

  it("text on every fill", () => {
    const fills = [
      ...places.map((place) => fill(place, dark)),
      ...places.map((place) => changeFill(2 * place - 1, dark)),
      ...Object.values(sideFills(dark)),
      accent,
    ];
    for (const one of fills) expect(contrast(one, inkOn(one))).toBeGreaterThanOrEqual(LEGIBLE);
  });
  it("text on the page", () => {
    for (const text of [ink, muted, accent]) expect(contrast(text, page)).toBeGreaterThanOrEqual(LEGIBLE);
    expect(contrast(ink, panel)).toBeGreaterThanOrEqual(LEGIBLE);
  });
  it("curves and lines on the page", () => {
    const lines = [...lanes, ...Object.values(sideLines(dark))];
    for (const line of lines) expect(contrast(line, page)).toBeGreaterThanOrEqual(OF_GRAPHICS);
  });
  it("the scale is even in lightness: more stands out more", () => {
    const standOut = places.map((place) => contrast(fill(place, dark), page));
    for (let index = 1; index < standOut.length; index++) {
      expect(standOut[index]).toBeGreaterThanOrEqual(standOut[index - 1] as number);
    }
  });
  it("a side is told from the other in grey, too", () => {
    const { a, b } = sideFills(dark);
    expect(contrast(a, b)).toBeGreaterThan(1.5);
  });
});

it("a line of what is alike has no colour of its own", () => {
  expect(changeLine(0)).toBeNull();
  expect(changeLine(-1)).not.toBe(changeLine(1));
});
