use castiron_codegen::target::*;

#[test]
fn names_are_values() {
    for value in Optimize::ALL {
        assert_eq!(value.name().parse::<Optimize>().ok(), Some(value));
    }
}

#[test]
fn an_unknown_name_is_told_the_values() {
    let error = "fast"
        .parse::<Optimize>()
        .expect_err("no value")
        .to_string();
    for value in Optimize::ALL {
        assert!(error.contains(value.name()), "{error}");
    }
}

#[test]
fn instructions_follow_from_the_processor() {
    let of = |triple, cpu| Isa::of_target(Some(triple), cpu);
    assert_eq!(of("thumbv7em-none-eabi", None), Isa::Dsp);
    assert_eq!(of("thumbv7em-none-eabihf", None), Isa::DspFp);
    assert_eq!(of("thumbv8m.main-none-eabihf", None), Isa::Armv7m);
    assert_eq!(of("thumbv8m.base-none-eabi", None), Isa::Armv6m);
    assert_eq!(of("thumbv6m-none-eabi", None), Isa::Armv6m);
    assert_eq!(Isa::of_target(None, Some("cortex-m0plus")), Isa::Armv6m);
    assert_eq!(
        of("thumbv8m.main-none-eabihf", Some("cortex-m33")),
        Isa::DspFp
    );
    assert_eq!(of("thumbv8m.main-none-eabi", Some("cortex-m33")), Isa::Dsp);
    assert_eq!(of("thumbv7m-none-eabi", Some("cortex-m3")), Isa::Armv7m);
    for cpu in ["cortex-m52", "cortex-m55", "cortex-m85"] {
        assert_eq!(of("thumbv8m.main-none-eabihf", Some(cpu)), Isa::Mve);
        assert_eq!(of("thumbv8m.main-none-eabi", Some(cpu)), Isa::Dsp);
    }
    let v8m = "thumbv8m.main-none-eabihf";
    assert_eq!(of(v8m, Some("cortex-m55+nomve")), Isa::DspFp);
    assert_eq!(of(v8m, Some("cortex-m85+nodsp")), Isa::Armv7m);
    assert_eq!(of(v8m, Some("cortex-m33+nodsp")), Isa::Armv7m);
    assert_eq!(of("riscv32imc-unknown-none-elf", None), Isa::Rv32m);
    assert_eq!(of("riscv32i-unknown-none-elf", None), Isa::Portable);
    assert_eq!(of("riscv32emc-unknown-none-elf", None), Isa::Portable);
    assert_eq!(of("riscv64imac-unknown-none-elf", None), Isa::Portable);
    assert_eq!(of("x86_64-unknown-linux-gnu", None), Isa::Portable);
    assert_eq!(Isa::of_target(None, None), Isa::Portable);
}

#[test]
fn instructions_follow_from_what_cargo_tells() {
    let of = |triple, flags| Isa::of_build(Some(triple), Some(flags));
    let v8m = "thumbv8m.main-none-eabihf";
    assert_eq!(of(v8m, "-Ctarget-cpu=cortex-m55"), Isa::Mve);
    assert_eq!(of(v8m, "-C\x1ftarget-cpu=cortex-m33"), Isa::DspFp);
    let both = "-Ctarget-cpu=cortex-m55\x1f-Clink-arg=-Tlink.x\x1f-Ctarget-cpu=cortex-m33";
    assert_eq!(of(v8m, both), Isa::DspFp);
    assert_eq!(of(v8m, "-Clink-arg=-Tlink.x"), Isa::Armv7m);
    let without = "-Ctarget-cpu=cortex-m55\x1f-C\x1ftarget-feature=+fp16,-mve";
    assert_eq!(of(v8m, without), Isa::DspFp);
    let riscv = "riscv32imc-unknown-none-elf";
    assert_eq!(of(riscv, "-Ctarget-cpu=generic-rv32"), Isa::Rv32m);
    let m7 = "thumbv7em-none-eabihf";
    assert_eq!(of(m7, "-Ctarget-cpu=cortex-m7"), Isa::DspFp);
    assert_eq!(Isa::of_build(Some(m7), None), Isa::DspFp);
}

#[test]
fn instructions_follow_from_a_devicetrees_processor() {
    for (compatible, isa) in [
        ("arm,cortex-m4f", Isa::DspFp),
        ("arm,cortex-m4", Isa::Dsp),
        ("arm,cortex-m33f", Isa::DspFp),
        ("arm,cortex-m55", Isa::Mve),
        ("arm,cortex-m3", Isa::Armv7m),
        ("arm,cortex-m0+", Isa::Armv6m),
        ("arm,cortex-a53", Isa::Portable),
        ("sifive,e31", Isa::Portable),
        ("", Isa::Portable),
    ] {
        assert_eq!(Isa::of_compatible(compatible), isa, "{compatible}");
    }
    for (set, isa) in [
        ("rv32imc_zicsr", Isa::Rv32m),
        ("rv32imac_zicsr_zifencei", Isa::Rv32m),
        ("rv32gc", Isa::Rv32m),
        ("rv32ic", Isa::Portable),
        ("rv32emc", Isa::Portable),
        ("rv64gc", Isa::Portable),
        ("", Isa::Portable),
    ] {
        assert_eq!(Isa::of_riscv(set), isa, "{set}");
    }
}
