// One model, section by section.

const portsView = (model, graph) => {
  const rows = [["input", graph.inputs], ["output", graph.outputs]].flatMap(([role, list]) =>
    list.map((tensor, at) => ({ role: `${role} ${at}`, ...graph.tensors[tensor] })));
  return table({
    id: "ports", caption: "Inputs and outputs", rows,
    columns: [
      { title: "Tensor", heads: true, long: true, value: row => row.role, text: row => [row.role, el("br"), el("code", { class: "soft" }, row.name || "(no name)")] },
      { title: "Type", value: row => row.type },
      { title: "Shape", value: row => shape(row.shape), text: row => [shape(row.shape), row.shape_signature && el("span", { class: "soft" }, ` (${row.shape_signature.map(size => size < 0 ? "?" : size).join("×")} in the file)`)] },
      { title: "Bytes", value: row => row.bytes, text: row => number(row.bytes), number: true },
      { title: "Quantisation", value: row => quantization(row) ?? "–" },
    ],
  });
};

const flashOf = model => model.compiled.ok ? model.compiled.weight_bytes + model.compiled.code_bytes : null;

// Inputs and outputs that the caller holds.
const heldOf = model => (model.compiled.caller_input_bytes ?? 0) + (model.compiled.caller_output_bytes ?? 0);

const summaryTiles = model => tiles([
  ["Flash, weights and code", kilobytes(flashOf(model)), model.compiled.ok ? `${kilobytes(model.compiled.weight_bytes)} weights + about ${kilobytes(model.compiled.code_bytes)} code` : "it does not compile"],
  ["RAM", kilobytes(model.compiled.ram_bytes), model.compiled.ok ? `${bytes(model.compiled.arena_bytes)} arena${model.compiled.state_bytes ? `, ${bytes(model.compiled.state_bytes)} state` : ""}${heldOf(model) ? `, and ${bytes(heldOf(model))} in your buffers` : ""}` : undefined],
  ["TFLM's arena", kilobytes(model.tflm.arena_bytes), model.tflm.arena_bytes === null ? "not known" : "reference kernels, Cortex-M4"],
  ["Multiply-accumulates", amount(model.macs), model.operators_without_macs ? `without ${model.operators_without_macs} operators` : number(model.macs)],
  ["File", kilobytes(model.file_bytes), bytes(model.file_bytes)],
  ["Arithmetic", model.arithmetic, `${number(sum(model.subgraphs.map(graph => graph.operators.length)))} operators`],
  model.quality && [model.quality.metric, rounded(model.quality.value), model.quality.source],
  costTile(model),
  model.measured?.instructions !== undefined && ["Instructions, measured", amount(model.measured.instructions), model.measured.source],
  model.measured?.cycles !== undefined && ["Cycles, measured", amount(model.measured.cycles), model.measured.source],
  model.time && ["Time of a run", seconds(model.time), `median of ${number(model.time.runs)}, ${model.time.source}`],
].filter(Boolean));

const milliseconds = value => seconds({ seconds: value / 1000 });
// What is known of a run on the processor that sizes are of, too.
const costOf = model => model.costs[0];
const costTile = model => {
  const cost = costOf(model);
  if (!cost || cost.instructions === null) return cost && ["A run, estimated", "no estimate", cost.reason];
  const on = `${amount(cost.instructions)} instructions${cost.cycles === null ? "" : `, ${amount(cost.cycles)} cycles`} on a ${cost.processor}${cost.cycles_note ? `; ${cost.cycles_note}` : ""}`;
  if (cost.milliseconds !== null) return ["A run, estimated", milliseconds(cost.milliseconds), on];
  return [cost.cycles === null ? "Instructions, estimated" : "Cycles, estimated", amount(cost.cycles ?? cost.instructions), on];
};

