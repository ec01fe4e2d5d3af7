//! The CRC-32 of the weights.

use castiron_runtime::Constants;
use castiron_runtime::crc::Crc32;

/// What everybody's CRC-32 of these digits is (the check value of CRC-32/ISO-HDLC), and zlib's of others.
#[test]
fn it_is_that_of_zlib() {
    for (bytes, crc) in [
        (&b"123456789"[..], 0xcbf4_3926),
        (b"", 0),
        (b"\0", 0xd202_ef8d),
        (b"castiron", 0xce57_3980),
    ] {
        assert_eq!(Crc32::of(bytes), crc, "{bytes:?}");
    }
}

#[test]
fn every_changed_bit_is_found() {
    let bytes: [u8; 97] = std::array::from_fn(|i| (i * 37) as u8);
    let crc = Crc32::of(&bytes);
    assert!(Constants(bytes).is_intact(crc));
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!Constants(changed).is_intact(crc), "bit {bit}");
    }
    assert!(Constants([]).is_intact(0));
}
