import { describe, expect, it } from "vitest";
import type { ActionBand } from "../../src/payload";
import { bandsAt, endOf, lanesOf, piecesOf, summaryOfLane, summaryOfSeries } from "../../src/tabs/lanes";
import { tickText } from "../../src/tabs/time_axis";
import { nearestIndex } from "../../src/tabs/timeline";

const band = (name: string, begin_ns: number, end_ns: number): ActionBand => ({ name, begin_ns, end_ns, ending: null, detail: "", session: "s" });
const BANDS = [band("STOR", 10, 40), band("RETR", 0, 100), band("STOR", 30, 60), band("STOR", 80, 80)];
const [retr, stor] = lanesOf(BANDS);

describe("lanes", () => {
  it("stand in the order of their first instances", () => {
    expect(lanesOf(BANDS).map((lane) => [lane.name, lane.bands.length, lane.longestNs])).toEqual([["RETR", 1, 100], ["STOR", 3, 30]]);
  });
  it("are cut into pieces by how many are in flight", () => {
    expect(piecesOf(stor as never, 0, 100, 100)).toEqual([
      { left: 10, right: 30, most: 1 },
      { left: 30, right: 40, most: 2 },
      { left: 40, right: 60, most: 1 },
      { left: 80, right: 81, most: 1 },
    ]);
  });
  it("show what reaches into a window from before it", () => {
    expect(piecesOf(retr as never, 50, 60, 10)).toEqual([{ left: 0, right: 10, most: 1 }]);
  });
  it("have no more pieces than pixels", () => {
    const [many] = lanesOf(Array.from({ length: 50_000 }, (_, index) => band("NOOP", index * 10, index * 10 + 3)));
    const pieces = piecesOf(many as never, 0, 500_000, 300);
    expect(pieces.length).toBeLessThanOrEqual(301);
    expect(pieces.every((piece) => piece.left >= 0 && piece.right <= 301)).toBe(true);
  });
  it("know what was in flight at a moment", () => {
    expect(bandsAt(stor as never, 35, 0).map((one) => one.begin_ns)).toEqual([10, 30]);
    expect(bandsAt(stor as never, 79, 0)).toEqual([]);
    expect(bandsAt(stor as never, 79, 2).map((one) => one.begin_ns)).toEqual([80]);
  });
  it("come to sums", () => {
    expect(summaryOfLane(stor as never)).toEqual({ name: "STOR", times: 3, firstNs: 10, lastEndNs: 80, inFlightNs: 60, longestNs: 30 });
  });
});

describe("series", () => {
  it("come to least, mean and most, and say when", () => {
    expect(summaryOfSeries([1, 2, 3, 4], [null, 4, 8, 8])).toEqual({ least: 4, mean: 20 / 3, most: 8, mostAtNs: 3 });
    expect(summaryOfSeries([1], [null])).toBeNull();
  });
  it("end with the last thing known", () => {
    expect([endOf(0, null, []), endOf(50, null, BANDS), endOf(500, { moments_ns: [600], series: [] }, BANDS)]).toEqual([1, 100, 600]);
  });
  it.each([[-5, 0], [0, 0], [14, 0], [16, 1], [1000, 3]])("the sample nearest to %d", (moment, expected) => {
    expect(nearestIndex([10, 20, 30, 40], moment)).toBe(expected);
  });
  it("there may be none", () => {
    expect(nearestIndex([], 7)).toBe(0);
  });
});

describe("ticks", () => {
  it.each([
    [0, 1e9, 5e9, "0 s"],
    [2e9, 1e9, 5e9, "2 s"],
    [2.5e9, 5e8, 5e9, "2.5 s"],
    [1.25e9, 5e7, 5e9, "1.25 s"],
    [3e5, 1e5, 9e5, "300 µs"],
    [60e9, 30e9, 300e9, "1:00"],
    [119.5e9, 5e8, 300e9, "1:59.5"],
    [3725e9, 5e9, 4000e9, "1:02:05"],
    [3599.96e9, 1e8, 4000e9, "1:00:00.0"],
  ])("at %d with steps of %d", (moment, step, most, expected) => {
    expect(tickText(moment, step, most)).toBe(expected);
  });
});
