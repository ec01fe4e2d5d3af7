//! The page that has the generator in it: one file, which needs no network and no other file.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use castiron_build::toolchain::{Purpose, Toolchain, errors};
use castiron_templates as templates;
use clap::Args;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// Scripts of the page behind those that draw a report, each of which needs only those before.
const SCRIPTS: [&str; 2] = ["engine.js", "page.js"];

#[derive(Args)]
pub(crate) struct Options {
    /// The folder to write index.html to.
    #[arg(long, value_name = "DIR", default_value = "web/dist")]
    out: PathBuf,
    /// Spend less time on a larger module: for tests.
    #[arg(long)]
    quick: bool,
}

/// Builds the page; what there is to say of it.
///
/// # Errors
/// If there is no compiler for WebAssembly, or the module does not build.
pub(crate) fn build(root: &Path, options: &Options) -> Result<String> {
    let toolchain = Toolchain::detect(Some(TARGET), Purpose::Program)?;
    let compiled = compile(root, &toolchain, options.quick)?;
    let (glue, module) = bind(&compiled)?;
    let level = if options.quick {
        Compression::fast()
    } else {
        Compression::best()
    };
    let packed = gzip(&module, level)?;
    let page = page(root, &glue, &packed)?;
    let out = root.join(&options.out);
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let path = out.join("index.html");
    fs::write(&path, &page).with_context(|| path.display().to_string())?;
    Ok(format!(
        "{}: {} bytes, with a module of {} bytes in {} ({toolchain})",
        path.display(),
        page.len(),
        module.len(),
        packed.len(),
    ))
}

fn compile(root: &Path, toolchain: &Toolchain, quick: bool) -> Result<PathBuf> {
    let folder = root.join("target/web");
    let profile = if quick { "web-quick" } else { "web" };
    let mut command = toolchain.cargo(root);
    command.args([
        "build",
        "--locked",
        "-p",
        "castiron-web",
        "--profile",
        profile,
    ]);
    command.arg("--target-dir").arg(&folder);
    toolchain.options(&mut command);
    let output = command.stdout(Stdio::null()).output();
    let output = output.context("cargo does not start")?;
    ensure!(
        output.status.success(),
        "{}",
        errors(&String::from_utf8_lossy(&output.stderr))
    );
    Ok(folder.join(TARGET).join(profile).join("castiron_web.wasm"))
}

/// What JavaScript calls the module by, and the module for that.
fn bind(compiled: &Path) -> Result<(String, Vec<u8>)> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).typescript(false);
    let mut bound = bindgen.no_modules(true)?.generate_output()?;
    let module = bound.wasm_mut().emit_wasm();
    Ok((bound.js().to_owned(), module))
}

fn gzip(bytes: &[u8], level: Compression) -> Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), level);
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

fn page(root: &Path, glue: &str, module: &[u8]) -> Result<String> {
    let source = |name: &str| {
        let path = root.join("web/page").join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let mut script = templates::REPORT_SCRIPTS.concat();
    for name in SCRIPTS {
        script += &source(name)?;
    }
    let template = source("index.html")?;
    let worker = format!("{glue}\n{}", source("worker.js")?);
    let style = format!("{}{}", templates::REPORT_STYLE, source("style.css")?);
    for text in [&script, &worker] {
        ensure!(!text.contains("</script"), "a script would end early");
    }
    // Browsers run the script that has this sum, and no other.
    let (before, rest) = template.split_once("<script>").context("no script")?;
    let (inner, after) = rest
        .split_once("</script>")
        .context("no end of the script")?;
    let inner = inner.replacen("{{ script }}", &script, 1);
    let hash = format!("sha256-{}", BASE64.encode(Sha256::digest(inner.as_bytes())));
    let before = before.replacen("{{ hash }}", &hash, 1);
    let before = before.replacen("{{ style }}", &style, 1);
    let before = before.replacen("{{ worker }}", &worker, 1);
    let before = before.replacen("{{ wasm }}", &BASE64.encode(module), 1);
    Ok(format!("{before}<script>{inner}</script>{after}"))
}
