//! An estimate of the cycles that a Cortex-M4, M3 or M0+ takes for a run of a model: QEMU logs which blocks of code it enters, a disassembly says what is in
//! them, and a table what each instruction takes.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::cores::Core;
use crate::elf;

const DISASSEMBLER: &str = "arm-none-eabi-objdump";
/// QEMU ends no block later.
const MOST_IN_A_BLOCK: usize = 512;

/// What a run takes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cost {
    instructions: u64,
    cycles: u64,
}

/// Whether there is what estimates need; if not, says what is missing.
pub(crate) fn available() -> bool {
    let started = Command::new(DISASSEMBLER)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    let is_there = started.is_ok_and(|status| status.success());
    if !is_there {
        eprintln!(
            "no estimates of cycles: {DISASSEMBLER} does not start; Debian has it in binutils-arm-none-eabi"
        );
    }
    is_there
}

/// Whether a manual says what a processor's instructions take.
pub(crate) fn has_timings(core: Core) -> bool {
    matches!(core, Core::M4 | Core::M3 | Core::M0plus)
}

/// Cycles of one case, whose instructions are known already: the two ways to count them have to agree.
pub(crate) fn estimate(image: &Path, case: usize, instructions: u64) -> Result<u64> {
    let cycles = of_range(Core::M4, image, case..case + 1, &[instructions])?;
    cycles.into_iter().next().context("no case ran")?
}

/// The same of all cases, in one run.
pub(crate) fn of_cases(core: Core, image: &Path, instructions: &[u64]) -> Result<Vec<Result<u64>>> {
    of_range(core, image, 0..instructions.len(), instructions)
}

fn of_range(
    core: Core,
    image: &Path,
    cases: Range<usize>,
    known: &[u64],
) -> Result<Vec<Result<u64>>> {
    let code = disassemble(core, image)?;
    let harness = elf::function(image, "::board::call")?;
    let all = steps(core, image, &harness, cases)?;
    let cycles = all.iter().zip(known).map(|(steps, &instructions)| {
        let mut cost = Cost::default();
        for (&(from, to), &times) in steps {
            let one = code.block(from, to);
            cost.instructions += one.instructions * times;
            cost.cycles += one.cycles * times;
        }
        ensure!(
            cost.instructions.abs_diff(instructions) <= 200 + instructions / 100,
            "the emulator's log of blocks comes to {} instructions, its timer to {instructions}",
            cost.instructions
        );
        Ok(cost.cycles)
    });
    Ok(cycles.collect())
}

/// How often the emulator went from one block straight on to another, in one case.
type Steps = HashMap<(u32, u32), u64>;

