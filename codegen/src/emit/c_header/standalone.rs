//! A header and a source file that need nothing but the C library.

use std::collections::HashMap;

use castiron_templates::{STANDALONE_C, STANDALONE_H};
use serde::Serialize;

use crate::emit::arena::ArenaValues;
use crate::emit::c_tensors::{GraphValues, graph_values};
use crate::emit::facts::GraphFacts;
use crate::emit::literal::{c_comment, c_string, shortened};
use crate::error::Result;
use crate::graph::{Model, Signature, SignaturePort};

use super::{BYTES_MARK, CFile, CHeader, Job};

#[derive(Serialize)]
struct Values {
    /// Prefix of functions and variables.
    prefix: String,
    /// Prefix of macros.
    upper: String,
    model: String,
    model_comment: String,
    /// What the source includes.
    include: String,
    bytes_mark: String,
    length: usize,
    alignment: u32,
    section: Option<String>,
    arena: Option<ArenaValues>,
    /// The subgraph run by default first, then those only signatures run.
    graphs: Vec<GraphValues>,
    signatures: Vec<SignatureValues>,
    narrow: bool,
    wide: bool,
    bool_type: bool,
}

#[derive(Serialize)]
struct SignatureValues {
    upper: String,
    name: String,
    comment: String,
    graph: usize,
    ports: Vec<PortValues>,
}

#[derive(Serialize)]
struct PortValues {
    upper: String,
    name: String,
    tensor: usize,
    /// Position among the subgraph's inputs or outputs.
    index: Option<usize>,
}

pub(super) fn render<'a>(job: &Job<'_, 'a>) -> Result<CHeader<'a>> {
    let prefix = job.prefix();
    let upper = prefix.to_ascii_uppercase();
    let mut graphs = vec![graph_values(&job.facts, 0, &prefix, &upper)?];
    for index in 1..job.model.graphs.len() {
        if job.model.signatures.iter().any(|s| s.graph == index) {
            let facts =
                GraphFacts::new(&job.model.graphs[index]).map_err(|e| e.in_subgraph(index))?;
            let (prefix, upper) = (
                format!("{prefix}_graph_{index}"),
                format!("{upper}_GRAPH_{index}"),
            );
            graphs.push(graph_values(&facts, index, &prefix, &upper)?);
        }
    }
    // Not `<prefix>.h`: a model named `math` would hide the C library's header.
    let header_name = job
        .include
        .map_or_else(|| format!("{prefix}_model.h"), str::to_owned);
    let values = Values {
        model: c_string(&shortened(job.model.stem())),
        model_comment: c_comment(&shortened(job.model.stem())),
        include: header_name.clone(),
        bytes_mark: BYTES_MARK.to_string(),
        length: job.bytes.len(),
        alignment: job.alignment,
        section: job.section.map(c_string),
        arena: (job.arena)
            .map(|need| ArenaValues::new(need, format!("{upper}_TFLM"), format!("{prefix}_tflm"))),
        signatures: (job.model.signatures.iter().enumerate())
            .map(|(i, s)| signature_values(job.model, s, &format!("{upper}_SIGNATURE_{i}")))
            .collect(),
        narrow: graphs.iter().any(|g| g.quantizes(false)),
        wide: graphs.iter().any(|g| g.quantizes(true)),
        bool_type: graphs
            .iter()
            .flat_map(|g| &g.tensors)
            .any(|t| t.c_type == Some("bool")),
        graphs,
        prefix,
        upper,
    };
    Ok(CHeader {
        header: CFile::new(header_name, STANDALONE_H.render(&values)?, &[]),
        source: Some(CFile::new(
            format!("{}_model.c", values.prefix),
            STANDALONE_C.render(&values)?,
            job.bytes,
        )),
    })
}

fn signature_values(model: &Model, signature: &Signature, upper: &str) -> SignatureValues {
    let graph = model.graphs.get(signature.graph);
    let name = shortened(&signature.name);
    let side = |side: &str, ports: &[SignaturePort]| -> Vec<PortValues> {
        let tensors = graph.map_or(&[][..], |g| {
            if side == "INPUT" {
                &g.inputs
            } else {
                &g.outputs
            }
        });
        let mut positions = HashMap::new();
        for (position, id) in tensors.iter().enumerate() {
            positions.entry(*id).or_insert(position);
        }
        let port = |(i, port): (usize, &SignaturePort)| PortValues {
            upper: format!("{upper}_{side}_{i}"),
            name: c_string(&shortened(&port.name)),
            tensor: port.tensor.index(),
            index: positions.get(&port.tensor).copied(),
        };
        ports.iter().enumerate().map(port).collect()
    };
    let mut ports = side("INPUT", &signature.inputs);
    ports.extend(side("OUTPUT", &signature.outputs));
    SignatureValues {
        upper: upper.to_owned(),
        comment: c_comment(&name),
        name: c_string(&name),
        graph: signature.graph,
        ports,
    }
}
