use castiron_codegen::ops::curve::*;

/// Entries of the references' table, among them those where the nearest number would be another.
#[test]
fn the_table_of_logistic_is_the_references() {
    let table = logistic();
    let known = [
        (0, 32768),
        (1, 33451),
        (4, 35493),
        (28, 49975),
        (57, 59959),
        (100, 64536),
        (200, 65520),
        (254, 65534),
        (255, 65535),
    ];
    for (i, entry) in known {
        assert_eq!(table[i], entry, "{i}");
    }
    let checksum = table
        .iter()
        .enumerate()
        .map(|(i, entry)| (i as u64 + 1) * u64::from(*entry))
        .sum::<u64>();
    assert_eq!(checksum, 2_123_733_574);
}

#[test]
fn scales_near_a_power_of_two_count_as_one() {
    assert_eq!(power_of_two(1.0 / 4096.0), Some(-12));
    assert_eq!(power_of_two(1.0005 / 4096.0), Some(-12));
    assert_eq!(power_of_two(1.001 / 4096.0), None);
}
