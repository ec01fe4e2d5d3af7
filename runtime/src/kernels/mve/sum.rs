//! ADD and SUB where a short form is proven.

use super::parameters;
use crate::arch::mve::sum;
use crate::kernels::{Combine, Meeting, ShortSum, Source};

parameters! {
    /// [`ShortSum`], four elements at a time where they lie side by side.
    pub struct MveSum {
        /// What it is.
        pub sum: ShortSum,
    }
}

impl Combine<i8, i8> for MveSum {
    #[inline(always)]
    fn combine(&self, first: i8, second: i8) -> i8 {
        self.sum.combine(first, second)
    }

    #[inline(always)]
    fn meet<S: Source<i8>>(&self, meeting: Meeting<'_, i8, S, i8>) {
        let Meeting {
            first, second, y, ..
        } = meeting;
        match meeting.broadcast {
            None if first.len() == second.len() => {
                let factors = [self.sum.first, self.sum.second];
                sum(first, second, y, factors, self.sum.offset);
            }
            _ => meeting.run(self.sum),
        }
    }
}