const costsView = (model, board) => model.costs.length > 0 && [
  table({
    id: "costs", caption: `A run with optimize = ${model.costs[0].optimize}, estimated from kernels that were measured`, rows: model.costs,
    columns: [
      { title: "Processor", heads: true, value: cost => cost.processor ?? cost.isa },
      { title: "Instructions", value: cost => cost.instructions, text: cost => cost.instructions === null ? cost.reason ?? "no estimate" : number(cost.instructions), number: true, bar: "fill-macs" },
      { title: "Error of instructions", value: cost => cost.instructions_error_percent, text: cost => cost.instructions_error_percent === undefined ? "–" : `${cost.instructions_error_percent} %`, number: true },
      { title: "Cycles", value: cost => cost.cycles, text: cost => cost.cycles === null ? "no estimate" : number(cost.cycles), number: true, bar: "fill-macs" },
      { title: "Error of cycles", value: cost => cost.cycles_error_percent, text: cost => cost.cycles_error_percent === undefined ? "–" : `${cost.cycles_error_percent} %`, number: true },
      { title: "Time", value: cost => cost.milliseconds, text: cost => cost.milliseconds === null ? "–" : milliseconds(cost.milliseconds), number: true },
    ],
  }),
  el("p", { class: "soft" }, "Errors are medians, of networks that the estimates were not made from; docs/benchmarks.md has the worst. Cycles are for memory without wait states.",
    model.costs.length > 1 && ` The first is the one that sizes are of.`,
    model.costs[0].cycles_note && ` Take the time as a guess: ${model.costs[0].cycles_note}.`,
    board?.clock_hz && ` The clock is ${rounded(board.clock_hz / 1e6)} MHz: ${board.clock_source}.`),
];

const fitView = (model, board) => {
  const fit = model.fit;
  if (!fit) return null;
  const verdict = fit.fits ? el("span", { class: "good" }, "It fits") : el("span", { class: "bad" }, "It does not fit");
  const room = (name, room) => room && el("li", {}, `${name}: ${number(room.takes)} of ${number(room.has)} bytes, `,
    room.left < 0 ? `${number(-room.left)} too many` : `${number(room.left)} left`);
  return [el("p", {}, verdict, ` on ${board.name}. `, fit.reason), el("ul", {}, room("flash", fit.flash), room("RAM", fit.ram))];
};

const limitsView = model => model.compiled.beyond_limits && [
  el("p", {}, el("span", { class: "bad" }, "It does not keep its limits"), ":"), problemList(model.compiled.beyond_limits)];

const MOST_FINDINGS = 12;

const adviceView = model => model.advice.length ? el("ol", { class: "advice" }, model.advice.map(advice => {
  const where = finding => {
    const graph = model.subgraphs[finding.subgraph ?? 0];
    const named = (finding.operators ?? []).slice(0, 4).map(index => operatorName(graph, index)).join(", ");
    const more = (finding.operators ?? []).length - 4;
    return named && el("span", { class: "soft" }, ` – ${named}${more > 0 ? ` and ${more} more` : ""}`);
  };
  const all = advice.findings.map(finding => el("li", {}, finding.finding, where(finding)));
  return el("li", {}, el("strong", {}, ADVICE[advice.rule] ?? advice.rule), `${advice.reason} `, el("em", {}, advice.remedy),
    el("ul", {}, all.slice(0, MOST_FINDINGS)),
    all.length > MOST_FINDINGS && el("details", {}, el("summary", {}, `${all.length - MOST_FINDINGS} more`), el("ul", {}, all.slice(MOST_FINDINGS))));
})) : el("p", {}, "No rule found anything to change.");

const ADVICE = {
  channels: "Channels that are no multiple of 4", hybrid: "Floats with integer weights", float: "Floats where int8 would do",
  "float-edges": "Floats at the edge of an integer model", uint8: "uint8 weights", "dead-filters": "Dead filters",
  "dead-channels": "Channels that are not needed", softmax: "A SOFTMAX that could be dropped", transpose: "TRANSPOSE left over",
  "unknown-size": "Unknown sizes", "unknown-batch": "An unknown batch", unaligned: "Weights that are not aligned",
};

