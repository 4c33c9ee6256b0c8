import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { columns, count, duration, number, percent, shorten, size, visibleText } from "../src/format";
import { type OpenCalls, doubleBorderText, openCallsCell, openCallsLines } from "../src/model/endings";

const folder = new URL("../../../../tests/viewer_cases/", import.meta.url);
const cases = JSON.parse(readFileSync(new URL("texts.json", folder), "utf8")) as {
  visible_text: [string, string][];
  shorten: [string, number, string][];
  count: [number, string][];
  duration: [number, string][];
  percent: [number, number, string][];
  open_calls: [OpenCalls, string[], string][];
  double_border: [OpenCalls[], string][];
};

describe("texts are as Python's", () => {
  it.each(cases.visible_text)("visibleText(%j)", (text, expected) => {
    expect(visibleText(text)).toBe(expected);
  });
  it.each(cases.shorten)("shorten(%j, %d)", (text, most, expected) => {
    expect(shorten(text, most)).toBe(expected);
  });
  it.each(cases.count)("count(%d)", (value, expected) => {
    expect(count(value, "call")).toBe(expected);
  });
  it.each(cases.duration)("duration(%d)", (value, expected) => {
    expect(duration(value)).toBe(expected);
  });
  it.each(cases.percent)("percent(%d, %d)", (part, whole, expected) => {
    expect(percent(part, whole)).toBe(expected);
  });
  it.each(cases.open_calls)("of open calls %j", (calls, lines, cell) => {
    expect(openCallsLines(calls)).toEqual(lines);
    expect(openCallsCell(calls)).toBe(cell);
  });
  it.each(cases.double_border)("of double borders of %j", (ofNodes, expected) => {
    expect(doubleBorderText(ofNodes)).toBe(expected);
  });
});

describe("halves are rounded to even, as Python rounds them", () => {
  it.each([
    [1_125, "1.12 µs"],
    [1_375, "1.38 µs"],
    [1_135, "1.14 µs"],
    [10_250, "10.2 µs"],
    [10_750, "10.8 µs"],
    [100_500, "100 µs"],
    [101_500, "102 µs"],
    [2_125_000_000, "2.12 s"],
  ])("duration(%d)", (value, expected) => {
    expect(duration(value)).toBe(expected);
  });
  it("also in shares", () => {
    expect(percent(1, 800)).toBe("0.1 %");
    expect(percent(1, 16)).toBe("6.2 %");
  });
});

describe("size", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [1536, "1.50 KiB"],
    [10 * 1024, "10.0 KiB"],
    [1023 * 1024, "1.00 MiB"],
    [5.5 * 1024 ** 2, "5.50 MiB"],
    [3 * 1024 ** 3, "3.00 GiB"],
    [2 * 1024 ** 4, "2.00 TiB"],
  ])("size(%d)", (value, expected) => {
    expect(size(value)).toBe(expected);
  });
});

it("numbers have separators", () => {
  expect([0, 12, 999, 1000, 1234567].map(number)).toEqual(["0", "12", "999", "1,000", "1,234,567"]);
});

it("a wide character has two columns", () => {
  expect([columns("abc"), columns("語彙"), columns("a語"), columns("")]).toEqual([3, 4, 3, 0]);
});
