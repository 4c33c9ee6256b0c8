// Lays DOT text out, beside the page: Graphviz may take seconds, and the page must not wait.
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import type { LayoutAnswer, LayoutRequest } from "./layout_client";

interface WorkerScope {
  onmessage: ((event: MessageEvent<LayoutRequest>) => void) | null;
  postMessage(answer: LayoutAnswer): void;
}

/** JSON without how to draw; the types of the package do not know it. */
const PLACES_ONLY = "json0" as "json";

const scope = globalThis as unknown as WorkerScope;
/** What Graphviz complained of since the last layout: it writes that to the console. */
const complaints: string[] = [];
console.error = console.warn = (...parts: unknown[]) => {
  complaints.push(parts.join(" "));
};
const loading = Graphviz.load();

scope.onmessage = async ({ data: { serial, dot } }) => {
  try {
    const graphviz = await loading;
    scope.postMessage({ serial, json: graphviz.layout(dot, PLACES_ONLY, "dot"), error: null });
  } catch (error) {
    scope.postMessage({ serial, json: null, error: [error, ...complaints].join("; ") });
  } finally {
    complaints.length = 0;
  }
};