const operatorsView = (model, graph) => {
  const cost = costOf(model);
  const rows = graph.operators.map((operator, index) => ({ index, ...operator, cost: operator.costs?.[0] }));
  const costColumn = (title, key) => rows.some(row => row.cost?.[key] !== undefined) && { title, value: row => row.cost?.[key], text: row => number(row.cost?.[key]), number: true, bar: "fill-macs" };
  const output = row => graph.tensors[row.outputs[0]];
  const engines = row => row.compiled && row.tflm ? "both" : row.compiled ? "castiron" : row.tflm ? "TFLM" : "none";
  const bytesColumn = (title, key, bar) => ({ title, value: row => row[key], text: row => number(row[key]), number: true, bar });
  return table({
    id: "operators", caption: `${number(rows.length)} operators, in the file's order; bars compare within a column${cost?.processor ? `; instructions and cycles are estimated for a ${cost.processor}` : ""}${model.measured ? `; measured: ${model.measured.source}` : ""}`, rows,
    columns: [
      { title: "#", value: row => row.index, number: true },
      { title: "Operator", heads: true, value: row => row.name },
      { title: "Output", value: row => output(row)?.bytes, text: row => output(row) ? `${shape(output(row).shape)} ${output(row).type}` : "–" },
      bytesColumn("MACs", "macs", "fill-macs"),
      costColumn("Instructions", "instructions"),
      rows.some(row => row.measured_instructions !== undefined) && bytesColumn("Instructions, measured", "measured_instructions", "fill-macs"),
      costColumn("Cycles", "cycles"),
      rows.some(row => row.measured_cycles !== undefined) && bytesColumn("Cycles, measured", "measured_cycles", "fill-macs"),
      bytesColumn("Weights, B", "weight_bytes", "fill-weights"),
      bytesColumn("Packed, B", "packed_bytes", "fill-weights"),
      bytesColumn("Activations, B", "activation_bytes", "fill-acts"),
      { title: "Arena, B", value: row => row.live_bytes, text: row => row.live_bytes !== undefined ? number(row.live_bytes) : row.joined_into !== undefined ? `in ${row.joined_into}` : "–", number: true, bar: "fill-acts" },
      { title: "Engines", value: engines },
    ].filter(Boolean),
  });
};

const flashView = (model, graph) => {
  if (!model.compiled.ok) return [el("p", {}, "castiron's engine does not compile this model:"), problemList(model.compiled.problems)];
  const { weight_bytes, code_bytes, code_error_percent } = model.compiled;
  const packed = graph.operators.map((operator, index) => ({ name: operatorName(graph, index), bytes: operator.packed_bytes ?? 0 })).filter(row => row.bytes > 0);
  // Operators may share weights, and other subgraphs have some.
  const other = Math.max(weight_bytes - sum(packed.map(row => row.bytes)), 0);
  const rows = [{ name: "code and parameters (estimated)", bytes: code_bytes }, ...packed, ...(other ? [{ name: "other constants", bytes: other }] : [])];
  return [
    bars([
      { name: "castiron", parts: [[weight_bytes, "fill-weights", "weights"], [code_bytes, "fill-code", "code"]], text: bytes(weight_bytes + code_bytes) },
      { name: "the file itself", parts: [[model.constant_bytes, "fill-weights", "weights"], [model.file_bytes - model.constant_bytes, "fill-plain", "the rest of the file"]], text: bytes(model.file_bytes) },
    ]),
    legend([
      [svg("rect", { width: 24, height: 14, style: "fill:var(--weights)" }), "weights"],
      [svg("rect", { width: 24, height: 14, style: "fill:var(--code)" }), "code"],
      [svg("rect", { width: 24, height: 14, style: "fill:var(--edge)" }), "the rest of the file"],
    ]),
    el("p", { class: "soft" }, `The code is estimated from kernels measured on a Cortex-M4; such estimates are ${code_error_percent} % off on average. An interpreter needs the whole file in flash, and its own code.`),
    table({
      id: "flash", caption: "Flash by operator", rows: rows.sort((a, b) => b.bytes - a.bytes),
      columns: [
        { title: "What", heads: true, value: row => row.name },
        { title: "Bytes", value: row => row.bytes, text: row => number(row.bytes), number: true, bar: "fill-weights" },
        { title: "Share", value: row => row.bytes / (weight_bytes + code_bytes), text: row => `${(100 * row.bytes / (weight_bytes + code_bytes)).toFixed(1)} %`, number: true },
      ],
    }),
  ];
};

const EFFECTS = { folded: "computed at build time", removed: "removed", joined: "run as one step", permuted: "run in another order of dimensions", inferred: "shape inferred" };

// What a pass did alike to several operators is a line.
const passLines = passes => {
  const lines = [];
  for (const pass of passes) {
    const last = lines.at(-1);
    if (last && !pass.macs && !last.macs && last.pass === pass.pass && last.effect === pass.effect) last.operators = [...last.operators, ...pass.operators];
    else lines.push({ ...pass });
  }
  return lines;
};

