//! castiron where something is compiled: in a `build.rs`, and behind the commands that build
//! libraries and firmware.
