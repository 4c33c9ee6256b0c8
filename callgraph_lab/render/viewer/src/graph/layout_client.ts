// Asks the worker for layouts. The newest request wins: older ones that still wait are dropped, and
// one that takes long is given up with its worker.
export interface LayoutRequest {
  serial: number;
  dot: string;
}

export interface LayoutAnswer {
  serial: number;
  json: string | null;
  error: string | null;
}

/** The part of a `Worker` that is used here. */
export interface LayoutWorker {
  onmessage: ((event: MessageEvent<LayoutAnswer>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(request: LayoutRequest): void;
  terminate(): void;
}

interface Waiting {
  request: LayoutRequest;
  resolve: (json: string | null) => void;
  reject: (error: Error) => void;
}

/** How long a layout may run on once a newer one is wanted. */
const PATIENCE_MS = 700;
const MOST_REMEMBERED = 24;

export class LayoutClient {
  private worker: LayoutWorker | null = null;
  private running: Waiting | null = null;
  private next: Waiting | null = null;
  private serial = 0;
  private givingUp: ReturnType<typeof setTimeout> | null = null;
  private readonly known = new Map<string, string>();

  constructor(private readonly start: () => LayoutWorker) {}

  /** Starts the worker, which takes a moment to load Graphviz. */
  warmUp(): void {
    this.worker ??= this.started();
  }

  /** Returns Graphviz's JSON, or null where a newer request came before it was made. */
  layout(dot: string): Promise<string | null> {
    const known = this.known.get(dot);
    this.next?.resolve(null);
    this.next = null;
    this.serial += 1;
    if (known !== undefined) {
      return Promise.resolve(known);
    }
    const request = { serial: this.serial, dot };
    return new Promise((resolve, reject) => {
      this.next = { request, resolve, reject };
      if (this.running === null) {
        this.runNext();
      } else {
        this.givingUp ??= setTimeout(() => this.giveUp(), PATIENCE_MS);
      }
    });
  }

  private runNext(): void {
    if (this.next === null) {
      return;
    }
    this.running = this.next;
    this.next = null;
    this.warmUp();
    this.worker?.postMessage(this.running.request);
  }

  private started(): LayoutWorker {
    const worker = this.start();
    worker.onmessage = ({ data }) => this.finish(data);
    worker.onerror = (event) => {
      this.finish({
        serial: this.running?.request.serial ?? 0,
        json: null,
        error: event.message || "the layout worker could not be started",
      });
    };
    return worker;
  }

  private finish({ serial, json, error }: LayoutAnswer): void {
    const done = this.running;
    if (done === null || done.request.serial !== serial) {
      return;
    }
    this.running = null;
    this.stopGivingUp();
    if (json === null) {
      done.reject(new Error(error ?? "Graphviz returned nothing"));
    } else {
      this.remember(done.request.dot, json);
      done.resolve(serial === this.serial ? json : null);
    }
    this.runNext();
  }

  private giveUp(): void {
    this.givingUp = null;
    if (this.next === null || this.running === null) {
      return;
    }
    this.worker?.terminate();
    this.worker = null;
    this.running.resolve(null);
    this.running = null;
    this.runNext();
  }

  private stopGivingUp(): void {
    if (this.givingUp !== null) {
      clearTimeout(this.givingUp);
      this.givingUp = null;
    }
  }

  private remember(dot: string, json: string): void {
    this.known.set(dot, json);
    const [oldest] = this.known.keys();
    if (this.known.size > MOST_REMEMBERED && oldest !== undefined) {
      this.known.delete(oldest);
    }
  }
}
