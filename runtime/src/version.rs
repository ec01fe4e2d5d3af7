//! Generated modules and this crate are of one version.

/// Whether this is the version of this crate. Generated modules assert it where they are compiled: parameters of
/// kernels may change between any two versions.
#[must_use]
pub const fn is_version(version: &str) -> bool {
    let [theirs, ours] = [version.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes()];
    if theirs.len() != ours.len() {
        return false;
    }
    let mut i = 0;
    // Iterators are not for constants.
    while i < ours.len() {
        if theirs[i] != ours[i] {
            return false;
        }
        i += 1;
    }
    true
}
