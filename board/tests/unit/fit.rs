use castiron_board::dts::Devicetree;
use castiron_board::facts;
use castiron_board::fit::*;
use castiron_codegen::target::Isa;
use castiron_codegen::tflm::arena::Target;

fn model() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/models/sine_int8.tflite"
    );
    std::fs::read(path).expect("a model")
}

fn answer(board: Board, options: &FitOptions) -> Fit {
    let bytes = model();
    let model = castiron_codegen::tflite::read("sine.tflite", &bytes).expect("a model");
    let candidate = Candidate {
        model: &model,
        name: &model.file,
        file_bytes: bytes.len(),
    };
    fit(&[candidate], board, options).expect("an answer")
}

fn board(flash_bytes: Option<u64>, ram_bytes: u64) -> Board {
    Board {
        name: "test".to_owned(),
        cpu: Some("arm,cortex-m4f".to_owned()),
        riscv_isa: None,
        flash_bytes,
        ram_bytes: Some(ram_bytes),
        clock: None,
        source: "a test".to_owned(),
    }
}

#[test]
fn it_fits_to_the_byte() {
    for engine in [Engine::Compiled, Engine::Tflm] {
        let mut options = FitOptions::default();
        (options.engine, options.app_flash, options.app_ram) = (engine, 1000, 500);
        let roomy = answer(board(Some(1 << 20), 1 << 20), &options);
        let (flash, ram) = (roomy.flash.expect("flash").takes, roomy.ram.takes);
        let of_items: u64 = roomy.items.iter().map(|item| item.flash_bytes).sum();
        assert_eq!(flash, of_items);
        let exact = answer(board(Some(flash), ram), &options);
        assert!(exact.fits && exact.ram.left == 0 && exact.refusal().is_none());
        let tight = answer(board(Some(flash), ram - 1), &options);
        let refusal = tight.refusal().expect("one byte too few");
        assert!(!tight.fits);
        assert_eq!(
            refusal.found.as_deref(),
            Some(&*format!("{} bytes of RAM (1 too many)", ram))
        );
        let tight = answer(board(Some(flash - 1), ram), &options);
        assert_eq!(tight.flash.expect("flash").left, -1);
        // Without flash, RAM has everything.
        assert!(answer(board(None, flash + ram), &options).fits);
        assert!(!answer(board(None, flash + ram - 1), &options).fits);
    }
}

#[test]
fn tflms_kernels_are_those_of_the_processor() {
    for (cpu, target) in [
        ("arm,cortex-m0+", Target::CortexM0),
        ("arm,cortex-m3", Target::CortexM0),
        ("arm,cortex-m4f", Target::CortexM4),
        ("arm,cortex-m33f", Target::CortexM4),
        ("arm,cortex-m35p", Target::CortexM4),
        ("arm,cortex-m35pf", Target::CortexM4),
        ("arm,cortex-m52", Target::CortexM55),
        ("arm,cortex-m85", Target::CortexM55),
        ("riscv", Target::Riscv32),
    ] {
        let board = Board {
            cpu: Some(cpu.to_owned()),
            ..board(None, 0)
        };
        assert_eq!(board.target(), target, "{cpu}");
    }
}

#[test]
fn an_estimate_that_does_not_fit_says_so() {
    let options = FitOptions::default();
    let roomy = answer(board(Some(1 << 20), 1 << 20), &options);
    let code = roomy.code.as_ref().expect("an estimate").bytes;
    assert!(code > 1000 && roomy.items.iter().any(|item| item.what == CODE));
    let takes = roomy.flash.expect("flash").takes;
    for (flash, only_by_estimate) in [
        (takes - 1, true),
        (takes - code, true),
        (takes - code - 1, false),
    ] {
        let tight = answer(board(Some(flash), 1 << 20), &options);
        assert!(!tight.fits);
        assert_eq!(
            tight.only_by_estimate, only_by_estimate,
            "{flash} of {takes}"
        );
        let message = tight.refusal().expect("a refusal").message;
        assert_eq!(
            message.starts_with("by estimate"),
            only_by_estimate,
            "{message}"
        );
    }
    // RAM that lacks is no matter of code, unless it has the code.
    assert!(!answer(board(Some(1 << 20), 8), &options).only_by_estimate);
    let ram = takes + roomy.ram.takes;
    assert!(answer(board(None, ram - 1), &options).only_by_estimate);

    let mut options = options;
    options.no_code = true;
    let without = answer(board(Some(takes - code), 1 << 20), &options);
    assert!(without.fits && without.code.is_none());
    let riscv = Board {
        cpu: Some("riscv".to_owned()),
        ..board(Some(takes - code), 1 << 20)
    };
    assert!(answer(riscv, &FitOptions::default()).code.is_none());
}

#[test]
fn the_list_of_boards_is_in_order() {
    let boards = known_boards().expect("a list");
    assert!(boards.is_sorted_by(|a, b| a.name < b.name));
    assert!(
        boards
            .iter()
            .all(|board| board.ram_kb.is_some() && board.cpu.is_some())
    );
    let known = Board::known("max32690evkit").expect("the board without its system");
    assert_eq!(known.name, "max32690evkit/max32690/m4");
    assert_eq!(known.flash_bytes, Some(3072 * 1024));
    let known = Board::known("nucleo_f401re/stm32f401xe").expect("the board with its system");
    assert_eq!(known.name, "nucleo_f401re");
    assert_eq!(known.clock.map(|clock| clock.hz), Some(84_000_000));
}

