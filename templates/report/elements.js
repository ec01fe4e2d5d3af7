// Elements, and numbers and names as text. Names are of whoever wrote the model: they become text nodes and attributes only.

const SVG = "http://www.w3.org/2000/svg";

// Characters that hide, or turn the direction of what follows.
const printable = text => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
  c => "\\u{" + c.codePointAt(0).toString(16) + "}");

const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : printable(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : printable(child));
  }
  return element;
};
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// What shows where a pointer rests, line by line.
const hint = lines => {
  const title = svg("title");
  title.textContent = lines.filter(Boolean).map(printable).join("\n");
  return title;
};

const number = value => value === undefined || value === null ? "–" : value.toLocaleString("en-US", { maximumFractionDigits: 0 });
// Three digits are enough to compare.
const rounded = value => value === undefined || value === null ? "–" : String(Number(value.toPrecision(3)));
const bytes = value => value === undefined || value === null ? "–" : `${number(value)} B`;
const kilobytes = value => {
  if (value === undefined || value === null) return "–";
  if (Math.abs(value) < 1024) return `${value} B`;
  const kb = value / 1024;
  return kb < 1024 ? `${kb.toFixed(kb < 10 ? 2 : 1)} KB` : `${(kb / 1024).toFixed(2)} MB`;
};
const amount = value => {
  if (value === undefined || value === null) return "–";
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) if (value >= size) return `${rounded(value / size)} ${unit}`;
  return String(value);
};
const quantization = ({ quantization: q }) => q && (q.scales > 1 ? `${q.scales} scales, ${rounded(q.scale)} to ${rounded(q.greatest_scale)}`
  : `scale ${rounded(q.scale)}, zero point ${q.zero_point}`);
const shape = sizes => sizes.length ? sizes.join("×") : "scalar";
const seconds = time => time === undefined ? "–" : time.seconds < 1 ? `${rounded(time.seconds * 1000)} ms` : `${rounded(time.seconds)} s`;
// The end of a name tells more than its beginning.
const cut = (text, most) => text.length <= most ? text : "…" + text.slice(text.length - most + 1);
const sum = values => values.reduce((all, value) => all + value, 0);
const most = (values, least = 0) => values.reduce((all, value) => Math.max(all, value), least);

const operatorName = (graph, index) => `${index} ${graph.operators[index]?.name ?? ""}`.trim();
const section = (id, title, ...children) => el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), children);
const tiles = list => el("dl", { class: "tiles" }, list.map(([name, value, note]) =>
  el("div", {}, el("dt", {}, name), el("dd", {}, value, note && el("small", {}, note)))));
const problemList = problems => el("ul", { class: "problems" }, problems.map(problem => el("li", {},
  problem.place && el("strong", {}, problem.place, ": "), problem.message,
  problem.expected && ["; expected ", problem.expected], problem.found && ["; found ", problem.found], ".",
  problem.help && el("div", { class: "soft" }, "What helps: ", problem.help, "."))));

// A drawing in the pixels of its place, so that text has its size on a phone, too; `draw` is given the width. Print scales it.
const drawing = (draw, widest) => {
  const place = el("div", {});
  let shown;
  const redraw = room => {
    const width = Math.round(Math.min(Math.max(room, 260), widest));
    if (width !== shown) place.replaceChildren(draw(shown = width));
  };
  // What is around it, until it is in the page.
  redraw(document.documentElement.clientWidth - 66);
  // Behind what the observer is told, or it would be told of its own doing.
  const later = width => requestAnimationFrame(() => redraw(width));
  new ResizeObserver(([{ contentRect }]) => { if (contentRect.width > 0) later(contentRect.width); }).observe(place);
  return place;
};
