// The graph: layers from inputs to outputs, with lanes at the right for what skips layers. Linear in operators and operands.

const NODE = { width: 190, height: 50, across: 26, down: 44 };
const MOST_DRAWN = 4000;

// Nodes are the inputs, the operators in the file's order, and the outputs.
const layOut = graph => {
  const nodes = [], links = [], made = new Map();
  const add = node => nodes.push({ layer: 0, ...node, reads: [] }) - 1;
  for (const tensor of graph.inputs) made.set(tensor, add({ port: "input", tensor }));
  graph.operators.slice(0, MOST_DRAWN).forEach((operator, index) => {
    const at = add({ operator, index });
    for (const tensor of new Set(operator.inputs)) {
      if (made.has(tensor)) links.push({ from: made.get(tensor), to: at, tensor });
    }
    for (const tensor of operator.outputs) made.set(tensor, at);
  });
  for (const tensor of graph.outputs) {
    const at = add({ port: "output", tensor });
    if (made.has(tensor)) links.push({ from: made.get(tensor), to: at, tensor });
  }
  // Each link's end is behind its start among the nodes, and links are in the order of their ends.
  for (const link of links) {
    nodes[link.to].layer = Math.max(nodes[link.to].layer, nodes[link.from].layer + 1);
    nodes[link.to].reads.push(link.from);
  }
  const layers = [];
  nodes.forEach((node, at) => (layers[node.layer] ??= []).push(at));
  layers.forEach((layer, depth) => {
    const wanted = at => {
      const from = nodes[at].reads.map(other => nodes[other].x);
      return from.length ? sum(from) / from.length : 0;
    };
    const keys = new Map(layer.map(at => [at, wanted(at)]));
    layer.sort((a, b) => keys.get(a) - keys.get(b) || a - b);
    layer.forEach((at, place) => {
      nodes[at].x = (place - (layer.length - 1) / 2) * (NODE.width + NODE.across);
      nodes[at].y = depth * (NODE.height + NODE.down);
    });
  });
  const right = most(nodes.map(node => node.x + NODE.width / 2));
  const left = -most(nodes.map(node => NODE.width / 2 - node.x));
  const free = [], ends = [];
  let lanes = 0;
  for (const link of links.filter(link => nodes[link.to].layer > nodes[link.from].layer + 1).sort((a, b) => nodes[a.from].layer - nodes[b.from].layer)) {
    const start = nodes[link.from].layer;
    for (let at = ends.length - 1; at >= 0; at--) if (ends[at].end <= start) free.push(ends.splice(at, 1)[0].lane);
    link.lane = free.length ? free.pop() : lanes++;
    ends.push({ end: nodes[link.to].layer, lane: link.lane });
  }
  return { nodes, links, left, right, wide: right - left + 16 * lanes + 24, high: layers.length * (NODE.height + NODE.down) - NODE.down };
};

const path = (link, nodes, right) => {
  const [a, b] = [nodes[link.from], nodes[link.to]];
  const [x, y, u, v] = [a.x, a.y + NODE.height, b.x, b.y];
  if (link.lane === undefined) return x === u ? `M${x} ${y}V${v}` : `M${x} ${y}C${x} ${y + 22} ${u} ${v - 22} ${u} ${v}`;
  const lane = right + 14 + 16 * link.lane;
  return `M${x} ${y}C${x} ${y + 14} ${x} ${y + 14} ${x + 16} ${y + 14}H${lane - 10}Q${lane} ${y + 14} ${lane} ${y + 24}V${v - 24}Q${lane} ${v - 14} ${lane - 10} ${v - 14}H${u + 16}C${u} ${v - 14} ${u} ${v - 14} ${u} ${v}`;
};

const MOVING = ["RESHAPE", "TRANSPOSE", "CONCATENATION", "PAD", "PADV2", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "PACK", "UNPACK", "SQUEEZE", "EXPAND_DIMS", "GATHER", "QUANTIZE", "DEQUANTIZE"];

