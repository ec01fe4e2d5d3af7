//! A program as text: what a maintainer reads first, and what shows in review when a choice, a plan or a
//! packing changes.

use std::fmt::{self, Display, Formatter};

use super::program::{Entry, Memory, Operand, Port, Program};

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let constants = self.constants.bytes();
        writeln!(f, "program {}", self.name)?;
        writeln!(f, "  arena {} bytes", self.arena_bytes)?;
        writeln!(
            f,
            "  constants {} bytes, FNV-1a {:016x}",
            constants.len(),
            fnv1a(constants)
        )?;
        self.entries.iter().try_for_each(|entry| entry.fmt(f))
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\nentry")?;
        if let Some(signature) = &self.signature {
            write!(f, " {signature:?}")?;
        }
        writeln!(f, " of subgraph {}, {} MACs", self.graph, self.macs)?;
        ports(f, "input", &self.inputs)?;
        let mut operator = None;
        for step in &self.steps {
            if operator.replace(step.operator) != Some(step.operator) {
                writeln!(f, "  {} {}", step.operator, step.title)?;
            }
            writeln!(f, "    {:?}", step.kernel)?;
            for operand in &step.operands {
                writeln!(f, "      {operand}")?;
            }
        }
        ports(f, "output", &self.outputs)
    }
}

fn ports(f: &mut Formatter<'_>, role: &str, ports: &[Port]) -> fmt::Result {
    for port in ports {
        let Port {
            name,
            shape,
            dtype,
            operand,
            ..
        } = port;
        writeln!(f, "  {role} {name:?}: {dtype} {shape:?} in {operand}")?;
    }
    Ok(())
}

/// The memory, its bytes, and what they hold: `arena 0..490: 490 i8`.
impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let memory = match self.memory {
            Memory::Arena => "arena",
            Memory::Constants => "constants",
        };
        let range = self.range();
        let element = self.element.rust_name();
        write!(
            f,
            "{memory} {}..{}: {} {element}",
            range.start, range.end, self.len
        )
    }
}

/// The checksum of Fowler, Noll and Vo, 64 bits: tells constants apart, and is no more than that.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
