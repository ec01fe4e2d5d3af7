//! A model behind [Kenning](https://github.com/antmicro/kenning)'s inference protocol: evaluation on the device, over a UART.
//!
//! Firmware owns a model and a [`Server`], and calls [`Server::poll`] for ever. A module that was generated with `server = "kenning"` implements
//! [`Served`]; the firmware says how bytes come and go, and what time it is ([`Port`]).
//!
//! ```ignore
//! castiron::include_model!("vae.tflite", server = "kenning");
//!
//! loop {
//!     SERVER.poll(MODEL, &mut uart);
//! }
//! ```
//!
//! Both forms of messages in use are understood, that of Kenning 0.8.1 and 0.8.2 and that of its main branch since April 2026; each answer has the
//! form of its request. A line that loses or changes bytes costs time, and nothing else: a damaged request is denied, and Kenning sends it again.

mod answer;
mod log;
mod port;
mod receive;
mod served;
mod server;
mod spec;
mod statistics;
mod wire;

pub use port::Port;
pub use served::Served;
pub use server::Server;
pub use spec::SPEC_BYTES;
