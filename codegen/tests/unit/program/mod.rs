mod custom;
mod program;
