//! Tests of the runtime, by the module that they are of. One program, so that the library is compiled once.

mod arch;
mod crc;
mod fixed;
mod functions;
mod kenning;
mod kernels;
mod remainder;
mod testing;
mod version;
