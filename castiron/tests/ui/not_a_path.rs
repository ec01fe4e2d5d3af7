castiron::include_model!(multi_io_int8);

fn main() {}
