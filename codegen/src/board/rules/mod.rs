//! Rules: which class of Renode stands for which node, as data that travels inside this crate and
//! that a user can extend.

mod file;
mod types;

use crate::error::{Diagnostic, Result};

pub use file::{
    ClockRule, ControllerKind, ControllerRule, CpuRule, DeviceRule, ExtraRule, IgnoreRule,
    InterruptRule, InterruptWord, MemoryRule, PropertyRule, RuleFile,
};
pub use types::{Class, ClassText, Parameter, Types};

/// The rules of this crate, by the file that has them.
const SHIPPED: [(&str, &str); 6] = [
    (
        "arm.toml",
        include_str!("../../../data/renode/rules/arm.toml"),
    ),
    (
        "riscv.toml",
        include_str!("../../../data/renode/rules/riscv.toml"),
    ),
    (
        "st.toml",
        include_str!("../../../data/renode/rules/st.toml"),
    ),
    (
        "nordic.toml",
        include_str!("../../../data/renode/rules/nordic.toml"),
    ),
    (
        "others.toml",
        include_str!("../../../data/renode/rules/others.toml"),
    ),
    (
        "common.toml",
        include_str!("../../../data/renode/rules/common.toml"),
    ),
];

/// The classes of every Renode that is known, the newest last.
const RENODES: [(&str, &str); 2] = [
    ("1.15.3", include_str!("../../../data/renode/1.15.3.toml")),
    ("1.16.1", include_str!("../../../data/renode/1.16.1.toml")),
];

/// Rules in the order in which they are tried, and the classes of one Renode.
#[derive(Debug, Clone)]
pub struct Rules {
    /// All rules.
    pub all: RuleFile,
    /// What the Renode that is written for has.
    pub types: Types,
}

impl Rules {
    /// The versions of Renode that can be written for, the newest last.
    pub fn versions() -> impl Iterator<Item = &'static str> {
        RENODES.iter().map(|(version, _)| *version)
    }

    /// The rules of this crate for a version of Renode, or for the newest known.
    ///
    /// # Errors
    /// If the version is not known.
    pub fn shipped(version: Option<&str>) -> Result<Self> {
        let newest = RENODES[RENODES.len() - 1].0;
        let wanted = version.unwrap_or(newest);
        let Some((_, types)) = RENODES.iter().find(|(known, _)| *known == wanted) else {
            return Err(
                Diagnostic::new("castiron does not know the classes of this Renode")
                    .expected(Self::versions().collect::<Vec<_>>().join(" or "))
                    .found(wanted)
                    .help("name the nearest version that is known")
                    .into(),
            );
        };
        let mut all = RuleFile::default();
        for (name, text) in SHIPPED.iter().rev() {
            all = RuleFile::read(text)
                .map_err(|e| e.in_file(name))?
                .before(all);
        }
        Ok(Self {
            all,
            types: Types::read(types)?,
        })
    }

    /// Adds rules of a user, which are tried before the others.
    ///
    /// # Errors
    /// If the text is no file of rules.
    pub fn extend(&mut self, text: &str) -> Result<()> {
        let mut file = RuleFile::read(text)?;
        for (name, class) in std::mem::take(&mut file.class) {
            self.types.add(&name, &class)?;
        }
        let classes: Vec<String> = file.classes().map(str::to_owned).collect();
        for class in classes {
            self.types.trust(&class);
        }
        let all = std::mem::take(&mut self.all);
        self.all = file.before(all);
        Ok(())
    }
}
