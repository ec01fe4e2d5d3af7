castiron::include_model!("not_a_model.rs");

fn main() {}
