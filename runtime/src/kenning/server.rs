//! The state of a session, and what each request does.

use super::answer::{send, send_empty, send_log};
use super::log::Line;
use super::port::Port;
use super::receive::{Event, GAP, Receiver};
use super::served::Served;
use super::spec::{self, Difference, SPEC_BYTES};
use super::statistics::Statistics;
use super::wire::{FIRST, Form, Header, Kind, LAST, Outcome, SUCCESS};
use crate::crc::Crc32;

/// Serves a model: less than a kilobyte of RAM, and eight bytes for each operator.
#[derive(Debug)]
pub struct Server<M: Served> {
    receiver: Receiver,
    /// When the last byte came.
    last: u64,
    /// The form of the last request that came whole.
    form: Form,
    is_open: bool,
    request: Option<Request>,
    /// A specification as it comes.
    spec: [u8; SPEC_BYTES],
    /// Of a model's file as it comes.
    crc: Crc32,
    /// The input that comes next, and where in it.
    input: (usize, usize),
    /// Whether the host had a model or a specification that is not this one.
    is_other: bool,
    tensors: Tensors,
    statistics: Statistics<M::Times>,
}

/// A request of which all parts have not come.
#[derive(Debug, Clone, Copy)]
struct Request {
    form: Form,
    kind: Kind,
    flags: u16,
    /// Bytes of its payload until now.
    size: u32,
    /// A part is damaged or lost.
    is_damaged: bool,
}

/// What the model's memory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tensors {
    Nothing,
    Inputs,
    Outputs,
}

/// What becomes of a request.
type Verdict = Result<(), Line>;

