// What computes: castiron as WebAssembly, asked by messages.

let session;
// What a panic says.
let fault = "";
self.castironFault = text => { fault = text; };

const unpacked = text => {
  const packed = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
};

const actions = {
  load: async text => {
    wasm_bindgen.initSync({ module: await unpacked(text) });
    return JSON.parse(wasm_bindgen.choices());
  },
  begin: wish => {
    session?.free();
    session = undefined;
    session = new wasm_bindgen.Session(JSON.stringify(wish));
  },
  add: (name, bytes) => JSON.parse(session.add(name, new Uint8Array(bytes))),
  report: () => JSON.parse(session.report()),
  written: form => session.written(form),
  file: (position, name) => session.file(position, name),
};

self.onmessage = async ({ data: { id, what, values } }) => {
  try {
    self.postMessage({ id, value: await actions[what](...values) });
  } catch (problem) {
    // Errors of castiron are text; all else is a trap, or a fault of this page.
    self.postMessage(typeof problem === "string" ? { id, refusal: problem } : { id, fault: fault || String(problem) });
  }
};
