//! The page of `castiron report` in a browser: what it shows, sorts and finds.

use std::fs;
use std::process::Command;

use castiron_test_tools::{skipped, starts};
use serde_json::Value;

use crate::support::{Ends as _, Folder, castiron, json, repository, sine, vae};

/// A browser that draws without a screen. Where there is none, that is a failure if CASTIRON_REQUIRE_CHROMIUM says so.
pub(super) fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| starts(name));
    if found.is_none() {
        let required = std::env::var_os("CASTIRON_REQUIRE_CHROMIUM").is_some();
        skipped("no chromium on this machine", required);
    }
    found
}

/// Notes errors of the page's own script.
const BEFORE: &str = "<head><script>\"use strict\"; const errors = [];
addEventListener(\"error\", event => errors.push(event.message));</script>";

/// What a reader would do, and what is there then; the result is the text of an element.
const STEPS: &str = r##"<script>
const ready = performance.now();
const texts = (selector, within = document) => [...within.querySelectorAll(selector)].map(found => found.textContent);
const column = (table, title) => texts("thead button", table).indexOf(title);
const press = (table, title) => {
  table.querySelectorAll("thead button")[column(table, title)].click();
  const at = column(table, title);
  return { order: table.tHead.rows[0].cells[at].getAttribute("aria-sort"), cells: [...table.tBodies[0].rows].map(row => row.cells[at].textContent) };
};
const operators = document.getElementById("operators");
const said = { errors, ready, title: document.title, links: texts("nav a"), tiles: texts(".tiles dd"), figures: texts("figcaption") };
said.first = press(operators, "MACs");
said.second = press(operators, "MACs");
const find = document.querySelector("input.find");
find.value = "softmax";
find.dispatchEvent(new Event("input"));
said.found = texts(".node.found text").length;
said.status = texts("[role=status]")[0];
said.detail = texts(".detail h3")[0];
find.value = "";
find.dispatchEvent(new Event("input"));
const nodes = [...document.querySelectorAll(".node")];
nodes[1].focus();
nodes[1].dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
said.next = document.activeElement.getAttribute("aria-label");
const picture = document.querySelector("svg.picture");
const before = picture.getAttribute("viewBox");
document.querySelector("[title='+ zoom in']").click();
said.zoomed = before !== picture.getAttribute("viewBox");
const models = document.getElementById("models");
if (models) {
  said.models = press(models, "RAM, B").cells;
  const choose = document.getElementById("choose");
  choose.focus();
  choose.value = "1";
  choose.dispatchEvent(new Event("change"));
  said.chosen = texts("#one")[0];
  said.focused = document.activeElement.id;
  said.points = texts(".point title");
}
said.images = document.images.length;
const boxes = [...document.querySelectorAll("figure.chart text")].map(text => [text.textContent, text.getBoundingClientRect()]);
said.heights = boxes.map(([, box]) => Math.max(box.width, box.height) < 1 ? 0 : Math.min(box.width, box.height));
said.overlaps = boxes.flatMap(([name, a], at) => boxes.slice(at + 1).filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
  .map(([other]) => `${name} and ${other}`));
said.wide = document.documentElement.scrollWidth;
const result = document.createElement("pre");
result.id = "result";
result.textContent = JSON.stringify(said);
document.body.append(result);
</script></body>"##;

/// What the browser says of the page of models, in a window so wide.
fn opened(browser: &str, models: &[String], width: u32) -> Value {
    let folder = Folder::new();
    let to = folder.path("page.html");
    let arguments = ["report", "-q", "-o", &to].into_iter();
    let all: Vec<&str> = arguments.chain(models.iter().map(String::as_str)).collect();
    castiron(&all).success();
    let page = folder.read("page.html");
    let page = page.replacen("<head>", BEFORE, 1);
    let (start, end) = page.rsplit_once("</body>").expect("an end");
    fs::write(&to, format!("{start}{STEPS}{end}")).expect("written");
    let profile = format!("--user-data-dir={}", folder.path("profile"));
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            &format!("--window-size={width},900"),
            &profile,
            "--dump-dom",
        ])
        .arg(format!("file://{to}"))
        .output()
        .expect("it starts");
    let dom = String::from_utf8_lossy(&output.stdout);
    let result = dom
        .split_once("<pre id=\"result\">")
        .and_then(|(_, rest)| rest.split_once("</pre>"));
    let (result, _) =
        result.unwrap_or_else(|| panic!("no result: {}", String::from_utf8_lossy(&output.stderr)));
    let text = result
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&text).expect("JSON")
}

