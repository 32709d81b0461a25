// The keys of `phios bench engine` for llama.cpp, by way of npm's node-llama-cpp.
// Usage: node llama_cpp.mjs MODEL.gguf [--threads N] [--only KEY,…] [--rounds N]
// node-llama-cpp is looked for in $PHIOS_PEERS (default: ~/.cache/phios/peers), where `benchmarks/compare` puts it.
import {createRequire} from "node:module";
import {homedir} from "node:os";
import path from "node:path";
import {pathToFileURL} from "node:url";

const kOwn = 128, kMedium = 1024, kLong = 8192, kSuffix = 32, kSequences = 16;
const kStepsAlone = 32, kStepsTogether = 8;
const kMargin = 64; // positions of a context beyond those that are measured

const cache = process.env.PHIOS_PEERS ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "phios/peers");
const entry = createRequire(path.join(cache, "package.json")).resolve("node-llama-cpp");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry));

const [modelPath, ...rest] = process.argv.slice(2);
const option = (name, absent) => rest.includes(name) ? rest[rest.indexOf(name) + 1] : absent;
const threads = Number(option("--threads", 2));
const rounds = Number(option("--rounds", 3));
const only = option("--only")?.split(",");

const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath});
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const seconds = () => performance.now() / 1000;
// Tokens of plain bytes: the same in every round, and none that ends a text.
const text = (n, seed) => Array.from({length: n}, (_, i) => (seed * 7919 + i * 104729 + i * i * 31) % 256);

async function withContext(sequences, contextSize, run) {
  const context = await model.createContext(
    {sequences, contextSize, batchSize: 512, threads, batching: {itemPrioritizationStrategy: "maximumParallelism"}});
  try {
    return await run(Array.from({length: sequences}, () => context.getSequence()));
  } finally {
    await context.dispose();
  }
}

async function prefill(n) {
  return withContext(1, n + kMargin, async ([sequence]) => {
    const out = [];
    for (let round = 0; round < rounds; ++round) {
      await sequence.clearHistory();
      const began = seconds();
      await sequence.evaluateWithoutGeneratingNewTokens(text(n, round + 1));
      out.push(n / (seconds() - began));
    }
    return median(out);
  });
}

async function generate(sequence, token, n) {
  let last = token;
  for await (const next of sequence.evaluate([token], {temperature: 0, yieldEogToken: true})) {
    last = next;
    if (--n === 0) break;
  }
  return last;
}

async function decode(sequences, own, steps) {
  return withContext(sequences, own + (rounds + 1) * steps + kMargin, async (all) => {
    await Promise.all(all.map((s, i) => s.evaluateWithoutGeneratingNewTokens(text(own, i + 1))));
    let tokens = await Promise.all(all.map((s, i) => generate(s, i + 1, 2)));
    const out = [];
    for (let round = 0; round < rounds; ++round) {
      const began = seconds();
      tokens = await Promise.all(all.map((s, i) => generate(s, tokens[i], steps)));
      out.push(sequences * steps / (seconds() - began));
    }
    return median(out);
  });
}

const figures = {
  prefill_512: () => prefill(512),
  decode_1: () => decode(1, kOwn, kStepsAlone),
  decode_8: () => decode(8, kOwn, kStepsTogether),
  decode_32: () => decode(32, kOwn, kStepsTogether),
  decode_16_own_1024: () => decode(kSequences, kMedium, kStepsTogether),
  // Sequences cannot share a prefix here: each has a copy of its own.
  decode_16_shared_1024: () => decode(kSequences, kMedium + kSuffix, kStepsTogether),
  prefill_8192: () => prefill(kLong),
  decode_1_at_8192: () => decode(1, kLong, kStepsAlone),
};
const result = {};
for (const [key, measure] of Object.entries(figures))
  if (!only || only.includes(key)) result[key] = await measure();
console.log(JSON.stringify(result));
await llama.dispose();
