// Several models beside each other.

const arithmeticName = { float32: "float32", integer: "integers", hybrid: "hybrid", none: "no weights" };

// Time, if a clock is known, or else instructions: of the board's processor, or of the first that was measured.
const ESTIMATES = { milliseconds: "Time", instructions: "Instructions" };
const estimateKey = report => report.models.some(model => (costOf(model)?.milliseconds ?? null) !== null) ? "milliseconds" : "instructions";
const estimateOf = (model, key = "instructions") => costOf(model)?.[key] ?? undefined;
const estimateText = (model, key) => {
  const value = estimateOf(model, key);
  return value === undefined ? "no estimate" : key === "milliseconds" ? milliseconds(value) : number(value);
};

const comparison = (report, openModel) => {
  const rows = report.models.map((model, position) => ({ model, position }));
  const best = report.choice?.model;
  const fits = ({ model }) => model.fit ? model.fit.fits : undefined;
  const verdict = row => fits(row) === undefined ? row.model.compiled.ok ? "–" : el("span", { class: "bad" }, "no") : fits(row) ? el("span", { class: "good" }, "yes") : el("span", { class: "bad" }, "no");
  const keeps = ({ model }) => !model.compiled.beyond_limits;
  const any = key => rows.some(({ model }) => model[key] !== undefined);
  return table({
    id: "models", caption: "The models, the best that fits first. A name opens the model below.", rows, mark: ({ position }) => position === best && "best",
    columns: [
      { title: "Model", heads: true, long: true, value: ({ model }) => model.name, text: ({ model, position }) => el("a", { href: "#one", onclick: event => { event.preventDefault(); openModel(position); } }, model.name) },
      report.boards && { title: "Fits", value: row => fits(row) === undefined ? undefined : Number(fits(row)), text: verdict },
      report.boards?.length > 1 && { title: "Board", value: ({ model }) => model.board },
      !rows.every(keeps) && { title: "Keeps its limits", value: row => Number(keeps(row)), text: row => keeps(row) ? el("span", { class: "good" }, "yes") : el("span", { class: "bad" }, "no") },
      any("quality") && { title: rows.find(({ model }) => model.quality).model.quality.metric, value: ({ model }) => model.quality?.value, text: ({ model }) => rounded(model.quality?.value), number: true },
      any("time") && { title: "Time", value: ({ model }) => model.time?.seconds, text: ({ model }) => seconds(model.time), number: true },
      rows.some(({ model }) => estimateOf(model)) && { title: `${ESTIMATES[estimateKey(report)]}, estimated`, value: ({ model }) => estimateOf(model, estimateKey(report)), text: ({ model }) => estimateText(model, estimateKey(report)), number: true, bar: "fill-macs" },
      rows.some(({ model }) => model.measured?.instructions !== undefined) && { title: "Instructions, measured", value: ({ model }) => model.measured?.instructions, text: ({ model }) => number(model.measured?.instructions), number: true, bar: "fill-macs" },
      rows.some(({ model }) => model.measured?.cycles !== undefined) && { title: "Cycles, measured", value: ({ model }) => model.measured?.cycles, text: ({ model }) => number(model.measured?.cycles), number: true, bar: "fill-macs" },
      { title: "Flash, B", value: ({ model }) => flashOf(model), text: ({ model }) => number(flashOf(model)), number: true, bar: "fill-weights" },
      { title: "RAM, B", value: ({ model }) => model.compiled.ram_bytes, text: ({ model }) => number(model.compiled.ram_bytes), number: true, bar: "fill-acts" },
      { title: "TFLM's arena, B", value: ({ model }) => model.tflm.arena_bytes, text: ({ model }) => number(model.tflm.arena_bytes), number: true },
      { title: "MACs", value: ({ model }) => model.macs, text: ({ model }) => number(model.macs), number: true, bar: "fill-macs" },
      { title: "Arithmetic", value: ({ model }) => arithmeticName[model.arithmetic] },
      { title: "File, B", value: ({ model }) => model.file_bytes, text: ({ model }) => number(model.file_bytes), number: true },
    ].filter(Boolean),
  });
};

// Those that no other beats in flash, RAM and, where all have one, time or quality.
const paretoFront = points => points.filter(one => !points.some(other => other !== one
  && other.measures.every((value, at) => value <= one.measures[at]) && other.measures.some((value, at) => value < one.measures[at])));

