// What stands before an exported program: texts and categories to numbers, as `host.json` says it. A plain ES module.
//
//     import { Host } from "./host.js";
//     const host = new Host(await (await fetch("host.json")).json());
//     const tensors = host.run(["some text", "another one"]);   // [{ name, dtype, dims, data }], what the program takes
//     // onnxruntime-web: new ort.Tensor(dtype, data, dims)
//
// Inputs are nested arrays, one row per sample; several inputs are arguments of their own, in the model's order, or an
// object by name. Whole numbers beyond 2^53 are given as BigInt.

const MASK = (1n << 64n) - 1n;
const DROPPED = -2; // a mask that has no index: counted nowhere
const encoder = new TextEncoder();
const decoder = new TextDecoder();
// Texts are handled as UTF-8, a character of these strings per byte, as in Python.
const bytesOf = (text) => Array.from(encoder.encode(text), (byte) => String.fromCharCode(byte)).join("");
const textOf = (bytes) => decoder.decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0)));

const PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;
const lower = (text) => text.replace(/[A-Z]/g, (one) => one.toLowerCase());
const STANDARDIZE = {
  lower_and_strip_punctuation: (text) => lower(text).replace(PUNCTUATION, ""),
  lower,
  strip_punctuation: (text) => text.replace(PUNCTUATION, ""),
};
const SPLIT = {
  whitespace: (text) => text.split(/[ \t\n\r\v\f]+/).filter((one) => one !== ""),
  character: (text) => Array.from(textOf(text), bytesOf),
};

export class Host {
  constructor(described) {
    this.inputs = described.inputs;
    this.nest = described.arguments;
    this.outputs = described.outputs;
    this.steps = described.steps.map((one) => [KINDS[one.kind](one), one.takes, one.gives]);
  }

  // What the program takes, from the arguments of the whole model.
  run(...args) {
    const values = new Map();
    const given = this.nest.length === 1 && args.length > 1 ? [args] : args;
    this.nest.forEach((nest, i) => this.#read(nest, given[i], values));
    for (const [step, takes, gives] of this.steps) values.set(gives, step(...takes.map((one) => values.get(one))));
    return this.outputs.map((one) => tensor(one, values.get(one.from)));
  }

  #read(nest, given, values) {
    if (Array.isArray(nest)) {
      nest.forEach((part, i) => this.#read(part, Array.isArray(given) ? given[i] : given[this.inputs[part].name], values));
    } else if (nest !== null && typeof nest === "object") {
      for (const [key, part] of Object.entries(nest)) this.#read(part, given[key], values);
    } else if (nest !== null) {
      values.set(nest, fitted(array(given), this.inputs[nest]));
    }
  }
}

// --- arrays: { dims, data } ---

function array(given) {
  if (given !== null && typeof given === "object" && "dims" in given) return { dims: [...given.dims], data: Array.from(given.data) };
  if (ArrayBuffer.isView(given)) return { dims: [given.length], data: Array.from(given) };
  const dims = [];
  for (let part = given; Array.isArray(part); part = part[0]) dims.push(part.length);
  const data = Array.isArray(given) ? given.flat(Infinity) : [given];
  if (data.length !== size(dims)) throw new Error(`rows have different lengths; expected an array of shape ${dims}`);
  return { dims, data };
}

const size = (dims) => dims.reduce((a, b) => a * b, 1);

// In the rank of the input: a last axis of size 1 is added or dropped.
function fitted(value, entry) {
  const fits = (dims) => dims.length === entry.shape.length && dims.every((n, i) => entry.shape[i] === null || entry.shape[i] === n);
  const { dims, data } = value;
  const candidates = [dims, dims.length ? [...dims, 1] : dims];
  if (dims.length > 1 && dims.at(-1) === 1) candidates.push(dims.slice(0, -1));
  const found = candidates.find(fits);
  if (!found) throw new Error(`input '${entry.name}' has shape (${dims}); expected (${entry.shape})`);
  return { dims: found, data };
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, uint32: Uint32Array, bool: Uint8Array };

function tensor(entry, { dims, data }) {
  return { name: entry.name, dtype: entry.dtype, dims, data: ARRAYS[entry.dtype].from(data, Number) };
}

// --- keys ---

const isNumber = (one) => ["number", "bigint", "boolean"].includes(typeof one);

function text(one) {
  if (typeof one !== "string") throw new Error(`expected a string, received ${one}`);
  return bytesOf(one);
}

function whole(one) {
  if (typeof one === "number" && !Number.isSafeInteger(one)) throw new Error(`expected a whole number, received ${one}`);
  return String(BigInt(one));
}

const key = (one) => (typeof one === "boolean" ? String(one) : isNumber(one) ? whole(one) : text(one));

// --- steps ---

class Words {
  constructor(described) {
    this.whole = described.whole ?? false;
    const read = this.whole ? (token) => token : bytesOf;
    this.slots = described.unknown_slots;
    this.first = described.mask_slot ? 1 : 0;
    this.table = new Map(described.tokens.map((token, i) => [read(token), this.first + this.slots + i]));
    if (described.mask !== null) this.table.set(read(described.mask), this.first ? 0 : DROPPED);
    this.salt = described.salt ?? null;
    this.byRemainder = described.by_remainder ?? false;
  }

