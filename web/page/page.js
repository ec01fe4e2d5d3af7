// The page: models in, what castiron says of them and makes of them out.

const at = id => document.getElementById(id);
const ISSUES = "https://github.com/castiron-ml/castiron/issues";
const start = () => startEngine(at("worker").textContent, at("wasm").textContent);

let engine = start();
// Models in the order they came: name, bytes, and what went wrong with castiron there.
let given = [];
// Counts what was asked for: of several, the last counts.
let turn = 0;
let busy = false;
let mostBytes = Infinity;

const wish = () => Object.fromEntries(new FormData(at("wish")));
const pre = (style, text) => el("pre", { class: style }, text.trimEnd().split("\n").flatMap((line, index) => index ? [el("br"), line] : [line]));
const isBug = text => [
  pre("wrong", `this is a bug in castiron, not in your model: ${text}`),
  el("p", {}, "Nothing is lost: the page goes on without it. Please report the bug, with the model if you may: ", el("a", { href: ISSUES, rel: "noreferrer" }, ISSUES), "."),
];

const restart = () => {
  engine.stop();
  engine = start();
};

const save = (name, bytes, type = "application/octet-stream") => {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
};

const fetchFile = async (name, ...question) => {
  const mine = turn;
  try {
    const bytes = await engine.ask(...question);
    if (bytes) {
      save(name, bytes);
      at("status").textContent = `${printable(name)}: ${number(bytes.length)} bytes`;
    }
  } catch (problem) {
    if (problem instanceof Stopped) return;
    at("wrong").replaceChildren(...(problem instanceof Refusal ? [pre("wrong", problem.message)] : isBug(problem.message)));
    if (!(problem instanceof Refusal) && mine === turn) {
      restart();
      await look();
    }
  }
};

const FORMS = [["html", "what is below, as one page"], ["json", "the data that it is drawn from"], ["md", "the same as text"], ["csv", "a row for each model"]];

const showFiles = ({ report, made }, index) => {
  const { position, files } = made[index];
  const button = (name, what, ...question) => el("li", {}, el("button", { type: "button", onclick: () => fetchFile(name, ...question) }, name), " ", el("span", { class: "soft" }, what));
  const choice = report.models.length > 1 && el("div", { class: "controls" }, el("label", {}, "Files of ", el("select", { id: "made-of", onchange: event => {
    showFiles({ report, made }, Number(event.target.value));
    at("made-of").focus();
  } }, report.models.map((model, at) => el("option", { value: at, selected: at === index }, model.name)))));
  at("made").replaceChildren(...[
    el("h2", { id: "made-title" }, "Files"), choice,
    el("ul", { class: "made" },
      files.map(({ name, what }) => button(name, what, "file", position, name))),
    el("h3", {}, "The report"),
    el("ul", { class: "made" }, FORMS.map(([form, what]) => button(`report.${form}`, what, "written", form))),
  ].filter(Boolean));
  at("made").hidden = false;
};

const showGiven = () => at("models-given").replaceChildren(...given.map(file => el("li", {}, file.name, " ",
  el("span", { class: "soft" }, kilobytes(file.bytes.byteLength)),
  el("button", { type: "button", "aria-label": `remove ${file.name}`, title: "remove", onclick: () => {
    given = given.filter(other => other !== file);
    at("given").focus();
    look();
  } }, "×"))));

const clear = () => {
  at("made").hidden = true;
  at("made").replaceChildren();
  at("report").replaceChildren();
  document.title = "castiron in a page";
};

// Whoever waits over a second sees what for.
const waiting = all => {
  let [shown, text, done] = [false, "", 0];
  const show = () => {
    shown = true;
    at("waiting").hidden = false;
    [at("progress").max, at("progress").value] = [Math.max(all, 1), done];
    at("status").textContent = text;
  };
  const timer = setTimeout(show, 1000);
  return {
    say: (what, count) => {
      [text, done] = [what, count];
      if (shown) show();
    },
    end: () => {
      clearTimeout(timer);
      at("waiting").hidden = true;
    },
  };
};

