use proptest::prelude::*;

use castiron_codegen::passes::turning::*;

/// Elements 0, 1, 2, … of a shape, transposed: what each place of the result holds.
fn transposed(shape: &[usize], order: &[usize]) -> Vec<u8> {
    let count: usize = shape.iter().product();
    let to: Vec<usize> = order.iter().map(|axis| shape[*axis]).collect();
    let all: Vec<u8> = (0..count as u8).collect();
    moved(&all, 1, shape, &opposite(order), &to)
}

proptest! {
    /// RESHAPE of what TRANSPOSE gives is TRANSPOSE of what RESHAPE gives, where an order is said.
    #[test]
    fn reshapes_keep_elements_in_their_places(
        mut order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
        sizes in proptest::collection::vec(1usize..4, 4),
        cut in 0usize..4,
        ones in proptest::collection::vec(0usize..3, 2),
        swap in any::<bool>(),
    ) {
        if swap {
            order = vec![0, 3, 1, 2];
        }
        // What stands for the tensor, and the tensor.
        let shape: Vec<usize> = order.iter().map(|axis| sizes[*axis]).collect();
        let mut to = shape.clone();
        if cut < 3 {
            let size = to.remove(cut);
            to[cut] *= size;
        }
        for at in ones {
            to.insert(at, 1);
        }
        if let Some(other) = reshaped(&order, &shape, &to) {
            let mut standing = vec![0; to.len()];
            for (at, size) in to.iter().enumerate() {
                standing[other[at]] = *size;
            }
            prop_assert_eq!(transposed(&sizes, &order), transposed(&standing, &other));
        } else {
            prop_assert!(cut < 3);
        }
    }
}

#[test]
fn a_reshape_keeps_an_order_where_it_can() {
    let channels_first = [0, 3, 1, 2];
    let shape = [1, 8, 5, 4];
    // Rows and columns as one, without a dimension that has one element, and all as one.
    assert_eq!(
        reshaped(&channels_first, &shape, &[1, 8, 20]),
        Some(vec![0, 2, 1])
    );
    assert_eq!(
        reshaped(&channels_first, &[2, 8, 1, 1], &[2, 8]),
        Some(vec![0, 1])
    );
    assert_eq!(reshaped(&channels_first, &shape, &[1, 160]), None);
    // Groups of channels.
    assert_eq!(
        reshaped(&channels_first, &shape, &[1, 2, 4, 5, 4]),
        Some(vec![0, 3, 4, 1, 2])
    );
}