/// Runs the firmware until the last of some cases has ended; the steps of each. The harness is left twice a call, for the model and to its caller,
/// and its first call is of nothing, to measure what measuring takes.
fn steps(
    core: Core,
    image: &Path,
    harness: &Range<u32>,
    cases: Range<usize>,
) -> Result<Vec<Steps>> {
    let mut command = core.machine();
    // Without -D the log goes to standard error.
    command.arg(image).args(["-d", "exec,nochain"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = command.stderr(Stdio::piped()).spawn();
    let mut emulator = Emulator(started.context("starting the emulator")?);
    let log = emulator.0.stderr.take().context("its log is not piped")?;

    let mut log = BufReader::with_capacity(1 << 20, log);
    let (mut all, mut left, mut line) = (vec![Steps::new(); cases.len()], 0, String::new());
    // The last two blocks: the emulator may say of the last one that it did not run.
    let (mut before, mut last) = (None, None);
    loop {
        line.clear();
        if log.read_line(&mut line)? == 0 {
            bail!("the firmware ended before case {}", cases.end);
        }
        if line.starts_with("Stopped execution") {
            last = before;
            continue;
        }
        let Some(block) = block_of(&line) else {
            continue;
        };
        if let (Some(from), Some(to)) = (before, last) {
            let case = case_of(left).and_then(|case| case.checked_sub(cases.start));
            let steps = case.and_then(|case| all.get_mut(case));
            if let Some(steps) = steps.filter(|_| !harness.contains(&from)) {
                *steps.entry((from, to)).or_default() += 1;
                if harness.contains(&to) && case == Some(cases.len() - 1) {
                    return Ok(all);
                }
            }
            left += usize::from(harness.contains(&from) && !harness.contains(&to));
        }
        (before, last) = (last, Some(block));
    }
}

/// The case that runs when the harness was left so many times.
fn case_of(left: usize) -> Option<usize> {
    let before = left.checked_sub(3)?;
    before.is_multiple_of(2).then_some(before / 2)
}

/// Ends with the value.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The address in `Trace 0: 0x7f66ec000100 [00800400/0000012c/00000110/ff000000] name`.
fn block_of(line: &str) -> Option<u32> {
    let fields = line.strip_prefix("Trace ")?.split_once('[')?.1;
    u32::from_str_radix(fields.split('/').nth(1)?, 16).ok()
}

/// Instructions by address, and what a taken branch takes besides.
struct Code {
    instructions: HashMap<u32, Instruction>,
    refill: u64,
}

#[derive(Clone, Copy)]
struct Instruction {
    bytes: u32,
    /// If it does not jump.
    cycles: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A single load or store, which takes a cycle less behind another one.
    Access,
    /// It may go on elsewhere, there where that is known.
    Jump {
        to: Option<u32>,
    },
    Other,
}

/// What a taken branch takes to fill the pipeline, besides one for itself.
fn refill(core: Core) -> u64 {
    match core {
        Core::M0plus => 1,
        _ => 2,
    }
}

impl Code {
    /// From `start` to the block's end, with `next` run after it.
    fn block(&self, start: u32, next: u32) -> Cost {
        let end = self.end(start, next);
        let (mut cost, mut at, mut behind_access) = (Cost::default(), start, false);
        for _ in 0..MOST_IN_A_BLOCK {
            let Some(instruction) = self.instructions.get(&at).filter(|_| Some(at) != end) else {
                break;
            };
            let is_access = instruction.kind == Kind::Access;
            cost.instructions += 1;
            cost.cycles += match is_access && behind_access {
                true => 1,
                false => instruction.cycles,
            };
            behind_access = is_access;
            at += instruction.bytes;
            if let Kind::Jump { .. } = instruction.kind {
                cost.cycles += if at == next { 0 } else { self.refill };
                break;
            }
        }
        cost
    }

    /// Where the emulator has cut the block: `next` is in the middle of it, and no target of its jump.
    fn end(&self, start: u32, next: u32) -> Option<u32> {
        let mut at = start;
        for _ in 0..MOST_IN_A_BLOCK {
            let instruction = self.instructions.get(&at)?;
            if at == next && at != start {
                return Some(next).filter(|_| !self.jumps_to(at, next));
            }
            if let Kind::Jump { .. } = instruction.kind {
                return None;
            }
            at += instruction.bytes;
        }
        None
    }

    /// Whether the first jump from `at` on goes to `target`.
    fn jumps_to(&self, mut at: u32, target: u32) -> bool {
        for _ in 0..MOST_IN_A_BLOCK {
            match self.instructions.get(&at) {
                Some(instruction) => match instruction.kind {
                    Kind::Jump { to } => return to == Some(target),
                    _ => at += instruction.bytes,
                },
                None => return false,
            }
        }
        false
    }
}

fn disassemble(core: Core, image: &Path) -> Result<Code> {
    let disassembled = Command::new(DISASSEMBLER).arg("-d").arg(image).output();
    let output = disassembled.context(DISASSEMBLER)?;
    ensure!(output.status.success(), "{DISASSEMBLER}: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let instructions = text.lines().filter_map(|line| instruction(core, line));
    Ok(Code {
        instructions: instructions.collect(),
        refill: refill(core),
    })
}

/// A line of a disassembly, address, bytes, name and operands with tabs between them, as an instruction and its address.
fn instruction(core: Core, line: &str) -> Option<(u32, Instruction)> {
    let mut fields = line.split('\t').map(str::trim);
    let address = u32::from_str_radix(fields.next()?.strip_suffix(':')?, 16).ok()?;
    let digits = fields.next()?.chars().filter(char::is_ascii_hexdigit);
    let bytes = digits.count() as u32 / 2;
    let name = fields.next()?;
    let name = name
        .strip_suffix(".w")
        .or(name.strip_suffix(".n"))
        .unwrap_or(name);
    let (cycles, kind) = timing(core, name, fields.next().unwrap_or_default());
    let instruction = Instruction {
        bytes,
        cycles,
        kind,
    };
    (!name.starts_with('.')).then_some((address, instruction))
}

/// By Arm's manuals of the processors, for memory without wait states, and of the M0+ for one with the fast multiplier. What an IT makes conditional counts as if it ran, as the log does not say: a load
/// that is left out takes a cycle less.
fn timing(core: Core, name: &str, operands: &str) -> (u64, Kind) {
    let starts_with = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
    let kind = match is_branch(name) || (starts_with(&["ldr", "ldm", "pop"]) && loads_pc(operands))
    {
        true => Kind::Jump {
            to: target(operands),
        },
        false => Kind::Other,
    };
    if core == Core::M0plus {
        return (of_m0plus(name, operands), kind);
    }
    if core == Core::M3 && starts_with(&["mla", "mls"]) {
        (2, kind)
    } else if core == Core::M3 && starts_with(&["smull", "umull"]) {
        // 3 to 5, as the values are, and 4 to 7 with a sum.
        (4, kind)
    } else if core == Core::M3 && starts_with(&["smlal", "umlal"]) {
        (6, kind)
    } else if starts_with(&["ldrd", "strd"]) {
        (3, kind)
    } else if starts_with(&["ldm", "stm", "push", "pop", "vldm", "vstm", "vpush", "vpop"]) {
        (1 + words(operands), kind)
    } else if starts_with(&["ldr"]) && kind == Kind::Other {
        (2, Kind::Access)
    } else if starts_with(&["ldr", "tbb", "tbh"]) {
        (2, kind)
    } else if starts_with(&["str"]) {
        // One cycle, as the processor goes on while it is written, unless the address is a sum of registers.
        let address = operands.split_once('[').map_or("", |(_, address)| address);
        let is_indexed = address.contains(", ") && !address.contains('#');
        (1 + u64::from(is_indexed), Kind::Access)
    } else if starts_with(&["vldr", "vstr"]) {
        (if operands.starts_with('d') { 3 } else { 2 }, kind)
    } else if starts_with(&["sdiv", "udiv"]) {
        (8, kind)
    } else if starts_with(&["vmla", "vmls", "vfma", "vfms", "vnml", "vfnm"]) {
        (3, kind)
    } else if starts_with(&["vdiv", "vsqrt"]) {
        (14, kind)
    } else {
        (1, kind)
    }
}

/// Nothing is pipelined there: every access takes two cycles, and a call one more than another branch that is taken.
fn of_m0plus(name: &str, operands: &str) -> u64 {
    let starts_with = |names: &[&str]| names.iter().any(|start| name.starts_with(start));
    if starts_with(&["ldm", "stm", "push", "pop"]) {
        1 + words(operands)
    } else if starts_with(&["ldr", "str"]) {
        2
    } else {
        1
    }
}

fn is_branch(name: &str) -> bool {
    const CONDITIONS: [&str; 15] = [
        "", "eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le",
    ];
    let is = |branch: &str| {
        let rest = name.strip_prefix(branch);
        rest.is_some_and(|rest| CONDITIONS.contains(&rest))
    };
    ["b", "bl", "bx", "blx", "cbz", "cbnz", "tbb", "tbh"]
        .into_iter()
        .any(is)
}

fn loads_pc(operands: &str) -> bool {
    operands.starts_with("pc,") || operands.contains("pc}")
}

/// In `r0, 47a <name+0x22>`.
fn target(operands: &str) -> Option<u32> {
    let (address, _) = operands.split_once(" <")?;
    u32::from_str_radix(address.split(' ').next_back()?, 16).ok()
}

/// Those of registers in braces, as `{r4-r7, lr}` or `{d8-d9}`.
fn words(operands: &str) -> u64 {
    let list = operands.split_once('{').map_or("", |(_, list)| list);
    let registers = list.trim_end_matches('}').split(',').map(|range| {
        let range = range.trim();
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let count = number(last).saturating_sub(number(first)) + 1;
        count * if first.starts_with('d') { 2 } else { 1 }
    });
    registers.sum()
}

fn number(register: &str) -> u64 {
    match register {
        "sl" => 10,
        "fp" => 11,
        "ip" => 12,
        "sp" => 13,
        "lr" => 14,
        "pc" => 15,
        _ => register
            .get(1..)
            .and_then(|number| number.parse().ok())
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOP: &str = "00000100 <kernel>:
     100:\te9d0 1200 \tldrd\tr1, r2, [r0]
     104:\t6803      \tldr\tr3, [r0, #0]
     106:\t6844      \tldr\tr4, [r0, #4]
     108:\t3d01      \tsubs\tr5, #1
     10a:\td1f9      \tbne.n\t100 <kernel>
     10c:\te8bd 8010 \tldmia.w\tsp!, {r4, pc}
     110:\t40000004 \t.word\t0x40000004
";

    fn code() -> Code {
        let instructions = LOOP.lines().filter_map(|line| instruction(Core::M4, line));
        Code {
            instructions: instructions.collect(),
            refill: refill(Core::M4),
        }
    }

    fn cost(instructions: u64, cycles: u64) -> Cost {
        Cost {
            instructions,
            cycles,
        }
    }

    #[test]
    fn a_block_takes_what_its_instructions_take() {
        let code = code();
        assert_eq!(code.block(0x100, 0x100), cost(5, 3 + 2 + 1 + 1 + 3));
        assert_eq!(code.block(0x100, 0x10c), cost(5, 3 + 2 + 1 + 1 + 1));
        assert_eq!(code.block(0x10c, 0x400), cost(1, 3 + 2));
        assert_eq!(code.instructions.len(), 6);
    }

    #[test]
    fn a_block_that_was_cut_ends_there() {
        let code = code();
        assert_eq!(code.block(0x100, 0x106), cost(2, 3 + 2));
        assert_eq!(code.block(0x104, 0x100), cost(4, 2 + 1 + 1 + 3));
    }

    #[test]
    fn instructions_are_told_by_name() {
        for branch in ["b", "bls", "blt", "bl", "blx", "bxeq", "cbnz"] {
            assert!(is_branch(branch), "{branch}");
        }
        for other in ["bic", "bfi", "bics", "bkpt", "ldr"] {
            assert!(!is_branch(other), "{other}");
        }
        assert_eq!(timing(Core::M4, "vldmia", "r0!, {s0-s15}").0, 17);
        assert_eq!(timing(Core::M4, "vpush", "{d8-d9}").0, 5);
        assert_eq!(timing(Core::M4, "str", "r1, [r0, r2]").0, 2);
        assert_eq!(timing(Core::M4, "str", "r1, [r0, #4]").0, 1);
        assert_eq!(timing(Core::M4, "pop", "{r4, r7, pc}").0, 4);
        assert_eq!(timing(Core::M3, "mla", "r0, r1, r2, r3").0, 2);
        assert_eq!(timing(Core::M0plus, "str", "r1, [r0, #4]").0, 2);
        assert_eq!(timing(Core::M0plus, "ldmia", "r0!, {r1, r2}").0, 3);
        assert_eq!([2, 3, 4, 5].map(case_of), [None, Some(0), None, Some(1)]);
        let jump = |to| Kind::Jump { to };
        assert_eq!(timing(Core::M4, "ldr", "pc, [sp, #28]"), (2, jump(None)));
        assert_eq!(timing(Core::M4, "tbb", "[pc, r0]"), (2, jump(None)));
        assert_eq!(timing(Core::M4, "ldrne", "r1, [r0, #4]"), (2, Kind::Access));
    }

    #[test]
    fn a_block_is_told_from_other_lines() {
        let line = "Trace 0: 0x7f66ec000100 [00800400/0000012c/00000110/ff000000] kernel\n";
        assert_eq!(block_of(line), Some(0x12c));
        assert_eq!(block_of("Linking TBs 0x7f66ec000100 [0000012c]"), None);
    }
}
