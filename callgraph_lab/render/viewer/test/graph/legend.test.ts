// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { legendOf } from "../../src/graph/legend";
import { lookOf } from "../../src/graph/look";
import { planOf } from "../../src/graph/plan";
import { roughMeasure } from "../../src/graph/scene";
import { makeSelection } from "../../src/model/selection";
import { initialState } from "../../src/initial_state";
import { payloadOf } from "../model/cases";

describe("the legend", () => {
  it.each([
    ["chain", null, ""],
    ["processes", null, "double border: calls that have not returned"],
    ["processes", 1, "double border: still running"],
    ["processes", 20, "double border: killed inside"],
  ])("of %s, process %j, says of double borders %j", (name, process, expected) => {
    const payload = payloadOf(name);
    const state = { ...initialState(payload), filters: ["none"], process };
    const plan = planOf(makeSelection(payload), state, lookOf(false), roughMeasure);
    const notes = [...legendOf(plan, "self", lookOf(false)).querySelectorAll(".legend-note")];
    const told = notes.map((note) => note.textContent ?? "").filter((text) => text.includes("border"));
    expect(told).toEqual(expected === "" ? [] : [expected]);
  });
});
