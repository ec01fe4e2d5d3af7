//! A browser that is driven by the DevTools protocol, over pipes.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Folder;

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// One page of a browser.
pub(super) struct Page {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    asked: u64,
    session: String,
    /// What the browser told without being asked.
    pub(super) events: VecDeque<Value>,
    /// Where its files lie, downloads among them.
    pub(super) folder: Folder,
}

impl Page {
    /// Starts a browser with a page that shows an address.
    pub(super) fn open(browser: &str, address: &str) -> Self {
        let folder = Folder::new();
        // The protocol is spoken on file descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
                "sh",
                browser,
            ])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", folder.path("profile")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let to = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, from) = mpsc::channel();
        thread::spawn(move || {
            let messages = answers.split(0).map_while(Result::ok);
            for message in messages {
                let message = serde_json::from_slice(&message).expect("JSON");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut page = Self {
            child,
            to,
            from,
            asked: 0,
            session: String::new(),
            events: VecDeque::new(),
            folder,
        };
        let target = page.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = page.call("Target.attachToTarget", attach);
        page.session = session["sessionId"].as_str().expect("a name").to_owned();
        let downloads = page.folder.path("downloads");
        page.call(
            "Browser.setDownloadBehavior",
            json!({ "behavior": "allow", "downloadPath": downloads, "eventsEnabled": true }),
        );
        for domain in ["Page", "Runtime", "Network", "Log", "DOM"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        let workers =
            json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        page.call("Target.setAutoAttach", workers);
        page.call("Page.navigate", json!({ "url": address }));
        page
    }

    /// Asks the page for something; the answer.
    pub(super) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.call_in(&self.session.clone(), method, parameters)
    }

    fn call_in(&mut self, session: &str, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": parameters });
        // The browser as a whole has no session.
        if !session.is_empty() && !method.starts_with("Browser.") {
            message["sessionId"] = session.into();
        }
        write!(self.to, "{message}\0").expect("the browser is there");
        loop {
            let answer = self
                .next(LONG)
                .unwrap_or_else(|| panic!("{method}: no answer"));
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push_back(answer);
        }
    }

    fn next(&mut self, most: Duration) -> Option<Value> {
        self.from.recv_timeout(most).ok()
    }

    /// The value of an expression; a promise is waited for.
    pub(super) fn evaluate(&mut self, expression: &str) -> Value {
        self.evaluate_in(&self.session.clone(), expression)
    }

    fn evaluate_in(&mut self, session: &str, expression: &str) -> Value {
        // Browsers take only so many downloads that no user asked for.
        let what = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        let answer = self.call_in(session, "Runtime.evaluate", what);
        let problem = &answer["exceptionDetails"];
        assert!(problem.is_null(), "{expression}: {problem}");
        answer["result"]["value"].clone()
    }

    /// The same in the worker that the page started last.
    pub(super) fn evaluate_in_worker(&mut self, expression: &str) {
        let mut told = self.events.iter().rev();
        let attached = told.find(|event| event["method"] == "Target.attachedToTarget");
        let session = &attached.expect("a worker")["params"]["sessionId"];
        let session = session.as_str().expect("a name").to_owned();
        self.evaluate_in(&session, expression);
    }

    /// Waits until an expression is true.
    pub(super) fn wait(&mut self, expression: &str) {
        let began = Instant::now();
        while self.evaluate(expression) != true {
            let state = "document.body?.innerText";
            assert!(
                began.elapsed() < LONG,
                "never: {expression}\n{}",
                self.evaluate(state)
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for events of a name, until one is as wanted.
    pub(super) fn wait_for(&mut self, method: &str, wanted: impl Fn(&Value) -> bool) {
        let is = |event: &Value| event["method"] == method && wanted(&event["params"]);
        while !self.events.iter().any(is) {
            match self.next(LONG) {
                Some(event) => self.events.push_back(event),
                None => panic!("no {method}\n{}", self.evaluate("document.body?.innerText")),
            }
        }
    }

    /// Gives files to an input, as a user who chooses them.
    pub(super) fn choose(&mut self, selector: &str, files: &[&str]) {
        let root = self.call("DOM.getDocument", json!({}));
        let query = json!({ "nodeId": root["root"]["nodeId"], "selector": selector });
        let node = self.call("DOM.querySelector", query);
        self.call(
            "DOM.setFileInputFiles",
            json!({ "nodeId": node["nodeId"], "files": files }),
        );
    }

    /// Drags files over the page and drops them.
    pub(super) fn drop_files(&mut self, files: &[&str]) {
        let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
        for what in ["dragEnter", "dragOver", "drop"] {
            let event = json!({ "type": what, "x": 200, "y": 200, "data": data });
            self.call("Input.dispatchDragEvent", event);
        }
    }

    /// What went wrong in the page, as its console shows it.
    pub(super) fn faults(&self) -> Vec<&Value> {
        let wrong = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        };
        self.events.iter().filter(wrong).collect()
    }

    /// The addresses that were asked for.
    pub(super) fn requests(&self) -> Vec<&str> {
        let sent = |event: &&Value| event["method"] == "Network.requestWillBeSent";
        let sent = self.events.iter().filter(sent);
        sent.filter_map(|event| event["params"]["request"]["url"].as_str())
            .collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(write!(
            self.to,
            "{}\0",
            json!({ "id": 0, "method": "Browser.close" })
        ));
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > Duration::from_secs(5) {
                drop(self.child.kill());
                drop(self.child.wait());
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
