//! Rules: which class of Renode stands for which node, as data that travels inside this crate and
//! that a user can extend.

mod file;
mod types;

use castiron_codegen::error::{Diagnostic, Result};

pub use file::{
    ClockRule, ControllerKind, ControllerRule, CpuRule, DeviceRule, ExtraRule, IgnoreRule,
    InterruptRule, InterruptWord, MemoryRule, PinsRule, PropertyRule, RuleFile, SelectorRule,
};
pub use types::{Class, ClassText, Parameter, Types};

/// The rules of this crate, by the file that has them.
const SHIPPED: [(&str, &str); 6] = [
    ("arm.toml", include_str!("../../data/renode/rules/arm.toml")),
    (
        "riscv.toml",
        include_str!("../../data/renode/rules/riscv.toml"),
    ),
    ("st.toml", include_str!("../../data/renode/rules/st.toml")),
    (
        "nordic.toml",
        include_str!("../../data/renode/rules/nordic.toml"),
    ),
    (
        "others.toml",
        include_str!("../../data/renode/rules/others.toml"),
    ),
    (
        "common.toml",
        include_str!("../../data/renode/rules/common.toml"),
    ),
];

/// The classes of every Renode that is known, the newest last.
const RENODES: [(&str, &str); 2] = [
    ("1.15.3", include_str!("../../data/renode/1.15.3.toml")),
    ("1.16.1", include_str!("../../data/renode/1.16.1.toml")),
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

    /// The known version that is nearest to another: the newest that is not newer, or the oldest.
    #[doc(hidden)]
    pub fn nearest(wanted: &str) -> &'static str {
        let numbers = |version: &str| -> Vec<u64> {
            let parts = version.split(|c: char| !c.is_ascii_digit());
            parts.filter_map(|part| part.parse().ok()).collect()
        };
        let wanted = numbers(wanted);
        // 1.16 may be any 1.16.
        let older = |version: &&str| {
            let version = numbers(version);
            version <= wanted || version.starts_with(&wanted)
        };
        let oldest = RENODES[0].0;
        Self::versions().filter(older).last().unwrap_or(oldest)
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
                Diagnostic::new("castiron does not know this version of Renode")
                    .expected(Self::versions().collect::<Vec<_>>().join(" or "))
                    .found(wanted)
                    .help(format!(
                        "use the nearest version that it knows: --renode-version {}",
                        Self::nearest(wanted)
                    ))
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

    /// Adds rules of a user, which are tried before the others. A class that no known Renode has
    /// is taken on trust.
    ///
    /// # Errors
    /// If the text is no file of rules, or names what a class has in no Renode that is known.
    pub fn extend(&mut self, text: &str) -> Result<()> {
        let mut file = RuleFile::read(text)?;
        for (name, class) in std::mem::take(&mut file.class) {
            self.types.add(&name, &class)?;
        }
        let tables = RENODES.iter().map(|(_, types)| Types::read(types));
        let tables: Vec<Types> = tables.collect::<Result<_>>()?;
        for class in file.classes() {
            // What another Renode has is no matter of trust: this one does not have it.
            if !tables.iter().any(|types| types.class(class).is_some()) {
                self.types.trust(class);
            }
        }
        let known = || std::iter::once(&self.types).chain(&tables);
        for rule in &file.device {
            let about = rule.compatible.join(", ");
            let names = rule.properties.keys().map(String::as_str);
            types::has(&rule.class, &about, "parameter", names, known())?;
            let outputs = rule.interrupts.outputs();
            let named = outputs.into_iter().filter(|o| !types::is_number(o));
            types::has(&rule.class, &about, "output", named, known())?;
        }
        for rule in &file.extra {
            if let Some(class) = &rule.class {
                let names = rule.properties.keys().map(String::as_str);
                types::has(class, &rule.name, "parameter", names, known())?;
            }
        }
        let all = std::mem::take(&mut self.all);
        self.all = file.before(all);
        Ok(())
    }
}
