//! Finds out which instructions the firmware's processor has: stable Rust tells a crate of floating-point and vector units, but not of these.

fn main() {
    println!(
        "cargo::rustc-check-cfg=cfg(castiron_isa, values(\"portable\", \"dsp\", \"dsp+fp\", \"rv32m\", \"armv7m\", \"armv6m\"))"
    );
    println!("cargo::rerun-if-env-changed=TARGET");
    let target = std::env::var("TARGET").unwrap_or_default();
    let is = |starts: &[&str]| starts.iter().any(|start| target.starts_with(start));
    // Of Armv8-M's processors with a main extension, some have the DSP extension and some have not.
    let isa = match target.ends_with("eabihf") {
        true if is(&["thumbv7em-"]) => "dsp+fp",
        false if is(&["thumbv7em-"]) => "dsp",
        _ if is(&["thumbv7m-", "thumbv8m.main-"]) => "armv7m",
        _ if is(&["thumbv6m-", "thumbv8m.base-"]) => "armv6m",
        _ if is(&["riscv32im", "riscv32g"]) => "rv32m",
        _ => "portable",
    };
    println!("cargo::rustc-cfg=castiron_isa=\"{isa}\"");
}