const graphView = (model, graph) => {
  const { nodes, links, left, right, wide, high } = layOut(graph);
  const name = tensor => graph.tensors[tensor]?.name ?? "";
  const output = node => node.operator ? graph.tensors[node.operator.outputs[0]] : graph.tensors[node.tensor];
  const title = node => node.operator ? `${node.index} ${node.operator.name}` : `${node.port} ${name(node.tensor)}`;
  const head = node => cut(node.port ? name(node.tensor) || "(no name)" : title(node), 26);
  const facts = node => output(node)
    ? cut(`${node.port ? `${node.port} · ` : ""}${shape(output(node).shape)} ${output(node).type}${node.operator?.weight_bytes ? ` · ${kilobytes(node.operator.weight_bytes)}` : ""}`, 32) : "";
  const drawnLinks = links.map(link => svg("path", { class: "link", d: path(link, nodes, right) }, svg("title", {}, name(link.tensor))));
  const style = node => node.port ? "port" : node.operator.weight_bytes > 0 && node.operator.macs > 0 ? "weighted"
    : MOVING.includes(node.operator.name) ? "moves" : "";
  const drawn = nodes.map((node, at) => svg("g", {
    class: `node ${style(node)} ${node.operator && node.operator.live_bytes === undefined ? "gone" : ""}`, transform: `translate(${node.x} ${node.y})`,
    role: "button", tabindex: at === 0 ? "0" : "-1", "aria-label": `${head(node)} ${facts(node)}`,
    onclick: () => choose(at, false), onfocus: () => choose(at, true), onpointerenter: () => describe(at), onpointerleave: () => describe(here),
  },
  svg("rect", { x: -NODE.width / 2, y: 0, width: NODE.width, height: NODE.height, rx: 8 }),
  svg("text", { x: 0, y: 20, "text-anchor": "middle", "font-size": 12, "font-weight": 600 }, head(node)),
  svg("text", { x: 0, y: 38, "text-anchor": "middle", "font-size": 11 },
    ` ${facts(node)}`)));
  const picture = svg("svg", { class: "picture", role: "group", "aria-label": `graph of ${graph.operators.length} operators; arrow keys go from one to the next` },
    svg("g", {}, drawnLinks), svg("g", {}, drawn));
  const detail = el("div", { class: "detail", tabindex: "0", role: "region", "aria-label": "details of an operator" });
  const status = el("span", { role: "status", class: "soft" });

  // What part of the drawing shows.
  const whole = { x: left - 16, y: -16, width: wide + 32, height: high + 32 };
  let view;
  const show = next => {
    view = next;
    picture.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  };
  // As wide as it is, or as can be read, from its top.
  const begin = () => {
    const [wide, high] = [picture.clientWidth || 800, picture.clientHeight || 544];
    const ratio = high / wide;
    const width = Math.min(Math.max(whole.width, Math.min(wide, 640)), 1.3 * wide);
    const middle = whole.width <= width ? whole.x + whole.width / 2 : 0;
    show({ x: middle - width / 2, y: whole.y, width, height: width * ratio });
  };
  const zoom = (factor, x = view.x + view.width / 2, y = view.y + view.height / 2) => {
    const width = view.width * factor;
    if (width < 120 || width > 40 * Math.max(whole.width, whole.height)) return;
    show({ x: x - (x - view.x) * factor, y: y - (y - view.y) * factor, width, height: view.height * factor });
  };
  const centre = node => show({ ...view, x: node.x - view.width / 2, y: node.y + NODE.height / 2 - view.height / 2 });
  const place = event => {
    const box = picture.getBoundingClientRect();
    return [view.x + (event.clientX - box.left) / box.width * view.width, view.y + (event.clientY - box.top) / box.height * view.height];
  };
  picture.addEventListener("wheel", event => {
    // A wheel alone scrolls the page.
    if (!event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    zoom(event.deltaY + event.deltaX > 0 ? 1.2 : 1 / 1.2, ...place(event));
  }, { passive: false });
  const fingers = new Map();
  picture.addEventListener("pointerdown", event => fingers.set(event.pointerId, event));
  picture.addEventListener("pointermove", event => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const scale = view.width / picture.getBoundingClientRect().width;
    if (fingers.size === 2) {
      const other = [...fingers.values()].find(finger => finger.pointerId !== event.pointerId);
      const apart = finger => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      if (apart(event) > 0) zoom(apart(last) / apart(event), ...place(other));
    } else {
      if (Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) > 2) picture.setPointerCapture(event.pointerId);
      show({ ...view, x: view.x - (event.clientX - last.clientX) * scale, y: view.y - (event.clientY - last.clientY) * scale });
    }
    fingers.set(event.pointerId, event);
  });
  for (const over of ["pointerup", "pointercancel", "lostpointercapture"]) picture.addEventListener(over, event => fingers.delete(event.pointerId));
  picture.addEventListener("keydown", event => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (event.key === "+" || event.key === "-") return zoom(event.key === "+" ? 1 / 1.2 : 1.2);
    if (!step || here === undefined) return;
    event.preventDefault();
    const next = Math.min(Math.max(here + step, 0), nodes.length - 1);
    drawn[next].focus({ preventScroll: true });
  });

  let here;
  const describe = at => {
    const node = nodes[at];
    if (node) detail.replaceChildren(...details(graph, node, title(node)));
  };
  const choose = (at, move) => {
    if (here !== undefined) { drawn[here].classList.remove("here"); drawn[here].setAttribute("tabindex", "-1"); }
    here = at;
    drawn[at].classList.add("here");
    drawn[at].setAttribute("tabindex", "0");
    links.forEach((link, index) => drawnLinks[index].classList.toggle("here", link.from === at || link.to === at));
    describe(at);
    if (move && drawn[at].matches(":focus-visible")) centre(nodes[at]);
  };

  let found = [], next = 0;
  const find = text => {
    const wanted = text.trim().toLowerCase();
    drawn.forEach(group => group.classList.remove("found"));
    const words = node => node.operator ? [title(node), ...node.operator.outputs.map(name), ...node.operator.inputs.filter(i => i !== null).map(name)] : [title(node)];
    found = wanted ? nodes.flatMap((node, at) => words(node).some(word => word.toLowerCase().includes(wanted)) ? [at] : []) : [];
    next = 0;
    found.forEach(at => drawn[at].classList.add("found"));
    status.textContent = wanted ? `${found.length} found` : "";
    if (found.length) go();
  };
  const go = () => {
    const at = found[next % found.length];
    choose(at, false);
    centre(nodes[at]);
    status.textContent = `${next % found.length + 1} of ${found.length}`;
  };
  const search = el("input", {
    type: "search", placeholder: "operator or tensor", "aria-label": "find an operator or a tensor", class: "find",
    oninput: event => find(event.target.value),
    onkeydown: event => { if (event.key === "Enter" && found.length) { next++; go(); } },
  });
  const button = (text, label, onclick) => el("button", { type: "button", "aria-label": label, title: label, onclick }, text);
  requestAnimationFrame(begin);
  // Paper does not move.
  window.onbeforeprint = () => {
    show(whole);
    document.querySelectorAll("details").forEach(more => { more.open = true; });
  };
  show(whole);
  choose(graph.inputs.length && nodes.length > graph.inputs.length ? graph.inputs.length : 0, false);
  return [
    el("div", { class: "controls" }, search, status,
      button("+", "+ zoom in", () => zoom(1 / 1.4)), button("−", "− zoom out", () => zoom(1.4)),
      button("top", "back to the top", begin), button("all", "all of the graph", () => show(whole))),
    el("div", { class: "graph" }, picture, detail),
    legend([
      [svg("g", { class: "node weighted" }, svg("rect", { x: 1, y: 1, width: 22, height: 12, rx: 3 })), "has weights"],
      [svg("g", { class: "node moves" }, svg("rect", { x: 1, y: 1, width: 22, height: 12, rx: 3 })), "moves or converts values"],
      [svg("g", { class: "node port" }, svg("rect", { x: 1, y: 1, width: 22, height: 12, rx: 3 })), "input or output"],
      [svg("g", { class: "node gone" }, svg("rect", { x: 1, y: 1, width: 22, height: 12, rx: 3 })), "does not run by itself in castiron's engine"],
    ]),
    el("p", { class: "soft" }, "Drag to move; Ctrl or Shift with the wheel zooms, as + and − do. Arrow keys go from operator to operator.",
      graph.operators.length > MOST_DRAWN && ` The first ${number(MOST_DRAWN)} of ${number(graph.operators.length)} operators are drawn.`),
  ];
};