impl<M: Served> Server<M> {
    /// A server that no host has called.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            receiver: Receiver::new(),
            last: 0,
            form: Form::Long,
            is_open: false,
            request: None,
            spec: [0; SPEC_BYTES],
            crc: Crc32::new(),
            input: (0, 0),
            is_other: false,
            tensors: Tensors::Nothing,
            statistics: Statistics::new(M::NO_TIMES),
        }
    }

    /// Handles what has come and answers it, with runs of the model where the host asks for them; returns when nothing more is there. The firmware
    /// calls it again and again: what is left of a cut message goes by time.
    pub fn poll(&mut self, model: &mut M, port: &mut impl Port) {
        while let Some(byte) = port.read() {
            self.after_gap(port);
            match self.receiver.take(byte) {
                Event::Nothing => {}
                Event::Header(header) => {
                    self.begin(header);
                    if header.size == 0 {
                        self.end_part(header.is(LAST), model, port);
                    }
                }
                Event::Payload(byte) => self.payload(byte, model),
                Event::PayloadEnd(byte) => {
                    self.payload(byte, model);
                    let is_last = self
                        .request
                        .is_some_and(|request| request.flags & LAST != 0);
                    self.end_part(is_last, model, port);
                }
            }
            self.last = port.nanoseconds();
        }
        self.after_gap(port);
    }

    /// Gives up what has not ended in time, and lets the host send it again. It would wait for ever.
    fn after_gap(&mut self, port: &mut impl Port) {
        let is_waiting =
            self.receiver.is_within() || self.request.is_some() || self.receiver.skipped;
        if !is_waiting || port.nanoseconds().wrapping_sub(self.last) <= GAP {
            return;
        }
        self.receiver.restart();
        self.receiver.skipped = false;
        let request = self.request.take();
        self.deny(request.map(|request| request.kind), port);
    }

    /// Lets the host send its request again. What has been damaged may have said of another kind than it was of; and the host passes over denials of
    /// what it does not wait for. Outside of a session it asks again by itself.
    fn deny(&self, kind: Option<Kind>, port: &mut impl Port) {
        if !self.is_open {
            return;
        }
        let usual = [
            Kind::IoSpec,
            Kind::Model,
            Kind::Data,
            Kind::Process,
            Kind::Output,
            Kind::Stats,
        ];
        let other = kind.filter(|kind| !usual.contains(kind));
        let all = usual.into_iter().chain(other);
        all.for_each(|kind| send_empty(port, self.form, kind, Outcome::Denied));
    }

    /// A part of a request begins.
    fn begin(&mut self, header: Header) {
        let was_skipped = core::mem::take(&mut self.receiver.skipped);
        let goes_on = |request: &Request| {
            (request.form, request.kind) == (header.form, header.kind) && !header.is(FIRST)
        };
        let before = self.request.filter(goes_on);
        let is_first = header.is(FIRST);
        if is_first {
            self.crc = Crc32::new();
            self.input = (0, 0);
        }
        self.request = Some(Request {
            form: header.form,
            kind: header.kind,
            flags: header.flags,
            size: before.map_or(0, |request| request.size),
            is_damaged: match before {
                Some(request) => request.is_damaged || was_skipped,
                // The first part is lost.
                None => !is_first,
            },
        });
    }

    fn payload(&mut self, byte: u8, model: &mut M) {
        let Some(request) = &mut self.request else {
            return;
        };
        let at = request.size as usize;
        request.size = request.size.saturating_add(1);
        match request.kind {
            Kind::Data => {
                // Outputs may lie where the input comes.
                self.tensors = Tensors::Nothing;
                self.fill(byte, model);
            }
            Kind::Model => self.crc.take(byte),
            Kind::IoSpec => {
                if let Some(to) = self.spec.get_mut(at) {
                    *to = byte;
                }
            }
            _ => {}
        }
    }

    /// The next byte of the inputs.
    fn fill(&mut self, byte: u8, model: &mut M) {
        while let Some(input) = model.input(self.input.0) {
            match input.get_mut(self.input.1) {
                Some(to) => {
                    *to = byte;
                    self.input.1 = self.input.1.wrapping_add(1);
                    return;
                }
                None => self.input = (self.input.0.wrapping_add(1), 0),
            }
        }
    }

    /// A part is over, and with the last one the request.
    fn end_part(&mut self, is_last: bool, model: &mut M, port: &mut impl Port) {
        let is_sound = self.receiver.is_sound();
        if let Some(request) = &mut self.request {
            request.is_damaged |= !is_sound;
        }
        if !is_last {
            return;
        }
        let Some(request) = self.request.take() else {
            return;
        };
        if request.is_damaged {
            return self.deny(Some(request.kind), port);
        }
        self.form = request.form;
        match self.handle(request, model, port) {
            Ok(()) => self.answer(request, model, port),
            Err(line) => {
                // A host that fails reads no further.
                send_log(port, request.form, &line);
                send_empty(port, request.form, request.kind, Outcome::Failed);
            }
        }
    }

    /// Does what is asked for.
    fn handle(&mut self, request: Request, model: &mut M, port: &mut impl Port) -> Verdict {
        match request.kind {
            Kind::Ping => {
                self.is_open = request.flags & SUCCESS != 0;
                // Who opens a session twice has lost the first one.
                if self.is_open {
                    self.is_other = false;
                    self.tensors = Tensors::Nothing;
                    self.statistics = Statistics::new(M::NO_TIMES);
                }
                Ok(())
            }
            Kind::Status | Kind::Stats => Ok(()),
            Kind::IoSpec => self.check_spec(request.size),
            Kind::Model => {
                self.check_model(request.size)?;
                model.reset();
                self.tensors = Tensors::Nothing;
                Ok(())
            }
            Kind::Data => self.check_data(request.size, model),
            Kind::Process => self.process(model, port),
            Kind::Output => match self.tensors {
                Tensors::Outputs => Ok(()),
                _ => Err(Line::new().text("there is no output: the model has not run")),
            },
            Kind::Runtime if request.size == 0 => Ok(()),
            Kind::Runtime => Err(Line::new()
                .text("castiron loads no runtime: the model is compiled into the firmware")),
            Kind::Optimizers | Kind::OptimizeModel | Kind::UnoptimizedModel => Err(Line::new()
                .text("castiron optimizes no model on the device: compile it on the host")),
            Kind::TraceData | Kind::Logs => {
                Err(Line::new().text("the device has nothing to do for this message"))
            }
        }
    }

    /// Says that it is done.
    fn answer(&mut self, request: Request, model: &M, port: &mut impl Port) {
        let Request { form, kind, .. } = request;
        match kind {
            Kind::Output => {
                let size = (0..).map_while(|index| model.output(index));
                let size = size.fold(0, |size: u32, output| {
                    size.wrapping_add(output.len() as u32)
                });
                send(port, form, kind, Outcome::Done, size, |to| {
                    let outputs = (0..).map_while(|index| model.output(index));
                    outputs.for_each(to);
                });
            }
            Kind::Stats => {
                let size = Statistics::<M::Times>::size::<M>();
                let statistics = &self.statistics;
                send(port, form, kind, Outcome::Done, size, |to| {
                    statistics.write::<M>(to);
                });
            }
            _ => send_empty(port, form, kind, Outcome::Done),
        }
    }

    /// A specification may be empty: the model has its own.
    fn check_spec(&mut self, size: u32) -> Verdict {
        if size == 0 {
            return Ok(());
        }
        self.is_other = true;
        if size as usize != SPEC_BYTES {
            let line = Line::new().text("the I/O specification has ").number(size);
            return Err(line.text(" bytes, and 356 are expected"));
        }
        match spec::difference(&self.spec, &M::SPEC) {
            None => {
                self.is_other = false;
                Ok(())
            }
            Some(Difference::Count(side, theirs, ours)) => {
                let line = Line::new()
                    .text("the I/O specification has ")
                    .number(theirs);
                let line = line
                    .text(" ")
                    .text(side)
                    .text("s, and the model in the firmware ");
                Err(line.number(ours))
            }
            Some(Difference::Type(side, tensor)) => {
                let line = Line::new().text("the I/O specification has another type for ");
                let line = line.text(side).text(" ").number(tensor);
                Err(line.text(" than the model in the firmware"))
            }
            Some(Difference::Elements(side, tensor, theirs, ours)) => {
                let line = Line::new()
                    .text("the I/O specification has ")
                    .number(theirs);
                let line = line
                    .text(" elements for ")
                    .text(side)
                    .text(" ")
                    .number(tensor);
                Err(line.text(", and the model in the firmware ").number(ours))
            }
        }
    }

    /// A model may be left out. Another one than that of the firmware cannot run: there is no interpreter.
    fn check_model(&mut self, size: u32) -> Verdict {
        let (ours, crc) = M::FILE;
        if size != 0 && (size, self.crc.value()) != (ours, crc) {
            self.is_other = true;
            let line = Line::new().text("this is another model than the one in the firmware: ");
            let line = match size == ours {
                true => line.text("as long, but with other bytes"),
                false => line.number(size).text(" bytes, not ").number(ours),
            };
            return Err(line);
        }
        // An empty one says that the host sends none, and clears nothing.
        self.is_other &= size == 0;
        Ok(())
    }

    fn check_data(&mut self, size: u32, model: &mut M) -> Verdict {
        self.check_that_it_is_ours()?;
        let mut wanted = 0_u32;
        let mut index = 0;
        while let Some(input) = model.input(index) {
            wanted = wanted.wrapping_add(input.len() as u32);
            index = index.wrapping_add(1);
        }
        if size != wanted {
            self.tensors = Tensors::Nothing;
            let line = Line::new().text("there are ").number(size);
            return Err(line
                .text(" bytes of input, and the model takes ")
                .number(wanted));
        }
        self.tensors = Tensors::Inputs;
        Ok(())
    }

    fn check_that_it_is_ours(&self) -> Verdict {
        match self.is_other {
            false => Ok(()),
            true => {
                Err(Line::new()
                    .text("the firmware has another model than the host: it does not run"))
            }
        }
    }

    /// Runs the model once for an input, however often the host asks.
    fn process(&mut self, model: &mut M, port: &mut impl Port) -> Verdict {
        self.check_that_it_is_ours()?;
        match self.tensors {
            Tensors::Outputs => return Ok(()),
            Tensors::Nothing => {
                return Err(Line::new().text("there is no input to run the model with"));
            }
            Tensors::Inputs => {}
        }
        let statistics = &mut self.statistics;
        let start = port.nanoseconds();
        let mut before = start;
        let has_outputs = model.run(|operator| {
            let now = port.nanoseconds();
            let position = M::OPERATORS
                .iter()
                .position(|(index, _)| *index == operator);
            if let Some(position) = position {
                statistics.add_operator(position, now.wrapping_sub(before));
            }
            before = now;
        });
        statistics.add_run(port.nanoseconds().wrapping_sub(start));
        self.tensors = match has_outputs {
            true => Tensors::Outputs,
            false => Tensors::Nothing,
        };
        match has_outputs {
            true => Ok(()),
            false => Err(Line::new()
                .text("the run ended before there were outputs: the model waits for more inputs")),
        }
    }
}

impl<M: Served> Default for Server<M> {
    fn default() -> Self {
        Self::new()
    }
}
