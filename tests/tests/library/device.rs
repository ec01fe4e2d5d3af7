//! Libraries for microcontrollers, linked by the Arm compiler without Rust and run in QEMU.

use std::path::{Path, PathBuf};
use std::process::Command;

use castiron_build::Buffers;
use castiron_build::library::{Cases, Library};
use castiron_build::toolchain::{Purpose, Toolchain};
use castiron_codegen::compile::Input;
use castiron_codegen::emit::c_api::Board;
use object::{Object as _, ObjectSection as _, SectionFlags, SectionKind, elf};

use castiron_test_tools::{run, skipped, starts};

use super::{EXCHANGE, EXCHANGED, build, exchange, options, path, store};

const M4: &str = "thumbv7em-none-eabihf";
const OWN: [&str; 10] = [
    "examples/models/sine_int8",
    "examples/models/vae",
    "examples/models/kws_dscnn_int8",
    "tests/data/models/multi_io_int8",
    "tests/data/models/two_signatures_f32",
    "tests/data/models/vae_int8_floatio",
    // What lasts from run to run, and operators that run subgraphs.
    "tests/data/calls/stateful_counter_f32",
    "tests/data/calls/if_i8_0",
    "tests/data/calls/while_loop_f32",
    "tests/data/calls/nested_f32",
];
/// Of the reference models.
const FURTHER: [&str; 5] = [
    "hello_world_int8",
    "magic_wand",
    "mlperf_ad",
    "mlperf_kws",
    "person_detect",
];

/// Why nothing can be run here. With CASTIRON_REQUIRE_FIRMWARE that is a failure.
pub(super) fn missing(target: &str) -> bool {
    let tools = ["arm-none-eabi-gcc", "qemu-system-arm", "make"];
    let tool = tools.iter().find(|tool| !starts(tool));
    let reason = match (tool, Toolchain::detect(Some(target), Purpose::Library)) {
        (Some(tool), _) => format!("no {tool}"),
        (None, Err(error)) => error.to_string(),
        (None, Ok(_)) => return false,
    };
    let required = std::env::var_os("CASTIRON_REQUIRE_FIRMWARE").is_some();
    skipped(&reason, required);
    true
}

/// `castiron lib` and `make run`, with the self-test's cases from the goldens.
fn passes(model: &Path, golden: PathBuf, target: &str, input: Input, max_arena: Option<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let made = build(
        &model.display().to_string(),
        options(|o| {
            o.target = Some(target.to_owned());
            o.cases = Cases::Recorded(golden);
            o.input = input;
            o.max_arena = max_arena;
        }),
    );
    store(&made, folder.path());
    let said = run(Command::new("make").arg("run").current_dir(folder.path()));
    assert!(said.contains("self-test passed"), "{said}");
    let instructions = said
        .lines()
        .find_map(|l| l.strip_prefix("instructions per run: "));
    let [without, with] = ["", "-DMODEL"].map(|define| link(&made, folder.path(), define));
    println!(
        "{}: {} cases pass; {} bytes of code, {} of weights, {} of RAM, {} instructions",
        made.interface.prefix,
        made.cases.baked,
        with.flash - without.flash - made.interface.weight_bytes as u64,
        made.interface.weight_bytes,
        with.ram - without.ram,
        instructions.unwrap_or("no count of"),
    );
}

/// Bytes of a linked image.
struct Image {
    flash: u64,
    ram: u64,
}

/// Links a program that does nothing but run the model once, or not even that: the difference is
/// what the library brings, with what it needs of the C library and the compiler's own.
fn link(made: &Library, folder: &Path, define: &str) -> Image {
    let prefix = &made.interface.prefix;
    let run_model = match made.interface.rows {
        Some(rows) => format!(
            "static const char row[{}];\n    while ({prefix}_push_rows((const void *)row, 1) == 3) {{ }}",
            rows.elements * 4
        ),
        None => format!("*(volatile char *){prefix}_input(0) = 1;\n    {prefix}_run();"),
    };
    let program = format!(
        "#include \"{prefix}.h\"
const void *volatile output;
int main(void)
{{
#ifdef MODEL
    {prefix}_init();
    {run_model}
    output = {prefix}_output(0);
#endif
    return output == (const void *)0;
}}
"
    );
    std::fs::write(folder.join("least.c"), program).unwrap();
    let board = Board::of(&made.target).unwrap();
    run(Command::new("arm-none-eabi-gcc")
        .current_dir(folder)
        .args(board.flags)
        .args(["-O2", "-ffunction-sections", "-fdata-sections"])
        .args((!define.is_empty()).then_some(define))
        .args(["least.c", "startup.c"])
        .arg(made.interface.archive_name())
        .args(["-T", "example.ld", "-nostartfiles", "-Wl,--gc-sections"])
        .args([
            "--specs=nano.specs",
            "--specs=rdimon.specs",
            "-o",
            "least.elf",
        ]));
    let bytes = std::fs::read(folder.join("least.elf")).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mut image = Image { flash: 0, ram: 0 };
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
            continue;
        };
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue;
        }
        if section.kind() != SectionKind::UninitializedData {
            image.flash += section.size();
        }
        if sh_flags & u64::from(elf::SHF_WRITE) != 0 {
            image.ram += section.size();
        }
    }
    image
}

