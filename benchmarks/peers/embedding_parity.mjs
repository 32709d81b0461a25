// Embeddings of phios and of llama.cpp by one encoder's file: the cosine of each pair, and the largest difference.
// Usage: node embedding_parity.mjs MODEL.gguf [TEXT…] [--phios PATH]
// Exits with 1 where a cosine is below 0.9999. node-llama-cpp is looked for as in llama_cpp.mjs.
import {execFileSync} from "node:child_process";
import {createRequire} from "node:module";
import {homedir} from "node:os";
import path from "node:path";
import {fileURLToPath, pathToFileURL} from "node:url";

const kLeast = 0.9999;

const [modelPath, ...rest] = process.argv.slice(2);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const at = rest.indexOf("--phios");
const phios = at < 0 ? process.env.PHIOS ?? path.join(root, "build/phios") : rest.splice(at, 2)[1];
const texts = rest.length ? rest : ["a dog ran", "Über 42 cats, and dogs!", "x y z 1 2 3 hello world, a longer text about nothing"];
const ours = JSON.parse(execFileSync(phios, ["embed", "--model", modelPath, "--json", ...texts], {encoding: "utf8"}));

const cache = process.env.PHIOS_PEERS ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "phios/peers");
const entry = createRequire(path.join(cache, "package.json")).resolve("node-llama-cpp");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry));
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error});
const context = await (await llama.loadModel({modelPath})).createEmbeddingContext({threads: 1});

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
let least = 1;
for (const [i, text] of texts.entries()) {
  const {vector} = await context.getEmbeddingFor(text);
  const theirs = vector.map((x) => x / Math.sqrt(dot(vector, vector)));
  const cosine = dot(ours[i], theirs);
  const difference = Math.max(...theirs.map((x, d) => Math.abs(x - ours[i][d])));
  console.log(JSON.stringify({text, cosine, difference}));
  least = Math.min(least, cosine);
}
process.exit(least < kLeast ? 1 : 0);
