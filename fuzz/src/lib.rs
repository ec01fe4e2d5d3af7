//! What fuzzers share. What they do with files, and what files they start from, are
//! `castiron_tests::targets`, which tests call, too.

use std::sync::OnceLock;

use castiron_tests::damage;
use castiron_tests::targets::Target;

/// Of so many changes, one begins again with a damaged file of the repository, so that a fuzzer needs no
/// collection of files to start with.
const NEW: u32 = 16;

/// Changes the first `size` bytes of `data`, which has room for `max_size`; gives the new size.
pub fn mutate(
    target: &Target,
    data: &mut [u8],
    size: usize,
    max_size: usize,
    number: u32,
) -> usize {
    static SEEDS: OnceLock<Vec<Vec<Vec<u8>>>> = OnceLock::new();
    // The first input of a fuzzer is empty, or a line feed.
    if size < 2 || number.is_multiple_of(NEW) {
        let seeds = SEEDS.get_or_init(target.seeds);
        let file = damage::damaged(target, seeds, u64::from(number));
        if let Some(start) = data.get_mut(..file.len().min(max_size)) {
            start.copy_from_slice(&file[..start.len()]);
            return start.len();
        }
    }
    libfuzzer_sys::fuzzer_mutate(data, size, max_size)
}

/// The fuzzer of a target.
#[macro_export]
macro_rules! fuzzer {
    ($target:expr) => {
        ::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            ($target.take)(bytes);
        });
        ::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8],
                                        size: usize,
                                        max_size: usize,
                                        number: u32| {
            $crate::mutate(&$target, data, size, max_size, number)
        });
    };
}
