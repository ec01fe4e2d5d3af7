// Tables that sort by any column, and bars.

// Columns: title, value (what sorts), text (what shows, the value otherwise), number, bar (a class, for a bar below the number), long (text that
// wraps anywhere), heads (whether it names the row).
const table = ({ id, caption, columns, rows, mark }) => {
  const body = el("tbody");
  const head = columns.map(column => el("th", { scope: "col", class: column.number && "number" }));
  const greatest = columns.map(column => column.bar ? most(rows.map(row => column.value(row) ?? 0)) : 0);
  const cell = (column, at, row) => {
    const value = column.value(row);
    const text = column.text ? column.text(row) : value ?? "–";
    const bar = column.bar && value > 0 && el("i", { class: `bar ${column.bar}`, style: `width:${(100 * value / greatest[at]).toFixed(1)}%` });
    const style = column.number ? "number" : column.long && "long";
    return column.heads ? el("th", { scope: "row", class: style }, text, bar) : el("td", { class: style }, text, bar);
  };
  const lines = rows.map(row => ({ row, line: el("tr", { class: mark?.(row) }, columns.map((column, at) => cell(column, at, row))) }));
  const show = () => body.replaceChildren(...lines.map(({ line }) => line));
  const sort = at => {
    // Numbers begin with the greatest, names with the first.
    const before = head[at].getAttribute("aria-sort") ?? (columns[at].number ? "ascending" : "descending");
    const order = before === "ascending" ? "descending" : "ascending";
    head.forEach(other => other.removeAttribute("aria-sort"));
    head[at].setAttribute("aria-sort", order);
    const key = ({ row }) => columns[at].value(row);
    const sign = order === "ascending" ? 1 : -1;
    lines.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      // What is not known is last, whichever way.
      if ((x ?? null) === null || (y ?? null) === null) return ((x ?? null) === null) - ((y ?? null) === null);
      return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
    });
    show();
  };
  // One row is in order.
  const named = (column, at) => rows.length > 1 ? el("button", { type: "button", onclick: () => sort(at) }, column.title) : column.title;
  columns.forEach((column, at) => head[at].append(named(column, at)));
  show();
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { id }, el("caption", {}, caption), el("thead", {}, el("tr", {}, head)), body));
};

// Bars with a name and a value each; a part is [value, class, title].
const bars = lines => {
  const greatest = most(lines.map(line => sum(line.parts.map(([value]) => value))), 1);
  return el("div", { class: "bars" }, lines.map(line => [
    el("span", {}, line.name), el("span", { class: "value" }, line.text),
    el("span", { class: "track", role: "img", "aria-label": `${line.name}: ${line.text}` },
      line.parts.map(([value, style, title]) => el("i", { class: style, title, style: `width:${(100 * value / greatest).toFixed(2)}%` }))),
  ]));
};

const legend = entries => el("ul", { class: "legend" }, entries.filter(Boolean).map(([draw, text]) =>
  el("li", {}, svg("svg", { viewBox: "0 0 24 14", "aria-hidden": "true" }, draw), text)));
