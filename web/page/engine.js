// The worker that computes, as functions that may be waited for.

class Refusal extends Error {}
class Fault extends Error {}
class Stopped extends Error {}

const startEngine = (worker, wasm) => {
  const url = URL.createObjectURL(new Blob([worker], { type: "text/javascript" }));
  const running = new Worker(url);
  const waiting = new Map();
  const give = (id, then) => {
    const who = waiting.get(id);
    waiting.delete(id);
    if (who) then(who);
  };
  const end = problem => [...waiting.keys()].forEach(id => give(id, ({ reject }) => reject(problem)));
  running.onmessage = ({ data: { id, value, refusal, fault } }) => give(id, ({ resolve, reject }) =>
    fault !== undefined ? reject(new Fault(fault)) : refusal !== undefined ? reject(new Refusal(refusal)) : resolve(value));
  running.onerror = event => end(new Fault(event.message ?? "the worker did not start"));
  let asked = 0;
  const ask = (what, ...values) => new Promise((resolve, reject) => {
    waiting.set(asked, { resolve, reject });
    running.postMessage({ id: asked++, what, values });
  });
  const loaded = ask("load", wasm);
  // Whoever asks finds out.
  loaded.catch(() => {});
  return {
    loaded,
    ask: async (...question) => { await loaded; return ask(...question); },
    stop: () => {
      running.terminate();
      URL.revokeObjectURL(url);
      end(new Stopped());
    },
  };
};
