//! What C compilers and QEMU (7.2) call the processors of Rust's targets.

/// How to compile C for a target, and how to run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// The target triple.
    pub target: &'static str,
    /// GCC's options for its processor.
    pub flags: &'static [&'static str],
    /// QEMU's machine and processor. That of a newer core where QEMU has no board with the older.
    pub machine: &'static str,
    #[allow(missing_docs)]
    pub cpu: &'static str,
    /// Where the machine's memory for code begins.
    pub flash: u32,
    /// Where its memory for data begins.
    pub ram: u32,
    /// Bytes of that.
    pub ram_bytes: u32,
    /// Frequency of the core's clock, which SysTick counts.
    pub hertz: u32,
}

/// Memory and clock of Arm's MPS2 boards of the older kind.
const OLD_MAP: (u32, u32, u32, u32) = (0, 0x2000_0000, 4 << 20, 25_000_000);
/// Those with TrustZone, in the secure state they start in.
const SECURE_MAP: (u32, u32, u32, u32) = (0x1000_0000, 0x3800_0000, 2 << 20, 20_000_000);

const fn board(
    target: &'static str,
    flags: &'static [&'static str],
    machine: &'static str,
    cpu: &'static str,
    (flash, ram, ram_bytes, hertz): (u32, u32, u32, u32),
) -> Board {
    Board {
        target,
        flags,
        machine,
        cpu,
        flash,
        ram,
        ram_bytes,
        hertz,
    }
}

const BOARDS: &[Board] = &[
    board(
        "thumbv6m-none-eabi",
        &["-mcpu=cortex-m0", "-mthumb"],
        "mps2-an385",
        "cortex-m3",
        OLD_MAP,
    ),
    board(
        "thumbv7m-none-eabi",
        &["-mcpu=cortex-m3", "-mthumb"],
        "mps2-an385",
        "cortex-m3",
        OLD_MAP,
    ),
    board(
        "thumbv7em-none-eabi",
        &["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"],
        "mps2-an386",
        "cortex-m4",
        OLD_MAP,
    ),
    board(
        "thumbv7em-none-eabihf",
        &[
            "-mcpu=cortex-m4",
            "-mthumb",
            "-mfpu=fpv4-sp-d16",
            "-mfloat-abi=hard",
        ],
        "mps2-an386",
        "cortex-m4",
        OLD_MAP,
    ),
    board(
        "thumbv8m.base-none-eabi",
        &["-mcpu=cortex-m23", "-mthumb"],
        "mps2-an505",
        "cortex-m33",
        SECURE_MAP,
    ),
    board(
        "thumbv8m.main-none-eabi",
        &["-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=soft"],
        "mps2-an505",
        "cortex-m33",
        SECURE_MAP,
    ),
    board(
        "thumbv8m.main-none-eabihf",
        &[
            "-mcpu=cortex-m33",
            "-mthumb",
            "-mfpu=fpv5-sp-d16",
            "-mfloat-abi=hard",
        ],
        "mps2-an505",
        "cortex-m33",
        SECURE_MAP,
    ),
];

impl Board {
    /// Instructions between two ticks of the clock, where QEMU gives each a nanosecond
    /// (`-icount shift=0`).
    #[must_use]
    pub fn instructions_per_tick(&self) -> u32 {
        1_000_000_000 / self.hertz
    }

    /// The board for a target, if there is one.
    #[must_use]
    pub fn of(target: &str) -> Option<&'static Self> {
        BOARDS.iter().find(|b| b.target == target)
    }
}
