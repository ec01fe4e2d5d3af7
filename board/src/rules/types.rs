//! What Renode's classes take: constructor parameters, interrupt outputs, attachments.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::super::likely::{likely, one_of};
use super::file::{FORMAT, rules_error};
use castiron_codegen::error::{Diagnostic, Result};

/// The classes of one Renode.
#[derive(Debug, Clone)]
pub struct Types {
    /// The version.
    pub renode: String,
    /// Extensions of RISC-V that processors take, of one letter.
    pub isa_letters: String,
    /// Those with longer names.
    pub isa_extensions: Vec<String>,
    /// Whether a GIC finds the processors that it interrupts.
    pub gic_connects_itself: bool,
    classes: BTreeMap<String, Class>,
    /// Classes that a user's rules name and no table describes.
    trusted: BTreeSet<String>,
}

/// A class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Class {
    /// Constructor parameters, without those that Renode gives by itself.
    pub parameters: Vec<Parameter>,
    /// Interrupt outputs with names.
    pub outputs: Vec<String>,
    /// Whether it has numbered interrupt outputs.
    pub numbered: bool,
    /// Whether it knows the size of its registers.
    pub sized: bool,
    /// What may be attached to it, `#` behind what is attached by number.
    pub attaches: Vec<String>,
}

/// A constructor parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name.
    pub name: String,
    /// The type; an enumeration with its members.
    pub kind: String,
    /// Whether it may be left out.
    pub optional: bool,
}

/// A class as the file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassText {
    parameters: String,
    #[serde(default)]
    outputs: String,
    #[serde(default)]
    sized: bool,
    #[serde(default)]
    attaches: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TypesText {
    renode: String,
    isa_letters: String,
    isa_extensions: String,
    #[serde(default)]
    gic_connects_itself: bool,
    class: BTreeMap<String, ClassText>,
}

impl Types {
    /// Reads a table.
    ///
    /// # Errors
    /// If it is no table of classes.
    pub fn read(text: &str) -> Result<Self> {
        let file: TypesText = toml::from_str(text).map_err(|e| rules_error(&e, text))?;
        let mut types = Self {
            renode: file.renode,
            isa_letters: file.isa_letters,
            isa_extensions: file
                .isa_extensions
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            gic_connects_itself: file.gic_connects_itself,
            classes: BTreeMap::new(),
            trusted: BTreeSet::new(),
        };
        for (name, class) in &file.class {
            types.add(name, class)?;
        }
        Ok(types)
    }

    /// Adds a class, or replaces one.
    ///
    /// # Errors
    /// If a parameter has no type.
    pub fn add(&mut self, class: &str, text: &ClassText) -> Result<()> {
        let parameters = text.parameters.split_whitespace().map(|parameter| {
            let (name, kind) = parameter.split_once(':').ok_or_else(|| {
                Diagnostic::new(format!("a parameter of {class} has no type"))
                    .expected("name:Type, or name:Type? if it may be left out")
                    .found(parameter)
                    .help(format!("describe it; {FORMAT}"))
            })?;
            Ok(Parameter {
                name: name.to_owned(),
                kind: kind.trim_end_matches('?').to_owned(),
                optional: kind.ends_with('?'),
            })
        });
        let outputs = text.outputs.split_whitespace();
        let description = Class {
            parameters: parameters.collect::<Result<_, Diagnostic>>()?,
            outputs: outputs
                .clone()
                .filter(|o| *o != "#")
                .map(str::to_owned)
                .collect(),
            numbered: outputs.clone().any(|output| output == "#"),
            sized: text.sized,
            attaches: text
                .attaches
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        };
        self.classes.insert(class.to_owned(), description);
        Ok(())
    }

    /// Takes a class without a description on trust.
    pub fn trust(&mut self, name: &str) {
        if !self.classes.contains_key(name) {
            self.trusted.insert(name.to_owned());
        }
    }

    /// Whether nothing is known about a class but its name.
    pub fn is_trusted(&self, name: &str) -> bool {
        self.trusted.contains(name)
    }

    /// All classes by name.
    pub fn classes(&self) -> impl Iterator<Item = (&str, &Class)> {
        self.classes
            .iter()
            .map(|(name, class)| (name.as_str(), class))
    }

    /// A class, if this Renode has it.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.get(name)
    }

    /// Why a class cannot be made with these parameters and outputs wired; `None` if it can.
    pub fn refuses<'n>(
        &self,
        name: &str,
        parameters: impl IntoIterator<Item = &'n str>,
        outputs: impl IntoIterator<Item = &'n str>,
    ) -> Option<String> {
        if self.is_trusted(name) {
            return None;
        }
        let renode = &self.renode;
        let Some(class) = self.class(name) else {
            return Some(format!("Renode {renode} has no {name}"));
        };
        let given: Vec<&str> = parameters.into_iter().collect();
        let unknown = given
            .iter()
            .find(|g| !class.parameters.iter().any(|p| p.name == **g));
        if let Some(unknown) = unknown {
            return Some(format!(
                "{name} of Renode {renode} has no parameter {unknown}"
            ));
        }
        let missing = class
            .parameters
            .iter()
            .find(|p| !p.optional && !given.contains(&&*p.name));
        if let Some(missing) = missing {
            return Some(format!("{name} of Renode {renode} wants {}", missing.name));
        }
        let mut outputs = outputs.into_iter();
        let unknown = outputs.find(|output| match is_number(output) {
            true => !class.numbered,
            false => !class.outputs.iter().any(|o| o == output),
        })?;
        Some(format!("{name} of Renode {renode} has no output {unknown}"))
    }
}

/// Whether an output goes by its number.
pub(super) fn is_number(output: &str) -> bool {
    output.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a class has names in at least one of the tables that know it.
pub(super) fn has<'n, 't>(
    class: &str,
    rule: &str,
    what: &str,
    names: impl IntoIterator<Item = &'n str>,
    tables: impl Iterator<Item = &'t Types>,
) -> Result<()> {
    let classes: Vec<&Class> = tables.filter_map(|types| types.class(class)).collect();
    let known: BTreeSet<&str> = (classes.iter())
        .flat_map(|class| match what {
            "output" => class.outputs.iter().collect::<Vec<_>>(),
            _ => class.parameters.iter().map(|p| &p.name).collect(),
        })
        .map(String::as_str)
        .collect();
    let mut names = names.into_iter();
    let unknown = names.find(|name| !classes.is_empty() && !known.contains(name));
    let Some(unknown) = unknown else {
        return Ok(());
    };
    let close = likely(unknown, known.iter().copied());
    let all: Vec<&str> = known.into_iter().collect();
    let remedy = format!("correct the rule, or describe your class below [class.\"{class}\"]");
    let diagnostic = Diagnostic::new(format!("{class} has no {what} {}", unknown.escape_debug()))
        .expected(match all.is_empty() {
            true => "none".to_owned(),
            false => one_of(&all),
        })
        .found(format!("{} in the rule for {rule}", unknown.escape_debug()))
        .help(match close.is_empty() {
            true => remedy,
            false => format!("did you mean {}? Otherwise {remedy}", one_of(&close)),
        });
    Err(diagnostic.into())
}