const paretoView = (report, openModel) => {
  const known = report.models.map((model, position) => ({ model, position, flash: flashOf(model), ram: model.compiled.ram_bytes })).filter(({ model }) => model.compiled.ok);
  if (known.length < 2) return null;
  const key = estimateKey(report);
  // What was measured of all, or else what is estimated of all.
  const measured = known.every(({ model }) => model.time), timed = measured || known.every(({ model }) => estimateOf(model, key) !== undefined);
  const timeOf = model => measured ? model.time.seconds : estimateOf(model, key);
  const timeText = model => measured ? seconds(model.time) : `${estimateText(model, key)}${key === "instructions" ? " instructions" : ""}, estimated`;
  const timeName = measured ? "time" : `estimated ${ESTIMATES[key].toLowerCase()}`;
  const judged = known.every(({ model }) => model.quality);
  for (const point of known) {
    point.measures = [point.flash, point.ram];
    if (timed) point.measures.push(timeOf(point.model));
    if (judged) point.measures.push(-point.model.quality.value);
  }
  const front = paretoFront(known);
  const board = report.board;
  const room = board && { flash: board.flash_bytes === null ? null : board.flash_bytes - board.application_flash_bytes, ram: board.ram_bytes === null ? null : board.ram_bytes - board.application_ram_bytes };
  const steps = [...front].sort((a, b) => a.flash - b.flash);
  const hasLine = !timed && !judged && steps.length > 1;
  const circle = style => svg("circle", { class: `dot ${style}`, cx: 12, cy: 7, r: 5 });
  return [
    el("h3", {}, timed ? `Flash, RAM and ${timeName}` : "Flash and RAM"),
    el("figure", { class: "chart" },
      drawing(width => paretoPicture({ report, known, front, steps, hasLine, timed, timeOf, timeText, room, openModel }, width), 1100),
      legend([
        [circle("integer"), "integers"], [circle("float32"), "float32"],
        known.some(({ model }) => model.arithmetic === "hybrid") && [circle("hybrid"), "hybrid"],
        report.boards && [circle("misfit"), "does not fit"],
        report.choice?.model !== null && [circle("integer best"), "the best"],
        room && [svg("line", { class: "limit", x1: 0, x2: 24, y1: 7, y2: 7 }), "what the board has left, where it is in the picture"],
        hasLine && [svg("path", { class: "front", d: "M0 3H12V11H24" }), "no model is better in both"],
      ]),
      el("p", { class: "soft" }, `A larger point takes more ${timed ? timeName : "multiply-accumulates"}.`)),
    el("p", {}, `No model beats these in ${["flash", "RAM", timed && timeName, judged && "quality"].filter(Boolean).join(" and ")}: `,
      steps.map((point, at) => [at > 0 && ", ", el("code", {}, point.model.name)]), "."),
  ];
};

