//! A program as text: what a maintainer reads first, and what shows in review when a choice, a plan or a
//! packing changes.

use std::fmt::{self, Display, Formatter};

use super::program::{Entry, Memory, Operand, Origin, Port, Program, Step};
use super::stream::{Moves, MovingCall, StageCall, StageStrips};

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let constants = self.constants.bytes();
        writeln!(f, "program {}", self.name)?;
        writeln!(f, "  arena {} bytes", self.arena_bytes)?;
        if self.state_bytes > 0 {
            writeln!(f, "  state {} bytes", self.state_bytes)?;
        }
        for part in &self.parts {
            let (ram, arena) = (&part.ram, part.arena_bytes);
            write!(
                f,
                "  memory {} ({}): {arena} bytes of arena",
                ram.name, ram.speed
            )?;
            match part.state_bytes {
                0 => writeln!(f, " from {}", part.offset)?,
                state => writeln!(f, " from {}, {state} of state", part.offset)?,
            }
        }
        for held in &self.held {
            let (number, graph) = (held.number, held.graph);
            let (bytes, offset) = (held.bytes, held.offset);
            writeln!(
                f,
                "  buffer {number} of subgraph {graph}: {bytes} bytes of the caller's from {offset}"
            )?;
        }
        writeln!(
            f,
            "  constants {} bytes, FNV-1a {:016x}",
            constants.len(),
            fnv1a(constants)
        )?;
        for part in &self.roms {
            let (rom, bytes) = (&part.rom, part.bytes);
            writeln!(
                f,
                "  memory {} ({}): {bytes} bytes of constants from {}",
                rom.name, rom.speed, part.offset
            )?;
        }
        for (position, routine) in self.routines.iter().enumerate() {
            writeln!(f, "\nroutine {position} of subgraph {}", routine.graph)?;
            steps(f, &routine.steps, 2, None)?;
        }
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
        steps(f, &self.steps, 2, None)?;
        ports(f, "output", &self.outputs)
    }
}

/// Steps, each in lines that begin with some spaces; `operator` is the one whose heading stands above them. What is
/// observed shows in no run, and does not here.
fn steps(
    f: &mut Formatter<'_>,
    list: &[Step],
    indent: usize,
    mut operator: Option<usize>,
) -> fmt::Result {
    let mut head = |f: &mut Formatter<'_>, origin: &Origin| match operator.replace(origin.operator)
        != Some(origin.operator)
    {
        true => writeln!(f, "{:indent$}{} {}", "", origin.operator, origin.title),
        false => Ok(()),
    };
    let deeper = indent + 2;
    for step in list {
        match step {
            Step::Call(call) => {
                head(f, &call.origin)?;
                writeln!(f, "{:deeper$}{:?}", "", call.kernel)?;
                for operand in &call.operands {
                    writeln!(f, "{:deeper$}  {operand}", "")?;
                }
            }
            Step::Custom(custom) => {
                head(f, &custom.origin)?;
                writeln!(f, "{:deeper$}firmware's", "")?;
                let [read, written] = custom.call.places();
                for operand in read.iter().chain(&written) {
                    writeln!(f, "{:deeper$}  {operand}", "")?;
                }
            }
            Step::Stream(stream) => {
                let rows = stream.rows;
                writeln!(
                    f,
                    "{:indent$}stream of {rows} rows, from {}",
                    "", stream.input
                )?;
                for stage in &stream.stages {
                    stage.fmt_lines(f, deeper)?;
                }
            }
            Step::Run(routine) => writeln!(f, "{:deeper$}run routine {routine}", "")?,
            Step::If {
                origin,
                condition,
                then,
                otherwise,
            } => {
                head(f, origin)?;
                writeln!(f, "{:deeper$}if {condition}", "")?;
                steps(f, then, deeper, Some(origin.operator))?;
                writeln!(f, "{:deeper$}else", "")?;
                steps(f, otherwise, deeper, Some(origin.operator))?;
            }
            Step::While {
                origin,
                test,
                condition,
                body,
            } => {
                head(f, origin)?;
                writeln!(f, "{:deeper$}test", "")?;
                steps(f, test, deeper, Some(origin.operator))?;
                writeln!(f, "{:deeper$}while {condition}", "")?;
                steps(f, body, deeper, Some(origin.operator))?;
            }
            Step::Once { flag, steps: list } => {
                writeln!(f, "{:deeper$}once, as {flag} says", "")?;
                steps(f, list, deeper + 2, None)?;
            }
            Step::Wait {
                origin,
                ended,
                runs,
            } => {
                head(f, origin)?;
                writeln!(
                    f,
                    "{:deeper$}end, but for every {runs}th run, as {ended} counts",
                    ""
                )?;
            }
            Step::Observe(_) => {}
        }
    }
    Ok(())
}

impl StageCall {
    fn fmt_lines(&self, f: &mut Formatter<'_>, indent: usize) -> fmt::Result {
        let deeper = indent + 2;
        for MovingCall { call, .. } in &self.calls {
            let origin = &call.origin;
            writeln!(f, "{:indent$}{} {}", "", origin.operator, origin.title)?;
        }
        match &self.lines {
            Some(lines) => writeln!(
                f,
                "{:deeper$}line buffer {lines}, {} rows before the first",
                "", self.rows.line.top
            )?,
            None => writeln!(f, "{:deeper$}rows of the input", "")?,
        }
        for reading in [Some(&self.rows.reads), self.rows.also.as_ref()]
            .into_iter()
            .flatten()
        {
            writeln!(
                f,
                "{:deeper$}{} rows by {} of line buffer {}, from {}",
                "", reading.window, reading.stride, reading.line, reading.first
            )?;
        }
        if let Some(StageStrips { count, memory, .. }) = &self.strips {
            writeln!(f, "{:deeper$}{count} patches of each row, in {memory}", "")?;
        }
        for moving in &self.calls {
            moving.fmt_lines(f, deeper)?;
        }
        Ok(())
    }
}

impl MovingCall {
    fn fmt_lines(&self, f: &mut Formatter<'_>, deeper: usize) -> fmt::Result {
        writeln!(f, "{:deeper$}{:?}", "", self.call.kernel)?;
        for (operand, moves) in self.operands() {
            let by = match moves {
                Moves::Not => String::new(),
                Moves::Strip(rows, strip) => {
                    format!(
                        ", by {} to, and by {} with the patch",
                        rows.elements, strip.elements
                    )
                }
                Moves::From(rows) | Moves::Also(rows) | Moves::To(rows) => {
                    format!(
                        ", {} further by row, up to {} rows",
                        rows.elements, rows.last
                    )
                }
            };
            writeln!(f, "{:deeper$}  {operand}{by}", "")?;
        }
        Ok(())
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
            Memory::State => "state",
            Memory::Constants => "constants",
            Memory::Rows => "rows",
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
