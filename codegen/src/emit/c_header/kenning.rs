//! Kenning Zephyr Runtime's `model_data.h`.

use castiron_templates::KENNING_MODEL_DATA_H;
use serde::Serialize;

use crate::emit::kenning::MODEL_NAME;
use crate::emit::kenning::interface::Interface;
use crate::emit::kenning::model_spec::ModelSpec;
use crate::emit::literal::{c_comment, c_string, shortened};
use crate::error::Result;

use super::{BYTES_MARK, CFile, CHeader, Job};

const HELP: &str = "use the standalone style, which has no such limit";

#[derive(Serialize)]
struct Values {
    model: String,
    bytes_mark: String,
    alignment: u32,
    section: Option<String>,
    length: usize,
    #[serde(flatten)]
    spec: ModelSpec,
}

pub(super) fn render<'a>(job: &Job<'_, 'a>) -> Result<CHeader<'a>> {
    let interface = Interface::of_facts(&job.facts);
    let spec = ModelSpec::new(&interface, job.name.unwrap_or(MODEL_NAME), HELP)?;
    let text = KENNING_MODEL_DATA_H.render(&Values {
        model: c_comment(&shortened(job.model.stem())),
        bytes_mark: BYTES_MARK.to_string(),
        alignment: job.alignment,
        section: job.section.map(c_string),
        length: job.bytes.len(),
        spec,
    })?;
    let header = CFile::new("model_data.h".to_owned(), text, job.bytes);
    Ok(CHeader {
        header,
        source: None,
    })
}