const look = async () => {
  const mine = ++turn;
  if (busy) restart();
  clear();
  showGiven();
  const models = given.filter(file => !file.fault);
  const faults = given.filter(file => file.fault).map(file => isBug(`${file.name}: ${file.fault}`));
  at("wrong").replaceChildren(...faults.flat());
  at("doubts").replaceChildren();
  if (!models.length) {
    busy = false;
    clear();
    at("status").textContent = "";
    return;
  }
  busy = true;
  const began = performance.now();
  const wait = waiting(models.length);
  let current;
  try {
    await engine.ask("begin", wish());
    const told = [];
    for (const [index, file] of models.entries()) {
      current = file;
      wait.say(`compiling ${printable(file.name)}${models.length > 1 ? `, ${index + 1} of ${models.length}` : ""}`, index);
      told.push(await engine.ask("add", file.name, file.bytes));
    }
    current = undefined;
    wait.say("comparing", models.length);
    const answer = await engine.ask("report");
    if (mine !== turn) return;
    at("wrong").append(...told.filter(({ error }) => error).map(({ error }) => pre("wrong", error)));
    at("doubts").replaceChildren(...told.filter(({ warnings }) => warnings).map(({ warnings }) => pre("doubt", warnings)));
    const read = answer.report.models.length;
    clear();
    if (read) {
      showFiles(answer, 0);
      drawReport(answer.report, at("report"), "Its data is in report.json, among the files.");
    }
    at("status").textContent = `${read === 1 ? "1 model" : `${read} models`} in ${((performance.now() - began) / 1000).toFixed(2)} s; nothing left this machine.`;
  } catch (problem) {
    if (mine !== turn || problem instanceof Stopped) return;
    if (problem instanceof Refusal) {
      clear();
      at("status").textContent = "";
      at("wrong").append(pre("wrong", problem.message));
      return;
    }
    restart();
    if (current) {
      current.fault = problem.message;
      return look();
    }
    clear();
    at("wrong").append(...isBug(problem.message));
  } finally {
    wait.end();
    if (mine === turn) busy = false;
  }
};

const take = async files => {
  // Who is early waits for the options.
  await ready;
  const unread = [];
  for (const file of files) {
    let bytes;
    try {
      if (file.size > mostBytes) throw new Error(`more than ${mostBytes} bytes`);
      bytes = await file.arrayBuffer();
    } catch (problem) {
      unread.push(pre("wrong", `error: ${file.name}: cannot read: ${problem.message}\n  help: check that this is the right file`));
      continue;
    }
    // One of the same name is the same model, made anew.
    const [entry, same] = [{ name: file.name, bytes }, given.findIndex(other => other.name === file.name)];
    if (same < 0) given.push(entry);
    else given[same] = entry;
  }
  await look();
  at("wrong").append(...unread);
};

at("given").addEventListener("change", async event => {
  const files = [...event.target.files];
  // The same file may be given again.
  event.target.value = "";
  await take(files);
});
for (const over of ["dragenter", "dragover"]) document.addEventListener(over, event => {
  event.preventDefault();
  at("drop").classList.add("over");
});
for (const gone of ["dragleave", "drop"]) document.addEventListener(gone, () => at("drop").classList.remove("over"));
document.addEventListener("drop", event => {
  event.preventDefault();
  if (event.dataTransfer?.files.length) take([...event.dataTransfer.files]);
});
at("wish").addEventListener("submit", event => event.preventDefault());
at("wish").addEventListener("change", () => {
  // Other options, another chance.
  given.forEach(file => { delete file.fault; });
  if (given.length) look();
});
at("stop").addEventListener("click", () => {
  turn++;
  busy = false;
  restart();
  // Files are made by who was stopped.
  clear();
  at("status").textContent = "Stopped.";
});

const ready = engine.loaded.then(choices => {
  mostBytes = choices.most_bytes;
  const { board, isa, optimize } = at("wish").elements;
  board.append(...choices.boards.map(name => el("option", {}, name)));
  isa.append(...choices.isa.map(name => el("option", {}, name)));
  optimize.append(...choices.optimize.map(name => el("option", { selected: name === choices.default_optimize }, name)));
  at("status").textContent = `castiron ${choices.castiron} is ready.`;
}, problem => {
  at("status").textContent = "";
  at("wrong").replaceChildren(pre("wrong", `This page needs a browser of 2023 or newer, with WebAssembly: ${problem.message}`));
});
