use castiron_codegen::emit::bytes::*;

#[test]
fn lines_of_twelve() {
    let mut out = Vec::new();
    write_hex(&(0xf8..=0xff).chain(0..6).collect::<Vec<u8>>(), &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "  0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff, 0x00, 0x01, 0x02, 0x03,\n  \
         0x04, 0x05,\n"
    );
}

#[test]
fn every_byte_survives_across_blocks() {
    let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i * 7 + i / 256) as u8).collect();
    let mut out = Vec::new();
    write_hex(&bytes, &mut out).unwrap();
    let back: Vec<u8> = String::from_utf8(out)
        .unwrap()
        .split(',')
        .map(str::trim)
        .filter(|e| !e.is_empty())
        .map(|e| u8::from_str_radix(e.strip_prefix("0x").unwrap(), 16).unwrap())
        .collect();
    assert_eq!(back, bytes);
}
