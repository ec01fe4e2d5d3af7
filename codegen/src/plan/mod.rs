//! Operator order, lifetimes and arena offsets: [`Graph`](crate::graph::Graph) to [`Plan`].

pub mod alloc;
