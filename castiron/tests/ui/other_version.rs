const _: () = ::core::assert!(::castiron::is_version("0.0.0"), "what generated modules say");

fn main() {}
