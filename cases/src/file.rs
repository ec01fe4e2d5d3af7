//! Cases in a `.safetensors` file.

use std::path::Path;

use castiron_codegen::error::{Diagnostic, Error, Result};
use castiron_codegen::files;
use castiron_codegen::graph::DType;
use safetensors::{Dtype, SafeTensors};

use super::{Key, Recording, SIGNATURE, Source, Wanted, parse_meta};

/// The key of the file's metadata that has the JSON. The format's writers keep metadata in no order, so there is one key.
pub(crate) const META: &str = "meta";

/// A tensor with its values.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Tensor {
    pub(crate) fn fits(&self, wanted: &Wanted<'_>) -> bool {
        dtype(wanted.dtype) == Some(self.dtype) && self.shape == wanted.shape
    }

    pub(crate) fn describe(&self) -> String {
        let ours = DTYPES.iter().find(|(_, theirs)| *theirs == self.dtype);
        match ours {
            Some((ours, _)) => format!("{ours} {:?}", self.shape),
            None => format!("{} {:?}", self.dtype, self.shape),
        }
    }
}

/// Element types that both have.
const DTYPES: [(DType, Dtype); 16] = [
    (DType::Bool, Dtype::BOOL),
    (DType::Int8, Dtype::I8),
    (DType::Uint8, Dtype::U8),
    (DType::Int16, Dtype::I16),
    (DType::Uint16, Dtype::U16),
    (DType::Int32, Dtype::I32),
    (DType::Uint32, Dtype::U32),
    (DType::Int64, Dtype::I64),
    (DType::Uint64, Dtype::U64),
    (DType::Float16, Dtype::F16),
    (DType::Bfloat16, Dtype::BF16),
    (DType::Float32, Dtype::F32),
    (DType::Float64, Dtype::F64),
    (DType::Complex64, Dtype::C64),
    (DType::Float8E4M3Fn, Dtype::F8_E4M3),
    (DType::Float8E5M2, Dtype::F8_E5M2),
];

/// The format's element type, if it has it.
pub(crate) fn dtype(dtype: DType) -> Option<Dtype> {
    let found = DTYPES.iter().find(|(ours, _)| *ours == dtype);
    found.map(|(_, theirs)| *theirs)
}

pub(crate) fn open(path: &Path) -> Result<Recording> {
    let bytes = files::read(path, files::MOST_OF_A_MODEL)
        .map_err(|e| Diagnostic::new(format!("cannot read {}: {e}", path.display())))?;
    let unusable = |e: safetensors::SafeTensorError| {
        let diagnostic = Diagnostic::new(format!("this is not a .safetensors file: {e}"))
            .help("write it with the Python package safetensors, or name a folder of in_<case>_<i>.bin or .npy");
        Error::from(diagnostic).in_file(&path.display().to_string())
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(unusable)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(unusable)?;
    let mut found = Recording::empty(path);
    let meta = header.metadata().as_ref().and_then(|all| all.get(META));
    found.meta = meta
        .map(|text| parse_meta(text.as_bytes(), path))
        .transpose()?;
    for (name, view) in tensors.iter() {
        let (recording, name) = match name
            .strip_prefix(SIGNATURE)
            .and_then(|n| n.rsplit_once('/'))
        {
            None => (&mut found, name),
            Some((signature, name)) => {
                let meta = found.meta.clone();
                let cases = found.signatures.entry(signature.to_owned());
                let cases = cases.or_insert_with(|| Recording {
                    meta,
                    ..Recording::empty(path)
                });
                (cases, name)
            }
        };
        if let Some(key) = Key::parse(name) {
            let tensor = Tensor {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                bytes: view.data().to_vec(),
            };
            recording.tensors.insert(key, Source::Here(tensor));
        }
    }
    Ok(found)
}
