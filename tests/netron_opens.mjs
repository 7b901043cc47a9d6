// What Netron's parser reads of a file: node netron_opens.mjs FOLDER_OF_NETRON FILE
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(folder, name)).href);
const base = await load('base.js');
const view = await load('view.js');
const failures = [];
const host = {
    environment: () => null,
    exception: (error) => failures.push(error),
    event: () => {},
    message: () => {},
    require: async (id) => load(`${id}.js`),
    request: async (name) => fs.readFile(path.join(folder, name), 'utf-8')
};
const context = {
    identifier: path.basename(file),
    entries: new Map(),
    stream: new base.BinaryStream(new Uint8Array(await fs.readFile(file))),
    request: host.request,
    asset: host.request,
    require: host.require,
    event: () => {},
    exception: host.exception,
    error: host.exception
};
const model = await new view.ModelFactoryService(host).open(context);
const [graph] = model.modules ?? model.graphs;
if (failures.length) {
    throw failures[0];
}
const told = {
    format: model.format,
    inputs: graph.inputs.map((one) => one.name),
    outputs: graph.outputs.map((one) => one.name),
    nodes: graph.nodes.map((one) => one.type.name)
};
process.stdout.write(JSON.stringify(told));