fn golden_of(model: &Path) -> PathBuf {
    let name = model.file_stem().unwrap().to_str().unwrap();
    castiron_cases::find(&model.with_file_name("golden"), name).expect("goldens")
}

/// A linker script with a rule for one memory: the map says that it is there, and outputs are those that were recorded.
#[test]
fn memories_lie_where_the_linker_script_says() {
    if missing(M4) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = build(
        "examples/models/kws_dscnn_int8.tflite",
        options(|o| {
            o.target = Some(M4.to_owned());
            o.name = Some("kws".to_owned());
            o.cases = Cases::Recorded(golden_of(&path("examples/models/kws_dscnn_int8.tflite")));
            let memories = [
                "sram=4k:fast",
                "psram=64k:slow",
                "qspi=1M:slow:rom",
                "flash=16k:rom",
            ];
            o.memories = memories.map(|memory| memory.parse().unwrap()).into();
        }),
    );
    store(&made, folder.path());
    let script = folder.path().join("example.ld");
    let text = std::fs::read_to_string(&script).unwrap();
    let rule = "    psram (NOLOAD) : { *(.bss.castiron.psram) } > PSRAM\n\n    .bss (NOLOAD) :";
    let text = text
        .replacen(
            "MEMORY\n{\n",
            "MEMORY\n{\n    PSRAM (rw) : ORIGIN = 0x21000000, LENGTH = 8M\n    QSPI (r) : ORIGIN = 0x21800000, LENGTH = 8M\n",
            1,
        )
        .replacen("    .text :", "    qspi : { *(.rodata.castiron.qspi) } > QSPI\n\n    .text :", 1)
        .replacen("    .bss (NOLOAD) :", rule, 1);
    assert!(
        text.contains("ORIGIN = 0x21000000") && text.contains(rule),
        "{text}"
    );
    std::fs::write(&script, text).unwrap();
    let said = run(Command::new("make")
        .arg("run")
        .env("LDFLAGS", "-Wl,-Map=example.map")
        .current_dir(folder.path()));
    assert!(said.contains("self-test passed"), "{said}");
    let map = std::fs::read_to_string(folder.path().join("example.map")).unwrap();
    let words: Vec<&str> = map.split_whitespace().collect();
    let place = |name: &str| {
        let numbers = words.windows(3).find_map(|w| match w {
            [section, address, size] if *section == name => Some([*address, *size].map(|number| {
                let digits = number.trim_start_matches("0x");
                u64::from_str_radix(digits, 16).unwrap()
            })),
            _ => None,
        });
        numbers.unwrap_or_else(|| panic!("no {name}: {map}"))
    };
    let [sram, psram] = [0x2000_0000..0x2040_0000, 0x2100_0000..0x2180_0000];
    for (memory, region) in made.interface.memories.iter().zip([sram, psram]) {
        let name = format!(".bss.castiron.{}", memory.name);
        let [address, size] = place(&name);
        assert!(region.contains(&address), "{name} is at {address:#x}");
        assert_eq!(size, memory.bytes as u64);
        assert!(size > 0);
    }
    // What no rule takes elsewhere lies with all other constants.
    let [address, qspi] = place(".rodata.castiron.qspi");
    assert!((0x2180_0000..0x2200_0000).contains(&address) && qspi > 1024);
    let [address, flash] = place(".rodata.castiron.flash");
    assert!((0..0x40_0000).contains(&address) && (1024..=16384).contains(&flash));
    assert!((qspi + flash).abs_diff(made.interface.weight_bytes as u64) <= 16);
}

/// As on this machine: buffers that change places, and those that are refused.
#[test]
fn buffers_change_places_on_an_emulated_cortex_m4() {
    if missing(M4) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    store(&exchange(Some(M4), Buffers::Caller), folder.path());
    std::fs::write(folder.path().join("main.c"), EXCHANGE).unwrap();
    let said = run(Command::new("make").arg("run").current_dir(folder.path()));
    assert!(said.ends_with(EXCHANGED), "{said}");
}

#[test]
fn models_pass_on_an_emulated_cortex_m4() {
    if missing(M4) {
        return;
    }
    let mut models: Vec<PathBuf> = OWN.iter().map(|m| path(&format!("{m}.tflite"))).collect();
    if let Some(further) = castiron_tests::reference_folder() {
        let further = further.join("models");
        models.extend(FURTHER.map(|m| further.join(m).with_extension("tflite")));
    }
    for model in models {
        passes(&model, golden_of(&model), M4, Input::Whole, None);
    }
    // Its frames one by one.
    let model = path("examples/models/kws_dscnn_int8.tflite");
    passes(&model, golden_of(&model), M4, Input::Rows, None);
    // The same in so little memory that it computes some patch by patch.
    for (input, bytes) in [(Input::Whole, 5500), (Input::Rows, 5100)] {
        passes(&model, golden_of(&model), M4, input, Some(bytes));
    }
}
