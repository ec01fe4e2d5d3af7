//! Which processor a build is for: devicetrees of systems with several list them all.

use super::dts::{Devicetree, NodeRef};
use castiron_codegen::cortex::{CORTEX_M, Cortex};

/// The processors that are switched on.
pub(super) fn cpus(tree: &Devicetree) -> impl Iterator<Item = NodeRef<'_>> {
    let nodes = tree.at("/cpus").into_iter().flat_map(NodeRef::children);
    nodes.filter(|node| {
        let is_cpu = node.base_name() == "cpu" || node.text("device_type") == Some("cpu");
        is_cpu && node.is_enabled()
    })
}

/// What a node is, if it is a Cortex-M.
pub(super) fn cortex(cpu: NodeRef<'_>) -> Option<&'static Cortex> {
    cpu.compatibles().find_map(Cortex::of_compatible)
}

/// The interrupt controller of Cortex-M, if the devicetree has one: that of the processor that it
/// is for.
pub(super) fn nvic(tree: &Devicetree) -> Option<NodeRef<'_>> {
    let is_nvic = |name: &str| CORTEX_M.iter().any(|c| c.architecture.nvic() == name);
    let mut nodes = tree.nodes().into_iter();
    nodes.find(|node| node.compatibles().any(is_nvic))
}

/// Whether an NVIC is that of a processor.
pub(super) fn belongs(nvic: NodeRef<'_>, cpu: NodeRef<'_>) -> bool {
    cortex(cpu).is_some_and(|cortex| nvic.is_compatible(cortex.architecture.nvic()))
}

/// The processor that the build is for: the first that its interrupt controller belongs to.
pub(super) fn first(tree: &Devicetree) -> Option<NodeRef<'_>> {
    let nvic = nvic(tree);
    let mut fitting = cpus(tree).filter(|cpu| nvic.is_none_or(|nvic| belongs(nvic, *cpu)));
    fitting.next().or_else(|| cpus(tree).next())
}

/// The instruction set of a RISC-V processor, as one word: `rv32imc_zicsr`.
pub(super) fn riscv_isa(cpu: NodeRef<'_>) -> Option<String> {
    if let Some(isa) = cpu.text("riscv,isa") {
        return Some(isa.to_owned());
    }
    let base = cpu.text("riscv,isa-base")?;
    let extensions: Vec<&str> = cpu.texts("riscv,isa-extensions").collect();
    let (letters, words): (Vec<&str>, Vec<&str>) = extensions
        .iter()
        .partition(|e| e.len() == 1 && !base.contains(**e));
    let words = words.iter().filter(|word| word.len() > 1);
    let all = words.fold(base.to_owned() + &letters.concat(), |isa, word| {
        isa + "_" + word
    });
    Some(all)
}
