//! Which processor a build is for: devicetrees of systems with several list them all.

use super::dts::{Devicetree, NodeRef};

/// The interrupt controller of each kind of Cortex-M. A devicetree has the one of the processor
/// that it is for.
const NVICS: [(&str, &[&str]); 4] = [
    (
        "arm,v6m-nvic",
        &["arm,cortex-m0", "arm,cortex-m0+", "arm,cortex-m1"],
    ),
    (
        "arm,v7m-nvic",
        &[
            "arm,cortex-m3",
            "arm,cortex-m4",
            "arm,cortex-m4f",
            "arm,cortex-m7",
        ],
    ),
    (
        "arm,v8m-nvic",
        &["arm,cortex-m23", "arm,cortex-m33", "arm,cortex-m33f"],
    ),
    (
        "arm,v8.1m-nvic",
        &["arm,cortex-m52", "arm,cortex-m55", "arm,cortex-m85"],
    ),
];

/// The processors that are switched on.
pub(super) fn cpus(tree: &Devicetree) -> impl Iterator<Item = NodeRef<'_>> {
    let nodes = tree.at("/cpus").into_iter().flat_map(NodeRef::children);
    nodes.filter(|node| {
        let is_cpu = node.base_name() == "cpu" || node.text("device_type") == Some("cpu");
        is_cpu && node.is_enabled()
    })
}

/// The interrupt controller of Cortex-M, if the devicetree has one.
pub(super) fn nvic(tree: &Devicetree) -> Option<NodeRef<'_>> {
    let mut nodes = tree.nodes().into_iter();
    nodes.find(|node| NVICS.iter().any(|(nvic, _)| node.is_compatible(nvic)))
}

/// Whether an NVIC is that of a processor.
pub(super) fn belongs(nvic: NodeRef<'_>, cpu: NodeRef<'_>) -> bool {
    NVICS.iter().any(|(name, cpus)| {
        nvic.is_compatible(name) && cpus.iter().any(|compatible| cpu.is_compatible(compatible))
    })
}

/// The processor that the build is for: the first that its interrupt controller belongs to.
pub(super) fn first(tree: &Devicetree) -> Option<NodeRef<'_>> {
    let nvic = nvic(tree);
    let mut fitting = cpus(tree).filter(|cpu| nvic.is_none_or(|nvic| belongs(nvic, *cpu)));
    fitting.next().or_else(|| cpus(tree).next())
}
