//! What JavaScript calls.

use std::panic;

use wasm_bindgen::prelude::wasm_bindgen;

use crate::session::{self, json};
use crate::{Choices, Wish};

#[wasm_bindgen]
extern "C" {
    /// Takes what a panic says: the module is of no use afterwards.
    #[wasm_bindgen(js_name = castironFault)]
    fn fault(text: &str);
}

/// Sees to it that a panic says what it was about.
#[wasm_bindgen(start)]
pub fn start() {
    panic::set_hook(Box::new(|what| fault(&what.to_string())));
}

/// What there is to choose from, as JSON.
#[wasm_bindgen]
pub fn choices() -> Result<String, String> {
    let all = Choices::all().map_err(|error| session::printed(&error))?;
    Ok(json(&all))
}

/// Models that are looked at together.
#[wasm_bindgen]
pub struct Session(session::Session);

#[wasm_bindgen]
impl Session {
    /// Begins with what was chosen: JSON of a [`Wish`].
    #[wasm_bindgen(constructor)]
    pub fn new(wish: &str) -> Result<Self, String> {
        let wish: Wish = serde_json::from_str(wish).map_err(|error| error.to_string())?;
        Ok(Self(session::Session::new(&wish)?))
    }

    /// Adds a model: JSON of what there is to say of it.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> String {
        json(&self.0.add(name, bytes))
    }

    /// The report and the names of files, as JSON.
    pub fn report(&mut self) -> String {
        self.0.report()
    }

    /// The report in another form.
    pub fn written(&self, form: &str) -> Result<Option<Vec<u8>>, String> {
        self.0.written(form)
    }

    /// A file of a model.
    pub fn file(&self, position: usize, name: &str) -> Result<Option<Vec<u8>>, String> {
        self.0.file(position, name)
    }
}