  index(token) {
    const found = this.table.get(token);
    if (found !== undefined) return found;
    if (!this.slots) throw new Error(`'${token}' is not in the vocabulary, which has no index for unknown tokens`);
    return this.first + (this.slots === 1 ? 0 : this.#bucket(token));
  }

  #bucket(token) {
    const slots = BigInt(this.slots);
    if (this.byRemainder) return Number(((BigInt(token) % slots) + slots) % slots);
    return Number(hash(token, this.salt) % slots);
  }
}

const hash = (token, salt) => (salt === null ? fingerprint64(token) : siphash64(token, salt));

// A row of ones, counts or weighted counts for each list of indices.
function encoded(lists, described) {
  const { depth, mode, weights } = described;
  const data = new Float32Array(lists.length * depth);
  lists.forEach((list, row) => {
    for (const index of list) if (index >= 0) data[row * depth + index] += 1;
  });
  if (mode === "multi_hot") return data.map((one) => Math.min(one, 1));
  return mode === "tf_idf" ? data.map((one, i) => one * weights[i % depth]) : data;
}

function chunks(data, width) {
  return Array.from({ length: width ? data.length / width : 0 }, (_, i) => data.slice(i * width, (i + 1) * width));
}

function byMode(indices, dims, described) {
  if (described.mode === "int") return { dims, data: indices };
  const { depth } = described;
  if (described.mode === "one_hot") {
    const kept = dims.length > 1 && dims.at(-1) === 1 ? dims.slice(0, -1) : dims;
    return { dims: [...kept, depth], data: encoded(indices.map((one) => [one]), { ...described, mode: "multi_hot" }) };
  }
  const lists = chunks(indices, dims.length ? dims.at(-1) : 1);
  return { dims: [...dims.slice(0, -1), depth], data: encoded(lists, described) };
}

function lookup(described) {
  const words = new Words(described);
  const read = words.whole ? whole : text;
  return ({ dims, data }) => byMode(data.map((one) => words.index(read(one))), dims, described);
}

function ngrams(tokens, sizes) {
  return sizes.flatMap((n) => Array.from({ length: Math.max(tokens.length - n + 1, 0) }, (_, i) => tokens.slice(i, i + n).join(" ")));
}

function texts(described) {
  const words = new Words(described);
  const standardize = STANDARDIZE[described.standardize] ?? ((one) => one);
  const split = SPLIT[described.split];
  return ({ dims: given, data }) => {
    const dims = given.length || split ? given : [1];
    const kept = split && (dims.length < 2 || dims.at(-1) !== 1) ? dims : dims.slice(0, -1);
    const standard = data.map((one) => standardize(text(one)));
    let lists = split ? standard.map(split) : chunks(standard, dims.at(-1));
    if (described.ngrams !== null) lists = lists.map((one) => ngrams(one, described.ngrams));
    const indices = lists.map((one) => one.slice(0, described.length ?? undefined).map((token) => words.index(token)));
    if (described.mode !== "int") return { dims: [...kept, described.depth], data: encoded(indices, described) };
    const width = described.length ?? Math.max(0, ...indices.map((one) => one.length));
    const padded = indices.flatMap((one) => [...one, ...new Array(width - one.length).fill(0)]);
    return { dims: [...kept, width], data: padded };
  };
}

function hashing(described) {
  const bins = BigInt(described.bins);
  const mask = described.mask === null ? null : bytesOf(described.mask);
  const bin = (token) => {
    if (mask === null) return Number(hash(token, described.salt) % bins);
    if (token === mask || bins === 1n) return 0;
    return Number((hash(token, described.salt) % (bins - 1n)) + 1n);
  };
  return ({ dims, data }) => byMode(data.map((one) => bin(key(one))), dims, { ...described, depth: described.bins });
}

function crossing(described) {
  const bins = BigInt(described.bins);
  const part = (one) => (isNumber(one) ? BigInt(one) & MASK : fingerprint64(text(one)));
  return (...arrays) => {
    const found = arrays[0].data.map((_, i) => Number(crossed(arrays.map((one) => part(one.data[i]))) % bins));
    return byMode(found, arrays[0].dims, { ...described, depth: described.bins });
  };
}

function binning({ boundaries }) {
  const bin = (one) => boundaries.filter((boundary) => boundary <= Math.fround(one)).length;
  return ({ dims, data }) => ({ dims, data: data.map((one) => (Number.isNaN(one) ? boundaries.length : bin(one))) });
}

const KINDS = { lookup, text: texts, hash: hashing, cross: crossing, bins: binning };

// --- hashes: FarmHash's Fingerprint64 (Google, 2014), and SipHash-2-4 (Aumasson and Bernstein 2012) ---

const [K0, K1, K2] = [0xc3a5c85c97cb3127n, 0xb492b66fbe98f273n, 0x9ae16a3b2f90404fn];
const mod = (value) => value & MASK;
const rotated = (value, right) => mod((value >> BigInt(right)) | (value << BigInt(64 - right)));
const mix = (value) => value ^ (value >> 47n);

function fetchNumber(bytes, start, count = 8) {
  let found = 0n;
  for (let i = count - 1; i >= 0; i -= 1) found = (found << 8n) | BigInt(bytes.charCodeAt(start + i));
  return found;
}

function mixed(u, v, factor) {
  const a = mix(mod((u ^ v) * factor));
  return mod(mix(mod((v ^ a) * factor)) * factor);
}

function fingerprint64(bytes) {
  const n = bytes.length;
  if (n <= 16) return upTo16(bytes, n);
  if (n <= 32) return upTo32(bytes, n);
  return n <= 64 ? upTo64(bytes, n) : longer(bytes, n);
}

function upTo16(bytes, n) {
  const factor = mod(K2 + 2n * BigInt(n));
  if (n >= 8) {
    const a = mod(fetchNumber(bytes, 0) + K2);
    const b = fetchNumber(bytes, n - 8);
    return mixed(mod(rotated(b, 37) * factor + a), mod((rotated(a, 25) + b) * factor), factor);
  }
  if (n >= 4) return mixed(BigInt(n) + (fetchNumber(bytes, 0, 4) << 3n), fetchNumber(bytes, n - 4, 4), factor);
  if (n === 0) return K2;
  const [first, middle, last] = [0, n >> 1, n - 1].map((i) => BigInt(bytes.charCodeAt(i)));
  return mod(mix(mod((first + (middle << 8n)) * K2) ^ mod((BigInt(n) + (last << 2n)) * K0)) * K2);
}

function upTo32(bytes, n) {
  const factor = mod(K2 + 2n * BigInt(n));
  const a = mod(fetchNumber(bytes, 0) * K1);
  const b = fetchNumber(bytes, 8);
  const c = mod(fetchNumber(bytes, n - 8) * factor);
  const d = mod(fetchNumber(bytes, n - 16) * K2);
  const u = mod(rotated(mod(a + b), 43) + rotated(c, 30) + d);
  return mixed(u, mod(a + rotated(mod(b + K2), 18) + c), factor);
}

function upTo64(bytes, n) {
  const factor = mod(K2 + 2n * BigInt(n));
  const a = mod(fetchNumber(bytes, 0) * K2);
  const b = fetchNumber(bytes, 8);
  const c = mod(fetchNumber(bytes, n - 8) * factor);
  const d = mod(fetchNumber(bytes, n - 16) * K2);
  const y = mod(rotated(mod(a + b), 43) + rotated(c, 30) + d);
  const z = mixed(y, mod(a + rotated(mod(b + K2), 18) + c), factor);
  const e = mod(fetchNumber(bytes, 16) * factor);
  const f = fetchNumber(bytes, 24);
  const g = mod((y + fetchNumber(bytes, n - 32)) * factor);
  const h = mod((z + fetchNumber(bytes, n - 24)) * factor);
  return mixed(mod(rotated(mod(e + f), 43) + rotated(g, 30) + h), mod(e + rotated(mod(f + a), 18) + g), factor);
}

function longer(bytes, n) {
  const seed = 81n;
  let y = mod(seed * K1 + 113n);
  let z = mod(mix(mod(y * K2 + 113n)) * K2);
  let state = { x: mod(seed * K2 + fetchNumber(bytes, 0)), y, z, v: [0n, 0n], w: [0n, 0n] };
  let factor = K1;
  for (let start = 0; start < Math.floor((n - 1) / 64) * 64; start += 64) state = block(bytes, start, state, factor, 1n);
  factor = mod(K1 + ((state.z & 0xffn) << 1n));
  const w0 = mod(state.w[0] + BigInt((n - 1) % 64));
  const v0 = mod(state.v[0] + w0);
  state = { ...state, v: [v0, state.v[1]], w: [mod(w0 + v0), state.w[1]] };
  const { x, v, w, ...rest } = block(bytes, n - 64, state, factor, 9n);
  ({ y, z } = rest);
  const u = mod(mixed(v[0], w[0], factor) + mod(mix(y) * K0) + z);
  return mixed(u, mod(mixed(v[1], w[1], factor) + x), factor);
}

function block(bytes, start, { x, y, z, v, w }, factor, once) {
  let first = mod(rotated(mod(x + y + v[0] + fetchNumber(bytes, start + 8)), 37) * factor);
  let second = mod(rotated(mod(y + v[1] + fetchNumber(bytes, start + 48)), 42) * factor);
  first ^= mod(w[1] * once);
  second = mod(second + v[0] * once + fetchNumber(bytes, start + 40));
  const third = mod(rotated(mod(z + w[0]), 33) * factor);
  const left = weak(bytes, start, mod(v[1] * factor), mod(first + w[0]));
  const right = weak(bytes, start + 32, mod(third + w[1]), mod(second + fetchNumber(bytes, start + 16)));
  return { x: third, y: second, z: first, v: left, w: right };
}

function weak(bytes, start, a, b) {
  const [one, two, three, four] = [0, 8, 16, 24].map((i) => fetchNumber(bytes, start + i));
  const begun = mod(a + one);
  const turned = rotated(mod(b + begun + four), 21);
  const total = mod(begun + two + three);
  return [mod(total + four), mod(turned + rotated(total, 44) + begun)];
}

function crossed(parts) {
  let result = 0xdecafcaffen;
  const factor = 0xc6a4a7935bd1e995n;
  for (const part of parts) {
    const found = result ^ factor ^ mod(mix(mod(part * factor)) * factor);
    result = mod(mix(mod(mix(mod(found * factor)) * factor)));
  }
  return result;
}

function siphash64(bytes, salt) {
  const keys = salt.map((one) => mod(BigInt(one)));
  const start = [0x736f6d6570736575n, 0x646f72616e646f6dn, 0x6c7967656e657261n, 0x7465646279746573n];
  let state = start.map((one, i) => one ^ keys[i % 2]);
  const n = bytes.length;
  const padded = bytes + "\0".repeat(7 - (n % 8)) + String.fromCharCode(n % 256);
  for (let at = 0; at < padded.length; at += 8) {
    const word = fetchNumber(padded, at);
    state[3] ^= word;
    state = rounds(state, 2);
    state[0] ^= word;
  }
  state[2] ^= 0xffn;
  return rounds(state, 4).reduce((a, b) => a ^ b);
}

function rounds([a, b, c, d], count) {
  const left = (value, bits) => rotated(value, 64 - bits);
  for (let i = 0; i < count; i += 1) {
    [a, c] = [mod(a + b), mod(c + d)];
    [b, d] = [left(b, 13) ^ a, left(d, 16) ^ c];
    a = left(a, 32);
    [c, a] = [mod(c + b), mod(a + d)];
    [b, d] = [left(b, 17) ^ c, left(d, 21) ^ a];
    c = left(c, 32);
  }
  return [a, b, c, d];
}
