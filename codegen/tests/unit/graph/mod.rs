mod flex;
mod half;
mod inference;
mod model;
mod scales;
mod shapes;
