//! Runs a program on the host, with the kernels that the firmware calls.

use std::cell::Cell;

use castiron_runtime::host::{self, Aligned};

use crate::error::{Diagnostic, Result};
use crate::lower::{Entry, Memory, Observation, Operand, Program, Step};

/// A program with its arena.
#[derive(Debug)]
pub struct Machine<'a> {
    program: &'a Program,
    entry: &'a Entry,
    arena: Aligned,
}

impl<'a> Machine<'a> {
    /// A machine for one of the program's entries.
    pub fn new(program: &'a Program, entry: &'a Entry) -> Self {
        Self {
            program,
            entry,
            arena: Aligned::zeroed(program.arena_bytes),
        }
    }

    /// Sets an input from little-endian bytes. Inputs may be overwritten by [`run`](Self::run).
    ///
    /// # Errors
    /// If there is no such input, or it has another number of bytes.
    pub fn set_input(&mut self, position: usize, bytes: &[u8]) -> Result<()> {
        let Some(port) = self.entry.inputs.get(position) else {
            return Err(
                Diagnostic::new(format!("the model has no input {position}"))
                    .expected(format_args!("{} inputs", self.entry.inputs.len()))
                    .into(),
            );
        };
        let range = port.operand.range();
        if range.len() != bytes.len() {
            return Err(Diagnostic::new(format!(
                "input {position} ({:?}) has another size",
                port.name
            ))
            .expected(format_args!(
                "{} bytes: {} {:?}",
                range.len(),
                port.dtype,
                port.shape
            ))
            .found(format_args!("{} bytes", bytes.len()))
            .into());
        }
        self.arena.bytes_mut()[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Runs the model once.
    ///
    /// # Errors
    /// If a kernel refuses its operands, which a tested lowering does not bring about.
    pub fn run(&mut self) -> Result<()> {
        self.run_observed(|_, _| {})
    }

    /// Runs the model once and shows the arena after each step.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_observed(&mut self, mut observe: impl FnMut(&Step, &[u8])) -> Result<()> {
        for step in &self.entry.steps {
            let constants = self.program.constants.bytes();
            let arena = Cell::from_mut(self.arena.bytes_mut()).as_slice_of_cells();
            let operands: Vec<host::Operand<'_>> = step
                .operands
                .iter()
                .map(|operand| match operand.memory {
                    Memory::Arena => host::Operand::Arena(&arena[operand.range()]),
                    Memory::Constants => host::Operand::Constant(&constants[operand.range()]),
                })
                .collect();
            step.kernel.call(&operands).map_err(|mismatch| {
                Diagnostic::new(mismatch.to_string()).at_operator(step.operator, &step.name)
            })?;
            observe(step, self.arena.bytes());
        }
        Ok(())
    }

    /// Runs the model once and shows every operator's outputs, little-endian bytes, in the sequence
    /// in which traced firmware shows them.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_traced(&mut self, mut observe: impl FnMut(&Observation, &[u8])) -> Result<()> {
        let mut left = self.entry.observations.iter().peekable();
        let mut done = 0;
        let mut show = |steps: usize, arena: &[u8]| {
            while let Some(next) = left.next_if(|next| next.steps <= steps) {
                observe(next, &arena[next.operand.range()]);
            }
        };
        // An operator without a step may be the first.
        show(0, self.arena.bytes());
        self.run_observed(|_, arena| {
            done += 1;
            show(done, arena);
        })
    }

    /// An output's little-endian bytes.
    pub fn output(&self, position: usize) -> Option<&[u8]> {
        let port = self.entry.outputs.get(position)?;
        Some(self.operand(&port.operand))
    }

    fn operand(&self, operand: &Operand) -> &[u8] {
        &self.arena.bytes()[operand.range()]
    }
}
