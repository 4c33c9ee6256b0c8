// Builds bundle/viewer.js and bundle/viewer.css, which are committed: `pip install` needs no Node.
// With --check nothing is written, and the exit status tells whether they are stale.
import { readFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));
const common = {
  absWorkingDir: folder,
  bundle: true,
  write: false,
  minify: true,
  charset: "ascii", // the page's encoding cannot matter
  legalComments: "none",
  logLevel: "warning",
};
const script = { ...common, format: "iife", platform: "browser", target: ["es2022"] };

async function textOf(options) {
  const result = await build(options);
  return result.outputFiles[0].text;
}

// The page may load nothing, so the worker, Graphviz with it, is a text inside of the bundle.
const workerAsText = {
  name: "worker-as-text",
  setup(building) {
    building.onResolve({ filter: /^worker:/ }, (found) => ({
      path: join(found.resolveDir, found.path.slice("worker:".length)),
      namespace: "worker",
    }));
    building.onLoad({ filter: /.*/, namespace: "worker" }, async (found) => ({
      contents: await textOf({ ...script, entryPoints: [found.path] }),
      loader: "text",
    }));
  },
};

const built = {
  "viewer.js": await textOf({
    ...script,
    entryPoints: ["src/main.ts"],
    plugins: [workerAsText],
  }),
  "viewer.css": await textOf({ ...common, entryPoints: ["src/style.css"] }),
};

const isCheck = process.argv.includes("--check");
await mkdir(join(folder, "bundle"), { recursive: true });
let isStale = false;
for (const [name, text] of Object.entries(built)) {
  const path = join(folder, "bundle", name);
  if (!isCheck) {
    await writeFile(path, text);
    continue;
  }
  const committed = await readFile(path, "utf8").catch(() => "");
  if (committed !== text) {
    isStale = true;
    console.error(`bundle/${name} is not what the sources make: run \`npm run build\` and commit it`);
  }
}
process.exitCode = isStale ? 1 : 0;
