//! `castiron.toml`.

use castiron_codegen::compile::{CompileOptions, Config};
use castiron_codegen::target::Optimize;

#[test]
fn a_file_says_what_options_leave_open() {
    let text = "max_arena = \"32k\"\noptimize = 'size'\n\n[memories]\nsram = \"256k\"\ndtcm = \"64k fast\"\next = \"4M:slow\"\nrest = 64\n";
    let config = Config::parse(text).unwrap();
    let memories = config.memories.iter();
    let memories: Vec<String> = memories
        .map(|ram| format!("{} {} {}", ram.name, ram.bytes, ram.speed))
        .collect();
    // As they stand there: a model takes them in this order.
    let expected = [
        "sram 262144 normal",
        "dtcm 65536 fast",
        "ext 4194304 slow",
        "rest 64 normal",
    ];
    assert_eq!(memories, expected);

    let mut options = CompileOptions::default();
    config.complete(&mut options, None);
    assert_eq!(options.target.optimize, Optimize::Size);
    assert_eq!(options.max_arena, Some(32 * 1024));
    assert_eq!(options.memories, config.memories);
    // Options count.
    options.memories = vec!["own=1k".parse().unwrap()];
    options.max_arena = Some(8);
    config.complete(&mut options, Some(Optimize::Speed));
    assert_eq!(options.target.optimize, Optimize::Speed);
    assert_eq!((options.max_arena, options.memories.len()), (Some(8), 1));

    let mut options = CompileOptions::default();
    Config::parse("").unwrap().complete(&mut options, None);
    assert_eq!(options.target.optimize, Optimize::default());
    assert_eq!((options.max_arena, options.memories.len()), (None, 0));
}

#[test]
fn what_is_wrong_has_its_place() {
    for (text, place, part) in [
        ("max_arena = 8k\n", (1, 13), "castiron.toml is TOML"),
        (
            "# of all\nmax-arena = \"8k\"\n",
            (2, 1),
            "optimize, max_arena and [memories]",
        ),
        ("max_arena = \"8 k\"\n", (1, 13), "no number of bytes"),
        ("optimize = \"small\"\n", (1, 12), "size"),
        ("optimize = true\n", (1, 12), "no text"),
        ("memories = \"64k\"\n", (1, 12), "dtcm = \"64k fast\""),
        (
            "[memories]\na = \"1k\"\nb = \"64k quick\"\n",
            (3, 1),
            "fast, normal or slow",
        ),
        (
            "[memories]\nmodel = \"64k\"\n",
            (2, 1),
            "cannot have this name",
        ),
    ] {
        let problem = Config::parse(text).unwrap_err();
        assert_eq!(problem.place.position, Some(place), "{problem}");
        assert!(problem.to_string().contains(part), "{part}: {problem}");
    }
}
