mod config;
mod variables;
