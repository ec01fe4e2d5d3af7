use castiron_codegen::files::*;
use std::fs::File;
use std::io::{self};

#[test]
fn what_is_too_large_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("endless");
    // A file with a hole: the size of one that is too large, and none of its blocks.
    let file = File::create(&path).unwrap();
    file.set_len(MOST_OF_A_MODEL + 1).unwrap();
    let error = read(&path, MOST_OF_A_MODEL).unwrap_err();
    assert_eq!(error.to_string(), "more than 1073741824 bytes");
    file.set_len(4).unwrap();
    assert_eq!(read(&path, 4).unwrap(), [0; 4]);
    assert!(read(&path, 3).is_err());
}

#[test]
fn what_never_ends_is_read_to_a_bound() {
    let error = read_stream(io::repeat(0), MOST_OF_A_MODEL).unwrap_err();
    assert_eq!(error.to_string(), "more than 67108864 bytes");
    assert_eq!(read_stream(&[7; 9][..], 9).unwrap(), [7; 9]);
}
