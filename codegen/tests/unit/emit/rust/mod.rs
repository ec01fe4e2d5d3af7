mod literals;
mod names;
mod runtime;
