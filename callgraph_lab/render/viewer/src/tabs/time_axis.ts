/** The ticks of a time axis, whose values are nanoseconds since the start of the run. */

const NS_PER_S = 1e9;
const MOST_SECONDS = 120;

/** Steps between ticks: 1, 2, 5 ... of a decade up to seconds, then what clocks are divided by. */
export const TICK_STEPS_NS: number[] = [
  ...Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat(),
  ...[10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].map((s) => s * NS_PER_S),
  ...Array.from({ length: 4 }, (_, power) => 864_000 * NS_PER_S * 10 ** power),
];

/** Returns what stands at a tick: all ticks up to `mostNs` in one unit, with the digits of a step. */
export function tickText(momentNs: number, stepNs: number, mostNs: number): string {
  if (mostNs >= MOST_SECONDS * NS_PER_S) return clockText(momentNs, stepNs);
  const [unit, size] = unitOf(mostNs);
  if (momentNs === 0) return `0 ${unit}`;
  return `${(momentNs / size).toFixed(decimalsOf(stepNs / size))} ${unit}`;
}

function unitOf(mostNs: number): [string, number] {
  if (mostNs >= NS_PER_S) return ["s", NS_PER_S];
  if (mostNs >= 1e6) return ["ms", 1e6];
  return mostNs >= 1e3 ? ["µs", 1e3] : ["ns", 1];
}

function decimalsOf(step: number): number {
  return step >= 1 ? 0 : Math.min(-Math.floor(Math.log10(step) + 1e-9), 9);
}

/** `2:05`, or `1:02:05` of hours, with decimals where ticks are closer than a second. */
function clockText(momentNs: number, stepNs: number): string {
  const decimals = decimalsOf(stepNs / NS_PER_S);
  // Whole steps first, or a fraction could round up to 60 seconds.
  const power = 10 ** decimals;
  const parts = Math.round((momentNs / NS_PER_S) * power);
  const seconds = ((parts % (60 * power)) / power).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  const minutes = Math.floor(parts / (60 * power));
  if (minutes < 60) return `${minutes}:${seconds}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${seconds}`;
}
