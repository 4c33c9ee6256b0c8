// Starts the page: unpacks the data that it carries and shows it.
import { makePage } from "./app";
import { element } from "./dom";
import { readPayload } from "./payload";
import { type ViewState, browserAddress } from "./state";
import { applyTheme } from "./theme";
import type { CallGraph } from "./types";
import type { GraphComparison } from "./model/compare";

declare global {
  interface Window {
    /** For tests and the curious: what is shown, to read only. */
    cglab?: Readonly<{
      graph(): CallGraph;
      state(): ViewState;
      comparison(): GraphComparison | null;
      /** Whether the picture is that of the state, and has come to rest. */
      settled(): boolean;
    }>;
  }
}

async function start(): Promise<void> {
  applyTheme("auto");
  const data = document.getElementById("data");
  if (data === null) {
    throw new Error("the page has no data in it");
  }
  const payload = await readPayload(data.textContent ?? "");
  data.remove();
  const page = makePage(payload, browserAddress());
  const { store, selection } = page.context;
  const copy = <Value>(value: Value): Value => structuredClone(value);
  window.cglab = Object.freeze({
    graph: () => copy(page.context.graph()),
    state: () => copy(store.get()),
    comparison: () => copy(selection.comparison(store.get())),
    settled: page.isSettled,
  });
  document.body.replaceChildren(page.element);
}

start().catch((error: unknown) => {
  const told = error instanceof Error ? error.message : String(error);
  document.body.replaceChildren(
    element(
      "p",
      { class: "failure", role: "alert" },
      `This page could not be opened: ${told}. It needs a browser of 2023 or newer; ` +
        "if yours is, make the page again with cglab view.",
    ),
  );
});
