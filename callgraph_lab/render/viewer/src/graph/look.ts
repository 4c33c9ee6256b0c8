// The colours of pictures that are no scale, on a light page and on a dark one.
export interface Look {
  isDark: boolean;
  ground: string;
  ink: string;
  muted: string;
  line: string;
  groupFill: string;
  groupBorder: string;
  boxBorder: string;
  foldFill: string;
  threadFill: string;
  threadInk: string;
  openCall: string;
  accent: string;
  /** Under the figures on lines. */
  veil: string;
}

const LIGHT: Look = {
  isDark: false,
  ground: "#ffffff",
  ink: "#1f2328",
  muted: "#59636e",
  line: "#818b98",
  groupFill: "#f6f8fa",
  groupBorder: "#d1d9e0",
  boxBorder: "#afb8c1",
  foldFill: "#ffffff",
  threadFill: "#24415e",
  threadInk: "#ffffff",
  openCall: "#0969da",
  accent: "#0969da",
  veil: "#ffffff",
};
const DARK: Look = {
  isDark: true,
  ground: "#0d1117",
  ink: "#e6edf3",
  muted: "#9198a1",
  line: "#6e7681",
  groupFill: "#151b23",
  groupBorder: "#2f353d",
  boxBorder: "#57606a",
  foldFill: "#0d1117",
  threadFill: "#9ecbff",
  threadInk: "#0d1117",
  openCall: "#4493f8",
  accent: "#4493f8",
  veil: "#0d1117",
};

export function lookOf(isDark: boolean): Look {
  return isDark ? DARK : LIGHT;
}
