// Starts the layout worker from the text of it that is in the bundle: the page may load nothing.
import source from "worker:./worker.ts";
import type { LayoutWorker } from "./layout_client";

export function startWorker(): LayoutWorker {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return new Worker(url);
  } finally {
    // The worker has its source once it is made; Chromium fetches it before this runs.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}