const tensorText = tensor => {
  const scale = quantization(tensor);
  return [el("code", {}, tensor.name || "(no name)"), el("br"), `${tensor.type} ${shape(tensor.shape)}, ${bytes(tensor.bytes)}${tensor.constant ? ", constant" : ""}${scale ? `, ${scale}` : ""}`];
};

const details = (graph, node, title) => {
  const operator = node.operator;
  const line = (name, ...value) => [el("dt", {}, name), el("dd", {}, value)];
  const tensors = (name, list) => list.map((index, at) => index === null ? [] : line(`${name} ${at}`, tensorText(graph.tensors[index])));
  return [el("h3", {}, title), el("dl", {}, operator ? [
    line("multiply-accumulates", number(operator.macs)),
    line("weights", bytes(operator.weight_bytes), operator.packed_bytes !== undefined && ` in the file, ${bytes(operator.packed_bytes)} packed`),
    operator.live_bytes !== undefined ? line("arena while it runs", bytes(operator.live_bytes))
      : line("arena while it runs", operator.joined_into !== undefined ? `computed with operator ${operator.joined_into}` : "it does not run on the device"),
    operator.kernels && line("kernels", el("code", {}, operator.kernels.join(", "))),
    tensors("input", operator.inputs), tensors("output", operator.outputs),
  ] : line("tensor", tensorText(graph.tensors[node.tensor])))];
};
