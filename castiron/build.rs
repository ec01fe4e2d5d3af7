//! Finds out which instructions the firmware's processor has: stable Rust tells a crate of floating-point and vector units, but not of these.

fn main() {
    println!(
        "cargo::rustc-check-cfg=cfg(castiron_isa, values(\"portable\", \"dsp\", \"dsp+fp\", \"rv32m\"))"
    );
    println!("cargo::rerun-if-env-changed=TARGET");
    let target = std::env::var("TARGET").unwrap_or_default();
    // Cortex-M4 and M7. Of Armv8-M, some processors have the DSP extension and some have not.
    let isa = match target.starts_with("thumbv7em-") {
        true if target.ends_with("eabihf") => "dsp+fp",
        true => "dsp",
        false
            if ["riscv32im", "riscv32g"]
                .iter()
                .any(|start| target.starts_with(start)) =>
        {
            "rv32m"
        }
        false => "portable",
    };
    println!("cargo::rustc-cfg=castiron_isa=\"{isa}\"");
}
