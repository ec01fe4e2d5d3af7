//! Cargo.toml has castiron by another name, and crates re-export it.

pub mod deps {
    pub use caster::*;

    #[macro_export]
    macro_rules! sine {
        ($name:ident) => {
            $crate::deps::include_model!(
                mod $name = "../../../../examples/models/sine_int8.tflite", crate = $crate::deps
            );
        };
    }
}

caster::include_model!(mod named = "../../../../examples/models/sine_int8.tflite", crate = caster);
caster::include_model!(mod rooted = "../../../../tests/data/models/two_signatures_int8.tflite", crate = ::caster);
deps::include_model!(mod within = "../../../../examples/models/sine_int8.tflite", crate = crate::deps);
sine!(through_a_macro);

fn main() {
    let all = [
        named::Model::new().predict(&[1])[0],
        within::Model::new().predict(&[1])[0],
        through_a_macro::Model::new().predict(&[1])[0],
    ];
    assert_eq!(all, [all[0]; 3]);
    let _ = rooted::Model::new().predict(&[0; 4]);
}
