//! Counting work, so that every host stops a search at the same point.

use std::time::Instant;

use super::Budget;

/// How often the clock is looked at, in steps.
const CLOCK_INTERVAL: u64 = 1 << 16;

/// What is left of a [`Budget`].
pub struct Meter {
    left: u64,
    deadline: Option<Instant>,
    next_look: u64,
}

impl Meter {
    pub fn new(budget: &Budget) -> Self {
        // A limit too far away for the clock is no limit.
        let deadline = budget
            .time
            .and_then(|time| Instant::now().checked_add(time));
        Self {
            left: budget.steps,
            deadline,
            next_look: budget.steps,
        }
    }

    /// Steps that may still be spent.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Spends `steps`; false when the budget is used up.
    pub(super) fn spend(&mut self, steps: u64) -> bool {
        self.left = self.left.saturating_sub(steps);
        if let Some(deadline) = self.deadline
            && self.left <= self.next_look
        {
            self.next_look = self.left.saturating_sub(CLOCK_INTERVAL);
            if Instant::now() >= deadline {
                self.left = 0;
            }
        }
        self.left > 0
    }
}