const paretoPicture = ({ report, known, front, steps, hasLine, timed, timeOf, timeText, room, openModel }, width) => {
  const [height, left, top, bottom] = [Math.min(420, 0.5 * width + 130), 78, 16, 48];
  // Powers of two, as many as there is room for.
  const scale = (values, from, to, least) => {
    const [low, high] = [Math.log2(Math.max(Math.min(...values), 1)) - 0.4, Math.log2(Math.max(...values, 2)) + 0.4];
    const at = value => from + (Math.log2(Math.max(value, 1)) - low) / (high - low) * (to - from);
    const stride = Math.max(1, Math.ceil(least * (high - low) / Math.abs(to - from)));
    const ticks = [];
    for (let power = Math.ceil(low); power <= high; power += stride) ticks.push(2 ** power);
    return { at, ticks, holds: value => value > 0 && Math.log2(value) >= low && Math.log2(value) <= high };
  };
  const x = scale(known.map(point => point.flash), left, width - 16, 56);
  const y = scale(known.map(point => point.ram), top + height - bottom, top, 18);
  const byTime = value => 5 + 7 * Math.sqrt(value / most(known.map(({ model }) => timed ? timeOf(model) : model.macs), 1e-12));
  const radius = point => byTime(timed ? timeOf(point.model) : point.model.macs);
  const tickText = value => kilobytes(value).replace(/\.0+ /, " ");
  // Labels that would lie on another, on a point or on the axis are left out; all names are in titles, and in the table.
  const taken = known.map(point => ({ point, x: x.at(point.flash) - radius(point), y: y.at(point.ram), width: 2 * radius(point), height: 2 * radius(point) }));
  const label = point => {
    const text = cut(point.model.name.replace(/\.tflite\b/, ""), width < 500 ? 18 : 24);
    const [size, gap] = [6.4 * text.length, radius(point) + 4];
    const [middle, level] = [x.at(point.flash), y.at(point.ram)];
    // Beside its point, or else above or below it.
    const inside = Math.min(Math.max(middle - size / 2, left + 2), width - size - 2);
    const places = [[middle + gap, level], [middle - gap - size, level], [inside, level - gap - 6], [inside, level + gap + 6]];
    const isFree = ([start, at]) => start >= left && start + size <= width && at >= top && at + 6 <= height - bottom + top && !taken.some(other => other.point !== point
      && Math.abs(other.y - at) < (other.height + 12) / 2 && start < other.x + other.width && other.x < start + size);
    const place = places.find(isFree);
    if (!place) return null;
    taken.push({ x: place[0], y: place[1], width: size, height: 12 });
    return svg("text", { class: "label", x: place[0].toFixed(1), y: (place[1] + 4).toFixed(1), "font-size": 11 }, text);
  };
  const line = hasLine && svg("path", { class: "front", d: steps.map((point, at) =>
    at ? `H${x.at(point.flash).toFixed(1)}V${y.at(point.ram).toFixed(1)}` : `M${x.at(point.flash).toFixed(1)} ${y.at(point.ram).toFixed(1)}`).join("") });
  const inFront = new Set(front);
  const dot = point => svg("g", { tabindex: "0", role: "link", "aria-label": `${point.model.name}: ${bytes(point.flash)} of flash, ${bytes(point.ram)} of RAM`, class: "point",
    onclick: () => openModel(point.position), onkeydown: event => { if (event.key === "Enter") openModel(point.position); } },
    hint([point.model.name, `flash ${bytes(point.flash)}, RAM ${bytes(point.ram)}`, `${number(point.model.macs)} MACs`,
      timed ? timeText(point.model) : point.model.time && seconds(point.model.time), point.model.quality && `${point.model.quality.metric} ${rounded(point.model.quality.value)}`]),
    svg("circle", { class: `dot ${point.model.arithmetic} ${point.model.fit?.fits === false ? "misfit" : ""} ${report.choice?.model === point.position ? "best" : ""}`, cx: x.at(point.flash).toFixed(1), cy: y.at(point.ram).toFixed(1), r: radius(point).toFixed(1) }));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "flash and RAM of each model, both on logarithmic axes" },
    x.ticks.map(at => [svg("line", { class: "grid", x1: x.at(at), x2: x.at(at), y1: top, y2: height - bottom + top }), svg("text", { "font-size": 11, x: x.at(at), y: height - 16, "text-anchor": "middle" }, tickText(at))]),
    y.ticks.map(at => [svg("line", { class: "grid", x1: left, x2: width - 16, y1: y.at(at), y2: y.at(at) }), svg("text", { "font-size": 11, x: left - 8, y: y.at(at) + 4, "text-anchor": "end" }, tickText(at))]),
    svg("text", { "font-size": 12, x: (left + width) / 2, y: height - 1, "text-anchor": "middle" }, "flash"),
    svg("text", { "font-size": 12, x: 14, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${height / 2})` }, "RAM"),
    room?.flash && x.holds(room.flash) && svg("line", { class: "limit", x1: x.at(room.flash), x2: x.at(room.flash), y1: top, y2: height - bottom + top }),
    room?.ram && y.holds(room.ram) && svg("line", { class: "limit", x1: left, x2: width - 16, y1: y.at(room.ram), y2: y.at(room.ram) }),
    // The best first: its name is the last to be left out.
    line, known.map(dot), [...known].sort((a, b) => inFront.has(b) - inFront.has(a)).map(label));
};

const pairsView = report => {
  const ratio = (small, large) => (small ?? null) === null || !large ? "–" : `${(100 * small / large).toFixed(0)} %`;
  const both = (pair, of) => [of(report.models[pair.float]), of(report.models[pair.integer])];
  const column = (title, of, text = number) => ({
    title, number: true, value: pair => { const [a, b] = both(pair, of); return b / a; },
    text: pair => { const [a, b] = both(pair, of); return [`${text(a)} → ${text(b)}`, el("br"), el("span", { class: "soft" }, ratio(b, a))]; },
  });
  const worst = pair => pair.differences && pair.differences.outputs.reduce((worst, output) => worst && worst.greatest >= output.greatest ? worst : output, undefined);
  return section("pairs", "Float and integers", table({
    id: "pairs-table", caption: "The same model in float32 and in integers: from the one to the other", rows: report.pairs,
    columns: [
      { title: "Models", heads: true, long: true, value: pair => report.models[pair.float].name, text: pair => [report.models[pair.float].name, el("br"), report.models[pair.integer].name, el("br"), el("span", { class: "soft" }, `told by ${pair.by}`)] },
      column("File, B", model => model.file_bytes),
      column("Flash, B", flashOf),
      column("RAM, B", model => model.compiled.ram_bytes),
      report.pairs.some(pair => both(pair, model => model.time).every(Boolean)) && column("Time", model => model.time?.seconds, value => value === undefined ? "–" : seconds({ seconds: value })),
      { title: "Outputs differ by", number: true, value: pair => worst(pair)?.greatest, text: pair => worst(pair)
        ? [`at most ${rounded(worst(pair).greatest)}, on average ${rounded(worst(pair).mean)}`, el("br"), el("span", { class: "soft" }, `of a range of ${rounded(worst(pair).range)}, ${pair.differences.cases} cases`)]
        : pair.problem ?? "no inputs were given" },
      { title: "Same greatest", number: true, value: pair => worst(pair)?.same_greatest, text: pair => worst(pair)?.same_greatest === undefined ? "–" : `${worst(pair).same_greatest} of ${pair.differences.cases}` },
    ].filter(Boolean),
  }));
};

// `openModel` shows the model at a position.
const compareView = (report, openModel) => [
  section("compare", "Comparison",
    report.choice && el("p", {}, report.choice.model !== null && ["The best is ", el("strong", {}, report.models[report.choice.model].name), ": "], report.choice.reason, "."),
    comparison(report, openModel), paretoView(report, openModel),
    report.run?.facts.length > 0 && [el("h3", {}, "The AutoML run"), tiles(report.run.facts.map(fact => [fact.name, fact.value]))]),
  report.pairs.length > 0 && pairsView(report),
];
