//! Finds out which instructions the firmware's processor has: stable Rust tells a crate of floating-point and vector units, but not of these.

fn main() {
    println!(
        "cargo::rustc-check-cfg=cfg(castiron_isa, values(\"portable\", \"dsp\", \"dsp+fp\", \"mve\", \"rv32m\", \"armv7m\", \"armv6m\"))"
    );
    println!("cargo::rerun-if-env-changed=TARGET");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    // With an operating system, what is assembly on bare metal is computed in Rust.
    let is_arm = |start: &&str| target.contains("-none-") || !start.starts_with("thumb");
    let is = |starts: &[&str]| {
        (starts.iter().filter(|s| is_arm(s))).any(|start| target.starts_with(start))
    };
    // Of Armv8-M's processors with a main extension, some have the DSP extension and some have not, and some the vector extension: the one that
    // is compiled for tells.
    let isa = match target.ends_with("eabihf") {
        true if is(&["thumbv7em-"]) => "dsp+fp",
        false if is(&["thumbv7em-"]) => "dsp",
        _ if has_mve(&target, &flags) => "mve",
        _ if is(&["thumbv7m-", "thumbv8m.main-"]) => "armv7m",
        _ if is(&["thumbv6m-", "thumbv8m.base-"]) => "armv6m",
        _ if is(&["riscv32im", "riscv32g"]) => "rv32m",
        _ => "portable",
    };
    println!("cargo::rustc-cfg=castiron_isa=\"{isa}\"");
}

/// Whether the flags of the compiler, between separators, name a processor with the vector extension, and do not leave it out.
fn has_mve(target: &str, flags: &str) -> bool {
    let values = |option: &'static str| {
        let flags = flags.split('\x1f');
        flags.filter_map(move |flag| flag.trim_start_matches("-C").strip_prefix(option))
    };
    let mut features = values("target-feature=").flat_map(|features| features.split(','));
    target == "thumbv8m.main-none-eabihf"
        && values("target-cpu=")
            .next_back()
            .is_some_and(|name| ["cortex-m52", "cortex-m55", "cortex-m85"].contains(&name))
        && !features.any(|feature| ["-mve", "-dsp"].contains(&feature))
}
