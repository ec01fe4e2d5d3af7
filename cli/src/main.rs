//! The `castiron` command.
fn main() {}
