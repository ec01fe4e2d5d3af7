mod config;
mod room;
mod variables;
