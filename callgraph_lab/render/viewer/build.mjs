// Builds bundle/viewer.js, bundle/viewer.css and the licences of what is in them, all committed:
// `pip install` needs no Node.
// With --check nothing is written, and the exit status tells whether they are stale.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));
const common = {
  absWorkingDir: folder,
  bundle: true,
  write: false,
  metafile: true,
  minify: true,
  charset: "ascii", // the page's encoding cannot matter
  legalComments: "none",
  logLevel: "warning",
};
const script = { ...common, format: "iife", platform: "browser", target: ["es2022"] };

const packages = new Set();

async function textOf(options) {
  const result = await build(options);
  for (const input of Object.keys(result.metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found !== null) {
      packages.add(found[1]);
    }
  }
  return result.outputFiles[0].text;
}

// What the page carries of others comes with their licences.
async function licencesText() {
  const parts = [];
  for (const name of [...packages].sort()) {
    const home = join(folder, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
    const files = (await readdir(home)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
    const texts = await Promise.all(files.sort().map((file) => readFile(join(home, file), "utf8")));
    const text = texts.map((each) => each.replaceAll("\r", "").trim()).join("\n\n");
    parts.push(`${name} ${version} (${license})\n\n${text}\n`);
  }
  parts.push(
    "Graphviz is part of @hpcc-js/wasm-graphviz, and has its own licence, the Eclipse Public License:" +
      " https://graphviz.org/license/\n",
  );
  return parts.join(`\n${"-".repeat(80)}\n\n`);
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
built["LICENSES.txt"] = await licencesText();

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
