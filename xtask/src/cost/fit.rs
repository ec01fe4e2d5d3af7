//! Fits coefficients that are not negative to what was measured.

/// An equation: a sum of variables, each with its factor, and what it should come to.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// By variable; none twice.
    pub(super) factors: Vec<(usize, f64)>,
    pub(super) wanted: f64,
    /// What its error is multiplied with.
    pub(super) weight: f64,
}

/// What is assumed of a variable before anything is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prior {
    pub(super) value: f64,
    /// How much a difference from it weighs, as that of a row does.
    pub(super) weight: f64,
}

/// Least squares with no variable below 0, as normal equations, of which most cells are empty: the least sum of squares of rows' and priors'
/// differences, times their weights.
#[derive(Debug, Clone)]
pub(super) struct Normal {
    cells: Vec<Vec<(usize, f64)>>,
    right: Vec<f64>,
}

const MOST_TURNS: usize = 3000;
/// Variables rest that move by less than this part of themselves.
const RESTS: f64 = 1e-7;

impl Normal {
    /// Of so many variables, of which nothing is known.
    pub(super) fn new(variables: usize) -> Self {
        Self {
            cells: vec![Vec::new(); variables],
            right: vec![0.0; variables],
        }
    }

    /// Adds what is assumed of each variable.
    pub(super) fn assume(&mut self, priors: &[Prior]) {
        for (variable, prior) in priors.iter().enumerate() {
            let row = Row {
                factors: vec![(variable, 1.0)],
                wanted: prior.value,
                weight: prior.weight,
            };
            self.add(&row, 1.0);
        }
    }

    /// Adds a row so many times; -1.0 takes one away.
    pub(super) fn add(&mut self, row: &Row, times: f64) {
        let square = row.weight * row.weight * times;
        for &(variable, factor) in &row.factors {
            self.right[variable] += square * factor * row.wanted;
            for &(other, with) in &row.factors {
                let product = square * factor * with;
                let cells = &mut self.cells[variable];
                match cells.iter_mut().find(|(at, _)| *at == other) {
                    Some((_, cell)) => *cell += product,
                    None => cells.push((other, product)),
                }
            }
        }
    }

    /// Each variable in turn gets its best value while the others stay, from `start` on, until none moves. That is enough here, where a kernel shares
    /// rows with few others and every variable has a prior; packages for this take one dense matrix.
    pub(super) fn solve(&self, start: &[f64]) -> Vec<f64> {
        let mut found = start.to_vec();
        let mut moving: Vec<bool> = vec![true; found.len()];
        for _ in 0..MOST_TURNS {
            let mut next = vec![false; found.len()];
            let mut is_moving = false;
            for variable in 0..found.len() {
                if !moving[variable] {
                    continue;
                }
                let cells = &self.cells[variable];
                let sum: f64 = cells.iter().map(|(at, cell)| cell * found[*at]).sum();
                let own = cells.iter().find(|(at, _)| *at == variable);
                let own = own.map_or(0.0, |(_, cell)| *cell);
                if own <= 0.0 {
                    continue;
                }
                let old = found[variable];
                let new = (old + (self.right[variable] - sum) / own).max(0.0);
                found[variable] = new;
                if (new - old).abs() > RESTS * new.abs().max(1e-6) {
                    is_moving = true;
                    cells.iter().for_each(|(at, _)| next[*at] = true);
                }
            }
            if !is_moving {
                break;
            }
            moving = next;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(factors: &[f64], wanted: f64) -> Row {
        Row {
            factors: factors.iter().copied().enumerate().collect(),
            wanted,
            weight: 1.0,
        }
    }

    fn solve(rows: &[Row], priors: &[Prior]) -> Vec<f64> {
        let mut normal = Normal::new(priors.len());
        normal.assume(priors);
        rows.iter().for_each(|row| normal.add(row, 1.0));
        normal.solve(&vec![1.0; priors.len()])
    }

    const FREE: Prior = Prior {
        value: 0.0,
        weight: 1e-9,
    };

    #[test]
    fn what_is_a_sum_is_found_again() {
        let rows = [
            row(&[1.0, 2.0], 8.0),
            row(&[1.0, 1.0], 5.0),
            row(&[2.0, 1.0], 7.0),
        ];
        let found = solve(&rows, &[FREE; 2]);
        assert!(
            (found[0] - 2.0).abs() < 1e-4 && (found[1] - 3.0).abs() < 1e-4,
            "{found:?}"
        );
    }

    #[test]
    fn no_variable_is_below_zero() {
        let rows = [row(&[1.0, 1.0], 1.0), row(&[1.0, 2.0], 0.0)];
        let found = solve(&rows, &[FREE; 2]);
        // Free: 2 and -1. With the second at 0, the first is the mean of 1 and 0.
        assert!(
            (found[0] - 0.5).abs() < 1e-4 && found[1] == 0.0,
            "{found:?}"
        );
    }

    #[test]
    fn what_nothing_was_measured_of_is_as_assumed() {
        let prior = Prior {
            value: 7.0,
            weight: 0.1,
        };
        let found = solve(&[row(&[2.0], 6.0)], &[FREE, prior]);
        assert!(
            (found[0] - 3.0).abs() < 1e-6 && (found[1] - 7.0).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn a_row_that_is_taken_away_is_as_if_it_never_was() {
        let (first, second) = (row(&[1.0], 4.0), row(&[1.0], 8.0));
        let mut normal = Normal::new(1);
        normal.assume(&[FREE]);
        normal.add(&first, 1.0);
        normal.add(&second, 1.0);
        assert!((normal.solve(&[0.0])[0] - 6.0).abs() < 1e-6);
        normal.add(&second, -1.0);
        assert!((normal.solve(&[6.0])[0] - 4.0).abs() < 1e-6);
    }
}
