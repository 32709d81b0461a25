// The keys of `phios bench engine` for llama.cpp, by way of npm's node-llama-cpp.
// Usage: node llama_cpp.mjs MODEL.gguf [--threads N] [--only KEY,…] [--rounds N]
//        node llama_cpp.mjs MODEL.gguf agents [--threads N] [--agents N] [--calls N] [--shared N] [--gen N]
// The second prints the keys of `phios bench agents`.
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
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};
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
// Words as `phios bench agents` takes them: tokens of a file of `phios model random --words`.
function words(n, seed) {
  const consonants = "bdfghjklmnprstvz", vowels = "aeiou", syllables = consonants.length * vowels.length;
  const syllable = (s) => consonants[Math.floor(s / vowels.length)] + vowels[s % vowels.length];
  const word = (w) => ((place) => syllable(Math.floor(place / syllables)) + syllable(place % syllables))(w * 2731 % syllables ** 2);
  let state = seed + 1, all = "";
  for (let i = 0; i < n; ++i) {
    state = state * 48271 % 2147483647;
    all += " " + word(state % 256);
  }
  return all + ".\n";
}

// Agents that share a prompt and stop for a tool between their turns, one sequence each. Sequences cannot share a prefix here.
async function agents() {
  const [n, calls, shared, gen] = [["--agents", 16], ["--calls", 4], ["--shared", 800], ["--gen", 16]].map(([o, absent]) => Number(option(o, absent)));
  const kResultWords = 14;
  const prompt = model.tokenize(words(shared, 0)), times = [];
  let prefilled = 0;
  const most = prompt.length + calls * (gen + 2 * kResultWords) + kMargin;
  return withContext(n, most, async (all) => {
    const began = seconds();
    await Promise.all(all.map(async (sequence, i) => {
      let next = [...prompt, ...model.tokenize(`You are agent ${i}.\n`)];
      for (let turn = 1; turn <= calls; ++turn) {
        const turned = seconds();
        prefilled += next.length - (turn > 1);
        let left = gen, last;
        for await (last of sequence.evaluate(next, {temperature: 0, yieldEogToken: true})) if (--left === 0) break;
        times.push((seconds() - turned) * 1000);
        next = [last, ...model.tokenize(words(kResultWords, turn))];
      }
    }));
    const took = seconds() - began;
    times.sort((a, b) => a - b);
    const percentile = (p) => times[Math.min(times.length - 1, Math.floor(p * times.length))];
    return {seconds: took, turns_per_s: times.length / took, gen_tokens_per_s: n * calls * gen / took, prefilled,
            p50_ms: percentile(0.5), p95_ms: percentile(0.95)};
  });
}

if (rest.includes("agents")) {
  console.log(JSON.stringify(await agents()));
  await llama.dispose();
  process.exit(0);
}
const result = {};
for (const [key, measure] of Object.entries(figures))
  if (!only || only.includes(key)) result[key] = await measure();
console.log(JSON.stringify(result));
await llama.dispose();
