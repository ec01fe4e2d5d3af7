//! The page that `cargo xtask web` builds, in a browser: files in, numbers and files out. CASTIRON_PAGE names the folder that has it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use castiron_test_tools::skipped;
use serde_json::Value;

use super::devtools::Page;
use super::page::browser;
use crate::support::{Ends as _, Folder, castiron, json, repository, sine, vae};

/// The browser, and the page's file.
fn page() -> Option<(&'static str, String)> {
    let Some(folder) = std::env::var_os("CASTIRON_PAGE") else {
        skipped(
            "CASTIRON_PAGE names no folder that `cargo xtask web` wrote",
            false,
        );
        return None;
    };
    let path = Path::new(&repository("")).join(folder).join("index.html");
    let path = fs::canonicalize(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some((browser()?, path.display().to_string()))
}

const READY: &str = "document.getElementById('status')?.textContent.endsWith('is ready.') === true";
const DONE: &str =
    "document.getElementById('status').textContent.includes('nothing left this machine')";

/// Presses the button of a file, and waits until it is there.
fn download(page: &mut Page, name: &str) -> Vec<u8> {
    page.events
        .retain(|event| event["method"] != "Browser.downloadProgress");
    let press = format!(
        "[...document.querySelectorAll('#made button')].find(button => button.textContent === {name:?}).click()"
    );
    page.evaluate(&press);
    page.wait_for("Browser.downloadProgress", |event| {
        event["state"] == "completed"
    });
    let path = page.folder.path(&format!("downloads/{name}"));
    let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    fs::remove_file(&path).expect("it is there");
    // Chromium drops downloads of a page beyond ten a second.
    thread::sleep(Duration::from_millis(110));
    bytes
}

/// Names of the files that can be downloaded.
fn names(page: &mut Page) -> Vec<String> {
    let names = page.evaluate(
        "[...document.querySelectorAll('#made button')].map(button => button.textContent)",
    );
    serde_json::from_value(names).expect("names")
}

/// Copies of models in a folder, which the command is run in: it is given their names alone, as the page is.
fn copies(models: &[&str]) -> (Folder, Vec<String>) {
    let folder = Folder::new();
    let copy = |model: &&str| {
        let name = Path::new(model).file_name().expect("a file");
        let to = folder.path(&name.display().to_string());
        fs::copy(model, &to).expect("copied");
        to
    };
    let paths = models.iter().map(copy).collect();
    (folder, paths)
}

fn report(folder: &Folder, form: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = castiron(&["report", "--format", form, "-o", "-"]);
    command.args(arguments).current_dir(folder.path(""));
    command.success().stdout
}

/// The rows of what the command makes, against what the page makes.
fn assert_same(name: &str, page: &[u8], command: &[u8]) {
    let at = page.iter().zip(command).position(|(a, b)| a != b);
    let at = at.unwrap_or(page.len().min(command.len()));
    let around = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(60)..bytes.len().min(at + 60)];
        String::from_utf8_lossy(part).into_owned()
    };
    assert!(
        page == command,
        "{name} differs at {at}: the page has\n{}\nthe command\n{}",
        around(page),
        around(command)
    );
}

#[test]
fn what_the_page_makes_is_what_the_command_makes() {
    let Some((browser, path)) = page() else {
        return;
    };
    let (folder, paths) = copies(&[&vae()]);
    castiron(&[
        "generate",
        "-q",
        "--out-dir",
        &folder.path("out"),
        &paths[0],
    ])
    .success();
    let mut page = Page::open(browser, &format!("file://{path}"));
    page.wait(READY);
    page.choose("#given", &[&paths[0]]);
    page.wait(DONE);

    let plan = json(&["plan", "--json", &paths[0]]);
    let arena = plan["peak_bytes"].as_u64().expect("bytes");
    let shown = page.evaluate("document.querySelector('.tiles').innerText");
    let shown = shown.as_str().expect("text").replace(',', "");
    assert!(
        shown.contains(&format!("{arena} B arena")),
        "{arena}: {shown}"
    );

    let mut made = names(&mut page);
    for form in ["html", "json", "md", "csv"] {
        let name = format!("report.{form}");
        made.retain(|other| *other != name);
        let downloaded = download(&mut page, &name);
        assert_same(&name, &downloaded, &report(&folder, form, &["vae.tflite"]));
    }
    for name in &made {
        let downloaded = download(&mut page, name);
        let wanted = fs::read(folder.path(&format!("out/{name}"))).expect("the command makes it");
        assert_same(name, &downloaded, &wanted);
    }
    // That of `generate` is what `inspect --json` says.
    made.push("report.json".to_owned());
    made.sort();
    let mut wanted: Vec<_> = (fs::read_dir(folder.path("out")).expect("the folder"))
        .map(|file| file.expect("a file").file_name().display().to_string())
        .collect();
    wanted.sort();
    assert_eq!(made, wanted);

    assert_eq!(page.faults(), Vec::<&Value>::new());
    let requests = page.requests();
    let here = |url: &&&str| {
        !["file:", "blob:", "data:"]
            .iter()
            .any(|own| url.starts_with(own))
    };
    assert_eq!(requests.iter().find(here), None);
    // The page could not if it wanted to.
    let blocked = page.evaluate(
        "new Promise(tell => {
           addEventListener('securitypolicyviolation', event => tell(event.effectiveDirective));
           fetch('http://127.0.0.1:9/').catch(() => {});
         })",
    );
    assert_eq!(blocked, "connect-src");
}

