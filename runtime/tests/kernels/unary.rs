use castiron_runtime::kernels::*;
use std::cell::Cell;

#[test]
fn a_table_is_indexed_by_the_stored_byte() {
    let table = core::array::from_fn::<u8, 256, _>(|i| (i as u8).wrapping_mul(7));
    let mut bytes = core::array::from_fn::<u8, 263, _>(|i| i as u8);
    let expected = bytes.map(|b| b.wrapping_mul(7));
    let cells = Cell::from_mut(&mut bytes[..]).as_slice_of_cells();
    Lookup.run(cells, &table, cells);
    assert_eq!(bytes, expected);
}

#[test]
fn a_map_may_change_the_type_and_runs_in_place() {
    struct Halved;

    impl Function<i16, i8> for Halved {
        fn of(&self, x: i16) -> i8 {
            (x / 2) as i8
        }
    }

    impl Function<i8, i8> for Halved {
        fn of(&self, x: i8) -> i8 {
            x / 2
        }
    }

    let y = [0i8; 2].map(Cell::new);
    let map = Map { function: Halved };
    map.run(&[Cell::new(200i16), Cell::new(-3)], &y);
    assert_eq!(y.clone().map(Cell::into_inner), [100, -1]);
    map.run(&y, &y);
    assert_eq!(y.map(Cell::into_inner), [50, 0]);
}