fn strings(value: &Value) -> Vec<&str> {
    let values = value.as_array().expect("a list").iter();
    values.map(|value| value.as_str().expect("text")).collect()
}

fn numbers(cells: &Value) -> Vec<u64> {
    let cells = strings(cells).into_iter();
    cells
        .map(|cell| {
            cell.replace(',', "")
                .parse()
                .unwrap_or_else(|_| panic!("{cell}"))
        })
        .collect()
}

#[test]
fn a_model_is_drawn_sorted_and_searched() {
    let Some(browser) = browser() else { return };
    let model = repository("tests/data/models/resnet8_int8.tflite");
    let said = opened(browser, std::slice::from_ref(&model), 1200);
    assert_eq!(said["errors"], Value::Array(Vec::new()));
    assert!(said["ready"].as_f64() < Some(1000.0), "{}", said["ready"]);
    assert_eq!(said["title"], "resnet8_int8.tflite – castiron report");
    let inspected = json(&["inspect", "--json", "--isa", "dsp+fp", &model]);
    let arena = inspected["compiled"]["arena_bytes"]
        .as_u64()
        .expect("bytes");
    let tiles = strings(&said["tiles"]).join("|");
    assert!(
        tiles.contains(&format!("{:.1} KB", arena as f64 / 1024.0)),
        "{tiles}"
    );
    assert!(tiles.contains("12,501,632"), "{tiles}");
    let links = strings(&said["links"]).join(" ");
    assert_eq!(
        links,
        "Overview Advice Graph Memory Operators Flash Passes TFLM"
    );
    assert_eq!(strings(&said["figures"]).len(), 2);

    assert_eq!(said["first"]["order"], "descending");
    let falling = numbers(&said["first"]["cells"]);
    assert!(
        falling.is_sorted_by(|a, b| a >= b) && falling[0] > 1_000_000,
        "{falling:?}"
    );
    assert_eq!(said["second"]["order"], "ascending");
    assert!(numbers(&said["second"]["cells"]).is_sorted());

    assert_eq!(said["status"], "1 of 1");
    assert_eq!(said["detail"], "14 SOFTMAX");
    let next = said["next"].as_str().expect("a name");
    assert!(next.starts_with("1 "), "{next}");
    assert_eq!(said["zoomed"], true);
    assert_eq!(said["images"], 0);
}

#[test]
fn models_are_compared_and_one_is_chosen() {
    let Some(browser) = browser() else { return };
    // The narrowest that Chromium has.
    let said = opened(browser, &[vae(), sine()], 500);
    assert_eq!(said["errors"], Value::Array(Vec::new()));
    assert!(said["wide"].as_u64() <= Some(500), "{}", said["wide"]);
    let heights = said["heights"].as_array().expect("a list");
    assert!(heights.len() > 20, "{heights:?}");
    for height in heights {
        assert!(height.as_f64() > Some(8.0), "{said:#}");
    }
    assert_eq!(said["overlaps"], Value::Array(Vec::new()));
    assert_eq!(said["title"], "2 models – castiron report");
    let ram = numbers(&said["models"]);
    assert!(ram.len() == 2 && ram[0] > ram[1], "{ram:?}");
    assert_eq!(said["chosen"], "vae.tflite");
    assert_eq!(said["focused"], "choose");
    let points = strings(&said["points"]);
    assert_eq!(points.len(), 2);
    assert!(points[0].contains(".tflite\nflash"), "{points:?}");
}

#[test]
fn a_hostile_name_is_text() {
    let Some(browser) = browser() else { return };
    let folder = Folder::new();
    let said = opened(browser, &[super::report::hostile(&folder)], 800);
    assert_eq!(said["errors"], Value::Array(Vec::new()));
    assert_eq!(said["images"], 0);
    assert_eq!(said["title"], "<img src=y>&amp;.tflite – castiron report");
}