#[test]
fn every_clock_has_a_source() {
    let boards = known_boards().expect("a list");
    let mut count = 0;
    for board in &boards {
        assert_eq!(
            board.clock_mhz.is_some(),
            board.clock_from.is_some(),
            "{}",
            board.name
        );
        let (Some(mhz), Some(from)) = (board.clock_mhz, &board.clock_from) else {
            continue;
        };
        // A file, and what in it.
        let (file, what) = from.split_once(": ").expect("a place");
        let is_named = ["Zephyr 4.1, ", "hal_nordic, "]
            .iter()
            .any(|of| file.starts_with(of));
        assert!(
            is_named && file.contains('/') && !what.is_empty(),
            "{}: {from}",
            board.name
        );
        assert!((16..=1000).contains(&mhz), "{}: {mhz}", board.name);
        count += 1;
    }
    assert_eq!(count, 34);
}

#[test]
fn riscv_boards_have_the_kernels_that_were_measured() {
    for board in known_boards().expect("a list") {
        let cpu = board.cpu.as_deref().expect("a processor");
        assert_eq!(cpu.starts_with("arm,"), board.riscv_isa.is_none(), "{cpu}");
    }
    let isa = |name| Board::known(name).expect("a board").isa();
    for name in [
        "esp32c3_devkitm",
        "gd32vf103v_eval",
        "qemu_riscv32",
        "litex_vexriscv",
    ] {
        assert_eq!(isa(name), Isa::Rv32m, "{name}");
    }
    // Of 64 bits.
    assert_eq!(isa("hifive_unmatched/fu740/u74"), Isa::Portable);
    let source = include_str!("../data/dts/vexriscv.dts");
    let tree = Devicetree::parse(source).expect("a devicetree");
    let board = Board::of_devicetree(None, &facts(&tree).expect("facts"), "vexriscv.dts");
    assert_eq!(board.isa(), Isa::Rv32m);
}

#[test]
fn a_devicetree_says_what_the_clock_is() {
    let source = include_str!("../data/dts/esp32.dts");
    let tree = Devicetree::parse(source).expect("a devicetree");
    let board = Board::of_devicetree(None, &facts(&tree).expect("facts"), "esp32.dts");
    assert_eq!(board.clock.map(|clock| clock.hz), Some(240_000_000));
}

#[test]
fn a_run_has_a_time_where_the_clock_is_known() {
    let mut options = FitOptions::default();
    options.compile.target.isa = board(None, 0).isa();
    let unknown = answer(board(Some(1 << 20), 1 << 20), &options);
    let [run] = &unknown.runs[..] else {
        panic!("{:?}", unknown.runs);
    };
    assert!(
        run.cycles > run.instructions && run.milliseconds.is_none(),
        "{run:?}"
    );
    let known = Board {
        clock: "100M".parse().ok(),
        ..board(Some(1 << 20), 1 << 20)
    };
    let milliseconds = answer(known, &options).runs[0].milliseconds;
    let cycles = run.cycles.expect("an estimate") as f64;
    assert!(milliseconds.is_some_and(|found| (found - cycles / 1e5).abs() < 1e-4));
    options.engine = Engine::Tflm;
    assert!(
        answer(board(Some(1 << 20), 1 << 20), &options)
            .runs
            .is_empty()
    );
}

#[test]
fn names_that_are_not_there_get_likely_ones() {
    let error = Board::known("nucleo_f401").expect_err("no such board");
    let diagnostic = &error.diagnostics()[0];
    assert!(
        diagnostic
            .help
            .as_deref()
            .is_some_and(|e| e.contains("did you mean nucleo_f401re"))
    );
    let error = Board::known("hifive_unmatched").expect_err("two targets");
    assert!(error.to_string().contains("several targets"), "{error}");
}

#[test]
fn the_list_says_what_devicetrees_say() {
    let Some(shared) = castiron_test_tools::folder("CASTIRON_SHARED") else {
        return;
    };
    let mut count = 0;
    for board in known_boards().expect("a list") {
        let file = format!("dts/{}.dts", board.name.replace('/', "_"));
        let path = shared.join(file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let facts = facts(&Devicetree::parse(&text).expect("a devicetree")).expect("facts");
        assert_eq!(
            facts.memory.flash.map(|bytes| bytes / 1024),
            board.flash_kb,
            "{}",
            board.name
        );
        assert_eq!(
            facts.memory.sram.map(|bytes| bytes / 1024),
            board.ram_kb,
            "{}",
            board.name
        );
        assert_eq!(facts.cpu, board.cpu, "{}", board.name);
        assert_eq!(facts.riscv_isa, board.riscv_isa, "{}", board.name);
        count += 1;
    }
    println!("{count} boards are as their devicetrees have them");
    assert!(count > 0);
}
