//! That the page says what compiles.

use std::sync::LazyLock;

use castiron_codegen::program::ElementType;

use super::*;

/// How often a list of types is tried.
const TRIALS: usize = 2;

/// What the page is made of. Tests share it: drawing takes most of their time.
struct Pieces {
    known: Known,
    page: String,
    /// Operators with random models of them, one for each list of types.
    drawn: Vec<(OpKind, BTreeMap<Vec<DType>, random::Sample>)>,
}

static PIECES: LazyLock<Pieces> = LazyLock::new(|| {
    let tested = tested(root()).unwrap();
    let mut drawn: Vec<(OpKind, BTreeMap<_, _>)> = Vec::new();
    let known = known(&tested, |kind, sample| {
        if drawn.last().is_none_or(|(last, _)| last != kind) {
            drawn.push((kind.clone(), BTreeMap::new()));
        }
        if let (Some(types), Some((_, of_kind))) = (sample.types(kind.name()), drawn.last_mut()) {
            of_kind.entry(types).or_insert(sample);
        }
    });
    let known = known.unwrap();
    let page = render(&known, &constants(&tested));
    Pieces { known, page, drawn }
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What is drawn is compared with other interpreters, and what is not may be wrong.
#[test]
fn the_page_has_all_types_that_compile() {
    let mut missing = BTreeSet::new();
    for (kind, samples) in &PIECES.drawn {
        let name = kind.name();
        // The scales of one drawn model may be none of another type.
        let mut tried: BTreeMap<Vec<DType>, usize> = BTreeMap::new();
        let mut is_new = |types: &[DType]| {
            let times = tried.entry(types.to_vec()).or_default();
            *times += 1;
            *times <= TRIALS
        };
        for sample in samples.values() {
            let compiled = sample
                .retyped((data(kind), is_product(kind)), &mut is_new)
                .into_iter()
                .filter_map(|file| tflite::read("retyped.tflite", &file).ok())
                .filter_map(|model| {
                    let graph = model.graphs.first()?;
                    let form = form(graph, graph.operators.first()?)?;
                    let is_known = PIECES.known.get(name)?.contains_key(&form);
                    (!is_known && compiles(&model)).then_some(form)
                });
            missing.extend(compiled.map(|form| format!("{name}: {form}")));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// RANK and SHAPE have one line for all that they read.
#[test]
fn sizes_of_every_type_compile() {
    for name in ["RANK", "SHAPE"] {
        let found = PIECES.drawn.iter().find(|(kind, _)| kind.name() == name);
        for (own, sample) in &found.unwrap().1 {
            let mut read = Vec::new();
            let files = sample.retyped((0, false), |types| {
                let is_meant = types[1] == own[1] && ElementType::of(types[0]).is_some();
                read.extend(is_meant.then_some(types[0]));
                is_meant
            });
            assert!(files.len() > 8, "{name}: {read:?}");
            for (dtype, file) in std::iter::zip(read, files) {
                let model = tflite::read("retyped.tflite", &file);
                let is_right = model.is_ok_and(|model| compiles(&model));
                assert!(is_right, "{name} of {dtype:?}");
            }
        }
    }
}

fn compiles(model: &Model) -> bool {
    compile::compile(model, &CompileOptions::default()).is_ok()
}

#[test]
fn the_page_is_current() {
    let found = std::fs::read_to_string(root().join(PAGE)).unwrap();
    assert!(
        found == PIECES.page,
        "run `cargo xtask operators --update-docs`"
    );
}