const MOST_OPERATORS = 8;

const passesView = (model, graph) => {
  if (!graph.passes.length) return el("p", {}, "No pass found anything to change.");
  const saved = sum(graph.passes.map(({ macs }) => macs ? macs[0] - macs[1] : 0));
  const names = pass => pass.operators.slice(0, MOST_OPERATORS).map(index => operatorName(graph, index)).join(", ");
  const more = pass => pass.operators.length > MOST_OPERATORS ? ` and ${pass.operators.length - MOST_OPERATORS} more` : "";
  const running = graph.operators.filter(operator => operator.live_bytes !== undefined).length;
  return [
    model.compiled.ok && el("p", {}, `Of ${number(graph.operators.length)} operators in the file, ${number(running)} run by themselves`,
      saved > 0 && `; ${number(saved)} multiply-accumulates are removed`, "."),
    table({
      id: "passes", caption: "What castiron's passes did to operators", rows: passLines(graph.passes),
      columns: [
        { title: "Pass", heads: true, value: pass => pass.pass },
        { title: "Operators", long: true, value: pass => pass.operators.length, text: pass => names(pass) + more(pass) },
        { title: "Effect", value: pass => pass.effect, text: pass => pass.channels?.[0] === pass.channels?.[1] && pass.channels ? "fewer input channels are left" : pass.channels ? `${pass.channels[1]} of ${pass.channels[0]} channels are left` : EFFECTS[pass.effect] ?? pass.effect },
        { title: "MACs removed", value: pass => pass.macs && pass.macs[0] - pass.macs[1], text: pass => pass.macs ? number(pass.macs[0] - pass.macs[1]) : "–", number: true },
      ],
    }),
  ];
};

const tflmView = model => [
  model.tflm.arena_bytes === null ? el("p", {}, "The size of the interpreter's arena is not known.") : el("p", {},
    `TensorFlow Lite Micro's interpreter needs an arena of ${number(model.tflm.arena_bytes)} bytes with reference kernels on a Cortex-M4: ${number(model.tflm.head_bytes)} for tensors, ${number(model.tflm.tail_bytes)} for its own data.`),
  el("p", { class: "soft" }, `Revision ${model.tflm.revision}.`),
  model.tflm.problems.length > 0 && [el("p", {}, "What it refuses, or computes otherwise:"), problemList(model.tflm.problems)],
];

const recordedView = model => model.recorded && [
  table({
    id: "recorded", caption: `Outputs beside ${model.recorded.cases} recorded ones`, rows: model.recorded.outputs,
    columns: differenceColumns(model.recorded.cases),
  }),
];

const differenceColumns = cases => [
  { title: "Output", heads: true, long: true, value: output => output.name },
  { title: "Greatest difference", value: output => output.greatest, text: output => rounded(output.greatest), number: true },
  { title: "Mean difference", value: output => output.mean, text: output => rounded(output.mean), number: true },
  { title: "Range of values", value: output => output.range, text: output => rounded(output.range), number: true },
  { title: "Same greatest value", value: output => output.same_greatest, text: output => output.same_greatest === undefined ? "–" : `${output.same_greatest} of ${cases}`, number: true },
];

// Sections of a model: id, title, content.
const modelSections = (model, at, board) => {
  const graph = model.subgraphs[at];
  const first = at === 0;
  return [
    ["overview", "Overview", () => [
      model.description && el("p", { class: "soft" }, model.description),
      model.signatures.map(signature => el("p", { class: "soft" }, "Signature ", el("code", {}, signature.name), ` runs subgraph ${signature.subgraph}.`)),
      summaryTiles(model), limitsView(model), fitView(model, board), costsView(model, board), portsView(model, graph), recordedView(model),
    ]],
    ["advice", "Advice", () => adviceView(model)],
    ["graph", "Graph", () => graphView(model, graph)],
    first && ["memory", "Memory", () => memoryView(model, graph)],
    ["operators-section", "Operators", () => operatorsView(model, graph)],
    first && ["flash-section", "Flash", () => flashView(model, graph)],
    ["passes-section", "Passes", () => passesView(model, graph)],
    ["tflm", "TFLM", () => tflmView(model)],
  ].filter(Boolean);
};
