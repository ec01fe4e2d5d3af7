//! Arguments that come through a macro by example, which puts groups that nobody wrote around them.
#![deny(unused)]

macro_rules! model {
    ($visibility:vis $name:ident = $folder:literal / $file:literal) => {
        castiron::include_model!($visibility mod $name = ::core::concat!($folder, '/', $file, ".", std::concat!("tf", "lite")));
    };
    ($visibility:vis $name:ident = $path:expr) => {
        castiron::include_model!($visibility mod $name = $path);
    };
}
model!(public = "../../../../tests/data/models/multi_io_int8.tflite");
model!(pub(crate) within = concat!(env!("CARGO_MANIFEST_DIR", "cargo sets it"), "/../tests/data/models/multi_io_int8.tflite",));
model!(pub joined = "../../../../tests/data/models" / "multi_io_int8");

fn main() {
    let _ = (public::Model::new(), within::Model::new(), joined::Model::new());
}
