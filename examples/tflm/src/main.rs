//! One model by both engines: castiron's kernels and TensorFlow Lite Micro's. Their modules have the
//! same names and types, so a program that uses one needs only another line to use the other.

castiron::include_model!(mod compiled = "../../models/kws_dscnn_int8.tflite");
castiron::include_model!(mod tflm = "../../models/kws_dscnn_int8.tflite", engine = "tflm");

const CASES: usize = 8;

fn main() {
    let mut ours = Box::new(compiled::Model::new());
    let mut theirs = Box::new(tflm::Model::new());
    theirs.init().expect("TFLM's kernels take the model");

    let mut state = 1_u32;
    let mut differing = 0;
    for case in 0..CASES {
        let input: compiled::Input = core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as i8
        });
        if case == CASES / 2 {
            // An instance may move: it notes the new addresses before it runs.
            let moved = core::mem::take(&mut *theirs);
            theirs = Box::new(moved);
        }
        let expected = ours.predict(&input);
        let found = theirs.predict(&input);
        differing += expected.iter().zip(found).filter(|(e, f)| e != f).count();
        assert_eq!(theirs.status(), Ok(()));
    }
    assert_eq!(compiled::INPUT, tflm::INPUT);
    assert_eq!(compiled::OUTPUT, tflm::OUTPUT);
    println!(
        "{differing} of {} values differ; arena {} bytes, TFLM {}",
        CASES * tflm::OUTPUT.shape.iter().product::<usize>(),
        compiled::ARENA_BYTES,
        tflm::ARENA_BYTES,
    );
    std::process::exit(i32::from(differing > 0));
}
