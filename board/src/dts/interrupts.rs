//! Which interrupt of which controller a node raises.

use super::{Cell, NodeRef};

/// An interrupt that a node raises.
#[derive(Debug, Clone)]
pub struct Interrupt<'t> {
    /// The node that receives it.
    pub controller: NodeRef<'t>,
    /// What the controller is told, as many cells as it asks for; the first is its number on most.
    pub cells: Vec<u64>,
    /// Its name, if the node names its interrupts.
    pub name: Option<&'t str>,
}

impl<'t> NodeRef<'t> {
    /// The interrupts it raises, in order: `interrupts-extended`, or else `interrupts` at the
    /// controller that holds for it.
    pub fn interrupts(self) -> Vec<Interrupt<'t>> {
        let mut found = if self.has("interrupts-extended") {
            self.extended()
        } else {
            self.plain()
        };
        for (interrupt, name) in found.iter_mut().zip(self.texts("interrupt-names")) {
            interrupt.name = Some(name);
        }
        found
    }

    fn extended(self) -> Vec<Interrupt<'t>> {
        let cells = self.cells("interrupts-extended");
        let mut rest = &cells[..];
        let mut found = Vec::new();
        while let [first, behind @ ..] = rest {
            let Some(controller) = self.tree.target_of(first) else {
                break;
            };
            let count = controller.interrupt_cells();
            let Some((specifier, behind)) = behind.split_at_checked(count) else {
                break;
            };
            found.push(interrupt(controller, specifier));
            rest = behind;
        }
        found
    }

    fn plain(self) -> Vec<Interrupt<'t>> {
        let Some(controller) = self.interrupt_parent() else {
            return Vec::new();
        };
        let count = controller.interrupt_cells().max(1);
        let cells = self.cells("interrupts");
        let groups = cells.chunks_exact(count);
        groups.map(|group| interrupt(controller, group)).collect()
    }

    /// The controller of `interrupts`: named here or above, or else the next one above.
    fn interrupt_parent(self) -> Option<Self> {
        self.with_ancestors().find_map(|node| {
            if node.has("interrupt-parent") {
                return node.reference("interrupt-parent");
            }
            (node != self && node.has("interrupt-controller")).then_some(node)
        })
    }

    fn interrupt_cells(self) -> usize {
        let count = self.number("#interrupt-cells").unwrap_or(1);
        usize::try_from(count).unwrap_or(1).min(16)
    }
}

fn interrupt<'t>(controller: NodeRef<'t>, cells: &[&Cell]) -> Interrupt<'t> {
    let numbers = cells.iter().map(|cell| match cell {
        Cell::Number(number) => *number,
        Cell::Reference(_) => 0,
    });
    Interrupt {
        controller,
        cells: numbers.collect(),
        name: None,
    }
}
