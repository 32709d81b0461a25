// Greedy text of phios and of llama.cpp on one file: how many tokens are the same.
// Usage: node greedy_parity.mjs MODEL.gguf [--n N] [--prompt TEXT] [--phios PATH]
// Both get the same token ids, which phios makes of the prompt: the token that begins a text counts, and a tokenizer beside
// the question would hide it. Exits with 1 where fewer than N are the same, and prints where they part and, in units of the
// logits' spread, how much phios prefers its own token there: the peer rounds queries to halves, so ties fall either way.
// node-llama-cpp is looked for as in llama_cpp.mjs.
import {execFileSync} from "node:child_process";
import {createRequire} from "node:module";
import {mkdtempSync, readFileSync, rmSync} from "node:fs";
import {homedir, tmpdir} from "node:os";
import path from "node:path";
import {fileURLToPath, pathToFileURL} from "node:url";

const kMargin = 16; // positions of a context beyond those that are used

const [modelPath, ...rest] = process.argv.slice(2);
const option = (name, absent) => rest.includes(name) ? rest[rest.indexOf(name) + 1] : absent;
const n = Number(option("--n", 200));
const prompt = option("--prompt", "Tom has 3 apples and buys 4 more. How many apples does Tom have?");
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const phios = option("--phios", process.env.PHIOS ?? path.join(root, "build/phios"));
const ask = (...args) => JSON.parse(execFileSync(phios, [...args, "--model", modelPath, "--json"], {encoding: "utf8"}));

const cache = process.env.PHIOS_PEERS ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "phios/peers");
const entry = createRequire(path.join(cache, "package.json")).resolve("node-llama-cpp");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry));

async function peerTokens(tokens) {
  const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error});
  const model = await llama.loadModel({modelPath});
  const context = await model.createContext({contextSize, threads: 1});
  const out = [];
  for await (const token of context.getSequence().evaluate(tokens, {temperature: 0, yieldEogToken: true})) {
    out.push(token);
    if (out.length === n) break;
  }
  return out;
}

const tokens = ask("tokenize", "--bos", prompt);
const contextSize = tokens.length + n + kMargin;
const scratch = mkdtempSync(path.join(tmpdir(), "parity-"));
process.on("exit", () => rmSync(scratch, {recursive: true}));
const logitsFile = path.join(scratch, "logits");
const ours = ask("generate", "--prompt", prompt, "--n", String(n), "--temp", "0", "--ignore-end", "--threads", "1",
  "--logits", logitsFile, "--context-length", String(contextSize)).tokens;
const theirs = await peerTokens(tokens);
const parted = ours.findIndex((token, i) => token !== theirs[i]);
const same = parted < 0 ? Math.min(ours.length, theirs.length) : parted;
console.log(JSON.stringify({model: path.basename(modelPath), asked: n, same}));
if (same < n) {
  const bytes = readFileSync(logitsFile), width = bytes.length / ours.length;
  const row = Array.from({length: width / 4}, (_, i) => bytes.readFloatLE(same * width + i * 4));
  const mean = row.reduce((a, b) => a + b) / row.length;
  const spread = Math.sqrt(row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length);
  console.log(`phios     ${ours.slice(same, same + 8)}\nllama.cpp ${theirs.slice(same, same + 8)}`);
  console.log(`preference ${((row[ours[same]] - row[theirs[same]]) / spread).toFixed(4)}`);
}
process.exit(same === n ? 0 : 1);
