// The page: a head, the comparison of several models, and one model.

// Draws a report at the end of an element; the footer ends with what is given for it.
const drawReport = (report, into, footer) => {
  const models = report.models;
  const several = models.length > 1;
  const title = several ? `${models.length} models` : models[0]?.name ?? "No model";
  document.title = `${printable(title)} – castiron report`;

  const links = el("ul");
  const place = el("div", { id: "model" });

  const showModel = (position, at) => {
    const model = models[position];
    const sections = modelSections(model, at, report.boards?.find(board => board.name === model.board));
    const heads = [
      several && ["compare", "Comparison"], several && report.pairs.length > 0 && ["pairs", "Float and integers"],
      report.problems.length > 0 && ["problems", "Problems"], ...sections,
    ].filter(Boolean);
    links.replaceChildren(...heads.map(([id, name]) => el("li", {}, el("a", { href: `#${id}` }, name))));
    const subgraphs = model.subgraphs.length > 1 && el("label", {}, "Subgraph ", el("select", { id: "subgraph", onchange: event => showModel(position, Number(event.target.value)) },
      model.subgraphs.map((graph, index) => el("option", { value: index, selected: index === at }, `${index} ${graph.name}`))));
    const choice = several && el("label", {}, "Model ", el("select", { id: "choose", onchange: event => showModel(Number(event.target.value), 0) },
      models.map((model, index) => el("option", { value: index, selected: index === position }, model.name))));
    // Who chose with the keyboard goes on choosing.
    const focused = document.activeElement?.id;
    place.replaceChildren(...[
      several && el("h2", { id: "one" }, model.name),
      (subgraphs || choice) && el("div", { class: "controls" }, choice, subgraphs),
      ...sections.map(([id, name, content]) => section(id, name, content())),
    ].filter(Boolean));
    if (["choose", "subgraph"].includes(focused)) document.getElementById(focused)?.focus();
  };

  const openModel = position => {
    showModel(position, 0);
    document.getElementById("one").scrollIntoView();
  };

  const head = el("header", { class: "top" },
    el("h1", {}, title),
    el("p", { class: "soft" }, `castiron ${report.castiron}`, report.boards && ` · on ${report.boards.map(board => board.name).join(", ")}`, report.isa && ` · kernels: ${report.isa}`,
      report.supposed && ` · sizes are those on a ${report.supposed}: no board and no instructions are named`));
  into.append(
    el("a", { class: "skip", href: "#content" }, "Skip to the content"), head,
    el("nav", { class: "sections", "aria-label": "Sections" }, links),
    el("main", { id: "content" },
      several && compareView(report, openModel),
      report.problems.length > 0 && section("problems", "Problems", problemList(report.problems)),
      place),
    el("footer", {}, `Made by castiron ${report.castiron} from the models alone. `, footer));
  if (models.length) showModel(0, 0);
};
