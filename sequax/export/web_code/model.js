// A model that Sequax exported, run in a browser by onnxruntime-web. A plain ES module; nothing is fetched from elsewhere
// than the folder it is in, and the runtime that `export` was told of.
//
//     import { load } from "./model.js";
//     const model = await load();
//     const outputs = await model.predict([[5.1, 3.5, 1.4, 0.2]]); // as in Python: rows in, rows out
//
// Inputs are nested arrays, one row per sample; several inputs are arguments of their own, an array, or an object by name,
// as the model takes them. `await model.run(tensors)` takes and gives flat arrays: { name: { dims, data } }.

import * as ort from "@RUNTIME@ort.wasm.min.mjs";
import { Host } from "./host.js";

const RUNTIME = "@RUNTIME@";
const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array,
  uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array,
  bool: Uint8Array,
};

export async function load(folder = new URL("./", import.meta.url)) {
  ort.env.wasm.wasmPaths = new URL(RUNTIME, import.meta.url).href;
  ort.env.wasm.numThreads = 1; // more of them need headers that few servers send
  const file = async (name) => {
    const answer = await fetch(new URL(name, folder));
    if (!answer.ok) throw new Error(`${name} is not there (${answer.status}).`);
    return answer;
  };
  const described = await (await file("model.json")).json();
  const session = await ort.InferenceSession.create(new Uint8Array(await (await file("model.onnx")).arrayBuffer()));
  const host = described.host ? new Host(await (await file("host.json")).json()) : null;
  return new Model(described, session, host);
}

export class Model {
  constructor(described, session, host) {
    this.described = described;
    this.session = session;
    this.host = host;
  }

  // Inputs as clients know them, before texts and categories have become numbers.
  get inputs() {
    return this.host ? this.host.inputs : this.described.inputs;
  }

  get outputs() {
    return this.described.outputs;
  }

  // Outputs for rows, nested as those of the model.
  async predict(...args) {
    const found = await this.run(this.host ? this.#fromHost(args) : this.#flat(args));
    const rows = this.outputs.map(({ name }) => nested(found[name]));
    return filled(this.described.result, rows);
  }

  // Outputs for flat arrays: { name: { dims, data } }.
  async run(tensors) {
    const feeds = {};
    for (const { name, dtype } of this.described.inputs) {
      const { dims, data } = tensors[name];
      // An input that no output hangs on is no longer there.
      if (this.session.inputNames.includes(name)) feeds[name] = new ort.Tensor(dtype, data, dims);
    }
    return this.session.run(feeds);
  }

  #fromHost(args) {
    return Object.fromEntries(this.host.run(...args).map((one) => [one.name, one]));
  }

  #flat(args) {
    const values = [];
    const nest = this.described.arguments;
    const given = nest.length === 1 && args.length > 1 ? [args] : args;
    nest.forEach((part, i) => read(part, given[i], values, this.inputs));
    return Object.fromEntries(this.inputs.map((entry, i) => [entry.name, typed(values[i], entry)]));
  }
}

function read(nest, given, values, inputs) {
  if (Array.isArray(nest)) {
    nest.forEach((part, i) => read(part, Array.isArray(given) ? given[i] : given[inputs[part].name], values, inputs));
  } else if (nest !== null && typeof nest === "object") {
    for (const [key, part] of Object.entries(nest)) read(part, given?.[key], values, inputs);
  } else if (nest !== null) {
    values[nest] = given;
  }
}

function filled(nest, arrays) {
  if (Array.isArray(nest)) return nest.map((part) => filled(part, arrays));
  if (nest !== null && typeof nest === "object") {
    return Object.fromEntries(Object.entries(nest).map(([key, part]) => [key, filled(part, arrays)]));
  }
  return nest === null ? null : arrays[nest];
}

// --- nested arrays and flat ones ---

function typed(given, { name, shape, dtype }) {
  const dims = [];
  for (let part = given; Array.isArray(part) || ArrayBuffer.isView(part); part = part[0]) dims.push(part.length);
  const flat = [];
  flatten(given, dims, 0, flat, name);
  const fits = dims.length === shape.length && dims.every((size, i) => shape[i] === null || shape[i] === size);
  if (!fits) throw new Error(`Input '${name}' has shape (${dims}); the model takes (${shape.map((s) => s ?? "n")}).`);
  const wide = dtype === "int64" || dtype === "uint64";
  return { dims, data: ARRAYS[dtype].from(wide ? flat.map(BigInt) : flat) };
}

function flatten(part, dims, axis, flat, name) {
  if (axis === dims.length) {
    const kind = typeof part;
    if (kind !== "number" && kind !== "boolean" && kind !== "bigint") {
      throw new Error(`Input '${name}' takes numbers. Received: ${JSON.stringify(part)}.`);
    }
    flat.push(part);
  } else if (part?.length !== dims[axis]) {
    throw new Error(`Input '${name}' is not a regular array: lists at the same depth must be equally long.`);
  } else {
    for (const one of part) flatten(one, dims, axis + 1, flat, name);
  }
}

function nested({ dims, data }) {
  let parts = Array.from(data, (one) => (typeof one === "bigint" ? Number(one) : one));
  for (let axis = dims.length - 1; axis > 0; axis--) {
    const size = dims[axis];
    const count = dims.slice(0, axis).reduce((a, b) => a * b, 1);
    parts = Array.from({ length: count }, (_, i) => parts.slice(i * size, (i + 1) * size));
  }
  return dims.length ? parts : parts[0];
}