/// A server of one file, and what it was asked for.
fn serve(path: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let content = fs::read(path).expect("the page");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            // Browsers open connections to have them.
            let Some(first) = head.into_iter().next() else {
                continue;
            };
            all.lock().expect("no panic").push(first);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                content.len()
            );
            drop(
                stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(&content)),
            );
        }
    });
    (format!("http://{address}/"), asked)
}

#[test]
fn models_are_dropped_and_compared_on_a_board() {
    let Some((browser, path)) = page() else {
        return;
    };
    let (folder, mut paths) = copies(&[&sine(), &vae()]);
    paths.push(folder.write("broken.tflite", &fs::read(vae()).expect("a model")[..5000]));
    let (address, asked) = serve(&path);
    let mut page = Page::open(browser, &address);
    page.wait(READY);
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    page.drop_files(&paths);
    page.wait(DONE);
    // What is wrong with a file reads as the command prints it.
    let failed = castiron(&["report", "broken.tflite", "-o", "broken.html"])
        .current_dir(folder.path(""))
        .fails(1);
    let wrong = page.evaluate("document.querySelector('#wrong pre').innerText");
    let wanted = String::from_utf8(failed.stderr).expect("text");
    assert_eq!(wrong.as_str().expect("text"), wanted.trim_end());

    page.evaluate(
        "const wish = document.getElementById('wish').elements;
         wish.board.value = 'nucleo_f401re';
         wish.optimize.value = 'size';
         wish.max_arena.value = '400';
         document.getElementById('status').textContent = '';
         wish.board.dispatchEvent(new Event('change', { bubbles: true }));",
    );
    page.wait(DONE);
    let downloaded = download(&mut page, "report.json");
    let mut command = castiron(&[
        "report",
        "--format",
        "json",
        "-q",
        "-o",
        "-",
        "--board",
        "nucleo_f401re",
    ]);
    command.args(["--optimize", "size", "--max-arena", "400"]);
    command.args(["sine_int8.tflite", "vae.tflite", "broken.tflite"]);
    let wanted = command.current_dir(folder.path("")).fails(1).stdout;
    assert_same("report.json", &downloaded, &wanted);
    let said: Value = serde_json::from_slice(&wanted).expect("JSON");
    assert_eq!(said["models"].as_array().map(Vec::len), Some(2));
    let rows = page.evaluate("document.querySelectorAll('#models tbody tr').length");
    assert_eq!(rows, 2);

    // A value that is none is said, and the page goes on with another.
    page.evaluate(
        "wish.max_arena.value = 'much';
         wish.max_arena.dispatchEvent(new Event('change', { bubbles: true }));",
    );
    page.wait(
        "document.getElementById('wrong').textContent.includes('this is not a number of bytes')",
    );
    page.evaluate(
        "wish.max_arena.value = '';
         wish.max_arena.dispatchEvent(new Event('change', { bubbles: true }));",
    );
    page.wait(DONE);

    assert_eq!(page.faults(), Vec::<&Value>::new());
    drop(page);
    let asked = asked.lock().expect("no panic");
    assert_eq!(*asked, ["GET / HTTP/1.1"]);
}

#[test]
fn a_bug_is_said_and_the_page_survives() {
    let Some((browser, path)) = page() else {
        return;
    };
    let mut page = Page::open(browser, &format!("file://{path}"));
    page.wait(READY);
    page.evaluate_in_worker(
        "wasm_bindgen.Session.prototype.add = () => { castironFault('panicked at a place'); throw new WebAssembly.RuntimeError('unreachable'); }",
    );
    let (_folder, paths) = copies(&[&vae(), &sine()]);
    page.choose("#given", &[&paths[0]]);
    page.wait("document.getElementById('wrong').textContent.includes('this is a bug')");
    let said = page.evaluate("document.querySelector('#wrong pre').innerText");
    assert_eq!(
        said,
        "this is a bug in castiron, not in your model: vae.tflite: panicked at a place"
    );
    page.choose("#given", &[&paths[1]]);
    page.wait(DONE);
    let title = page.evaluate("document.title");
    assert_eq!(title, "sine_int8.tflite – castiron report");
    assert_eq!(page.faults(), Vec::<&Value>::new());
}
