use castiron_codegen::graph::Quantization;
use castiron_codegen::graph::{DType, Tensor};
use castiron_codegen::passes::decode::*;

fn tensor(dtype: DType, shape: &[usize], scales: usize, dimension: usize) -> Tensor {
    Tensor {
        quantization: (scales > 0).then(|| Quantization {
            scale: vec![0.5; scales],
            zero_point: (0..scales as i32).collect(),
            dimension,
        }),
        ..crate::unit::tensor(dtype, shape)
    }
}

fn values(head: &[u8], table: &[u8], coded: &[u8], tensor: &Tensor) -> Option<Vec<u8>> {
    let mut description = head.to_vec();
    description.resize(HEADER, 0);
    description.extend(table);
    Coding::new(coded, &description, tensor)?.values(tensor)
}

#[test]
fn positions_in_tables_of_channels() {
    let head = [TABLE, 1, 0, 0, 1, 2, 2];
    let table = [10, 11, 20, 21];
    let coded = [0b0001_0001];
    let of = |tensor: &Tensor| values(&head, &table, &coded, tensor);
    let rows = tensor(DType::Int8, &[2, 2], 2, 0);
    assert_eq!(of(&rows), Some(vec![10, 11, 20, 21]));
    let columns = tensor(DType::Int8, &[2, 2], 2, 1);
    assert_eq!(of(&columns), Some(vec![10, 21, 10, 21]));
    // Beyond the table, and beyond the positions.
    assert_eq!(values(&head, &table, &[0xff], &rows), None);
    assert_eq!(values(&head, &table, &[], &rows), None);
    assert_eq!(
        values(&[TABLE, 2, 0, 0, 1, 2, 2], &table, &coded, &rows),
        None
    );
}

#[test]
fn what_pruning_left_stands_between_zero_points() {
    let head = [PRUNED, 1, 0, 0, 1];
    let rows = tensor(DType::Int8, &[2, 2], 2, 0);
    let of = |coded: &[u8], table: &[u8]| values(&head, table, coded, &rows);
    assert_eq!(of(&[0b1001_0000], &[7, 9]), Some(vec![7, 0, 1, 9]));
    assert_eq!(of(&[0b1001_0000], &[7]), None);
    let wide = tensor(DType::Int16, &[2, 2], 0, 0);
    let found = values(&head, &[1, 2], &[0b0010_0000], &wide);
    assert_eq!(found, Some(vec![0, 0, 0, 0, 1, 2, 0, 0]));
}

#[test]
fn words_of_a_code_are_read_as_far_as_they_go() {
    // 0 is 5, 10 is 6, and 11 is 7 by a second table.
    let found = |bits: u16, value: u16| 0x8000 | bits << 11 | value;
    let table = [found(1, 5), 1, found(1, 6), found(1, 7)];
    let bytes: Vec<u8> = table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    let head = [HUFFMAN, 1, 0, 0, 1, 0];
    let three = tensor(DType::Int8, &[3], 0, 0);
    assert_eq!(
        values(&head, &bytes, &[0b0101_1000], &three),
        Some(vec![5, 6, 7])
    );
    let many = tensor(DType::Int8, &[9], 0, 0);
    assert_eq!(values(&head, &bytes, &[0b0101_1000], &many), None);
    // An entry that leads to itself ends with the bits.
    let endless = [0u8; 4];
    assert_eq!(values(&head, &endless, &[0; 8], &three), None);
}
