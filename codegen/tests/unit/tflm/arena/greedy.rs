use castiron_codegen::tflm::arena::greedy::*;

fn buffer(bytes: usize, first: i64, last: i64) -> Buffer {
    Buffer {
        bytes,
        first,
        last,
        fixed: None,
    }
}

#[test]
fn large_buffers_go_first_and_of_equal_ones_the_last() {
    let buffers = [buffer(16, 0, 1), buffer(32, 1, 2), buffer(16, 1, 1)];
    assert_eq!(order(&buffers), [1, 2, 0]);
    assert_eq!(offsets(&buffers), [48, 0, 32]);
    assert_eq!(height(&buffers, &[48, 0, 32]), 64);
}

#[test]
fn buffers_that_never_meet_share_bytes() {
    let buffers = [buffer(64, 0, 0), buffer(64, 1, 1)];
    assert_eq!(offsets(&buffers), [0, 0]);
}

#[test]
fn what_is_fixed_stays_and_the_rest_fits_around_it() {
    let mut buffers = [buffer(32, 0, 2), buffer(16, 0, 2), buffer(64, 0, 2)];
    buffers[0].fixed = Some(16);
    assert_eq!(offsets(&buffers), [16, 0, 48]);
}
