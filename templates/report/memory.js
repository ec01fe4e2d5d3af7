// Memory over time: what lies where in the arena, and when.

const planPicture = (graph, plan, greatest, title, width) => {
  const [height, left, top] = [300, 64, 16];
  const step = (width - left - 8) / plan.steps.length;
  // A line of text needs as much.
  const isNamed = step >= 12;
  const bottom = isNamed ? 152 : 34;
  const x = at => left + at * step;
  const y = at => top + height - at / greatest * height;
  const tick = 2 ** Math.ceil(Math.log2(Math.max(greatest / 6, 1)));
  const ticks = [];
  for (let at = 0; at <= greatest; at += tick) ticks.push(at);
  const names = at => at === 0 ? "inputs" : at === plan.steps.length - 1 ? "outputs"
    : plan.steps[at].operators.map(index => operatorName(graph, index)).join(" + ");
  const text = (value, at, attributes) => svg("text", { "font-size": 10, ...attributes }, value, at);
  const block = (buffer, at) => {
    const [x0, x1] = [x(buffer.first), x(buffer.last + 1)];
    const [y0, y1] = [y(buffer.offset + buffer.bytes), y(buffer.offset)];
    const name = buffer.tensors.length ? buffer.tensors.join(" → ") : "working memory";
    const room = Math.floor((x1 - x0 - 6) / 6.1);
    return svg("g", {},
      hint([name, `${bytes(buffer.bytes)} at ${number(buffer.offset)}`, `${names(buffer.first)} to ${names(buffer.last)}`]),
      svg("rect", { class: `block ${buffer.tensors.length ? `c${at % 8}` : "work"}`, x: x0.toFixed(1), y: y0.toFixed(1), width: (x1 - x0).toFixed(1), height: Math.max(y1 - y0, 0.7).toFixed(1) }),
      room > 6 && y1 - y0 > 12 && text(cut(name, room), undefined, { x: ((x0 + x1) / 2).toFixed(1), y: ((y0 + y1) / 2 + 3.5).toFixed(1), "text-anchor": "middle" }));
  };
  const named = isNamed && plan.steps.map((_, at) => {
    const [u, v] = [x(at) + step / 2 + 3, top + height + 8];
    return text(names(at).length > 21 ? names(at).slice(0, 20) + "…" : names(at), undefined, { x: u.toFixed(1), y: v, "text-anchor": "end", transform: `rotate(-90 ${u.toFixed(1)} ${v})`, "font-weight": at === plan.peak_step ? 700 : undefined });
  });
  return svg("svg", { viewBox: `0 0 ${width} ${top + height + bottom}`, role: "img", "aria-label": `${title}: the arena takes ${bytes(plan.peak_bytes)}, full at ${names(plan.peak_step)}` },
    svg("rect", { class: "full", x: x(plan.peak_step), y: top, width: step, height }),
    ticks.map(at => [svg("line", { class: "grid", x1: left, x2: width - 8, y1: y(at), y2: y(at) }), text(kilobytes(at), undefined, { x: left - 6, y: y(at) + 3.5, "text-anchor": "end" })]),
    plan.buffers.map(block),
    svg("line", { class: "peak", x1: left, x2: width - 8, y1: y(plan.peak_bytes), y2: y(plan.peak_bytes) }),
    svg("line", { class: "axis", x1: left, x2: left, y1: top, y2: top + height }),
    named || text(`${plan.steps.length} steps, from the inputs to the outputs`, undefined, { x: (left + width) / 2, y: top + height + 20, "text-anchor": "middle" }));
};

const planChart = (graph, plan, greatest, title) => el("figure", { class: "chart" },
  el("figcaption", {}, `${title}: ${bytes(plan.peak_bytes)}`),
  drawing(width => planPicture(graph, plan, greatest, title, width), 760));

const memoryView = (model, graph) => {
  const { before, after } = model.memory;
  const plans = [before, after].filter(Boolean);
  if (!plans.length) return el("p", {}, "The arena cannot be planned.");
  const greatest = most(plans.map(plan => plan.peak_bytes), 1);
  const shown = after ?? before;
  const full = shown.steps[shown.peak_step];
  const at = shown.peak_step === 0 ? "the inputs are filled" : shown.peak_step === shown.steps.length - 1 ? "the outputs are read"
    : `operator ${full.operators.map(index => operatorName(graph, index)).join(" + ")} runs`;
  const live = shown.buffers.filter(buffer => buffer.first <= shown.peak_step && shown.peak_step <= buffer.last);
  return [
    bars([
      before && { name: "file as it is", parts: [[before.peak_bytes, "fill-plain"]], text: bytes(before.peak_bytes) },
      after && { name: "castiron", parts: [[after.peak_bytes, "fill-acts"]], text: bytes(after.peak_bytes) },
      model.tflm.arena_bytes !== null && { name: "TFLM's arena", parts: [[model.tflm.head_bytes, "fill-plain", "tensors"], [model.tflm.arena_bytes - model.tflm.head_bytes, "fill-code", "the interpreter's own data"]], text: bytes(model.tflm.arena_bytes) },
    ].filter(Boolean)),
    model.tflm.arena_bytes !== null && legend([
      [svg("rect", { width: 24, height: 14, style: "fill:var(--edge)" }), "tensors"],
      after && [svg("rect", { width: 24, height: 14, style: "fill:var(--acts)" }), "castiron's arena"],
      [svg("rect", { width: 24, height: 14, style: "fill:var(--code)" }), "the interpreter's own data"],
    ]),
    legend([
      [svg("rect", { class: "block c0", width: 24, height: 14 }), "a tensor while it is needed; with arrows, one in the place of another"],
      [svg("rect", { class: "block work", x: 1, y: 1, width: 22, height: 12 }), "working memory"],
      [svg("rect", { class: "full", width: 24, height: 14 }), "the step at which the arena is full"],
      [svg("line", { class: "peak", x1: 0, x2: 24, y1: 7, y2: 7 }), "size of the arena"],
    ]),
    el("div", { class: "charts" },
      before && planChart(graph, before, greatest, "The file as it is, without passes and without sharing"),
      after && planChart(graph, after, greatest, "castiron's plan")),
    el("p", {}, `The arena is full while ${at}: ${number(full.live_bytes)} bytes are live.`,
      shown.lower_bound_bytes >= shown.peak_bytes && " No plan for these lifetimes is smaller."),
    table({
      id: "peak", caption: "What lies in the arena at its peak", rows: live,
      columns: [
        { title: "Tensors", heads: true, long: true, value: buffer => buffer.tensors.join(" → ") || "working memory" },
        { title: "Bytes", value: buffer => buffer.bytes, text: buffer => number(buffer.bytes), number: true, bar: "fill-acts" },
        { title: "From step", value: buffer => buffer.first, number: true },
        { title: "To step", value: buffer => buffer.last, number: true },
      ],
    }),
  ];
};
