//! The passes by name, and which of them to leave out.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use crate::error::Diagnostic;

macro_rules! passes {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// A pass over a model's operators, before their kernels are chosen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Pass { $($(#[$doc])* $variant,)* }

        impl Pass {
            /// All of them, in the order in which they run.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name, as users write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

passes! {
    /// Makes one DYNAMIC_UPDATE_SLICE of SLICE, CONCATENATION and SLICE, with which loops fill lists.
    UpdateLists "update-lists",
    /// Infers sizes that the file leaves open.
    InferShapes "infer-shapes",
    /// Computes operators of constants at build time.
    FoldConstants "fold-constants",
    /// Removes operators whose results nobody reads.
    RemoveDead "remove-dead",
    /// Removes operators that change nothing.
    RemoveIdentities "remove-identities",
    /// Removes DEQUANTIZE and QUANTIZE that undo each other.
    CancelQuantization "cancel-quantization",
    /// Removes TRANSPOSE and its opposite around element-wise operators.
    CancelTransposes "cancel-transposes",
    /// Lets convolutions and pooling pad for themselves.
    FusePadding "fuse-padding",
    /// Lets weights take MUL and ADD that batch normalisation leaves; floats only.
    FoldScales "fold-scales",
    /// Lets operators clamp what they produce.
    FuseActivations "fuse-activations",
    /// Removes channels that are always the same, and channels that nobody reads; integers only.
    RemoveChannels "remove-channels",
    /// Makes one table of consecutive functions of bytes.
    JoinTables "join-tables",
    /// Makes one loop over memory of consecutive element-wise operators.
    JoinElementwise "join-elementwise",
    /// Lets reductions take in what element-wise operators before them make.
    JoinReductions "join-reductions",
    /// Makes one copy of consecutive movements.
    JoinMovements "join-movements",
    /// Runs operators row by row, where that lowers the peak of the arena: if it has a bound, the input comes by rows, or memories are too small.
    StreamRows "stream-rows",
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Some of the passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passes(u32);

impl Passes {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self((1 << Pass::ALL.len()) - 1);

    /// Whether a pass is one of them.
    #[must_use]
    pub fn contains(self, pass: Pass) -> bool {
        self.0 & Self::from(pass).0 != 0
    }

    /// Those of them that have a name each, in the order in which they run.
    pub fn iter(self) -> impl Iterator<Item = Pass> {
        let all = Pass::ALL.iter().copied();
        all.filter(move |pass| self.contains(*pass))
    }
}

impl From<Pass> for Passes {
    fn from(pass: Pass) -> Self {
        Self(1 << pass as u32)
    }
}

impl BitOr for Passes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Self> for Passes {
    fn from_iter<I: IntoIterator<Item = Self>>(sets: I) -> Self {
        sets.into_iter().fold(Self::NONE, BitOr::bitor)
    }
}

/// What stands for every pass.
const EVERY: &str = "all";

impl Passes {
    /// What users may write: every pass's name, and what stands for all of them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Pass::ALL.iter().map(|pass| pass.name()).chain([EVERY])
    }
}

/// The pass of a name, or `all`.
impl FromStr for Passes {
    type Err = Diagnostic;

    fn from_str(name: &str) -> Result<Self, Diagnostic> {
        if name == EVERY {
            return Ok(Self::ALL);
        }
        let found = Pass::ALL.iter().find(|pass| pass.name() == name);
        found.map(|pass| Self::from(*pass)).ok_or_else(|| {
            let names: Vec<&str> = Self::names().collect();
            let apart = names.iter().map(|known| (distance(known, name), known));
            let near = apart.min().filter(|(letters, _)| letters * 3 <= name.len());
            let problem = Diagnostic::new("there is no such pass")
                .expected(names.join(", "))
                .found(format_args!("{name:?}"));
            match near {
                Some((_, near)) => problem.help(format_args!("did you mean {near}?")),
                None => problem,
            }
        })
    }
}

/// How many letters to change, add or leave out to get from one name to another.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
