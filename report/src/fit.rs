//! Whether a model fits on the board.

use castiron_board::fit::{self, Candidate, FitOptions};
use castiron_codegen::compile::CompileOptions;

use crate::data::{Board, Fit, Item, Room};
use crate::draft::Source;

/// A board, and what is on it besides a model.
#[derive(Debug, Clone)]
pub struct Place {
    /// The board.
    pub board: fit::Board,
    /// Flash of the application, in bytes.
    pub application_flash: u64,
    /// RAM of the application, in bytes.
    pub application_ram: u64,
}

impl Place {
    /// Whether a model fits that compiles.
    pub(crate) fn fit(&self, source: &Source<'_>, compile: &CompileOptions) -> Fit {
        let mut options = FitOptions::default();
        options.compile = compile.clone();
        // The board's RAM is one.
        options.compile.memories.clear();
        options.app_flash = self.application_flash;
        options.app_ram = self.application_ram;
        let candidate = Candidate {
            model: source.model,
            name: source.name,
            file_bytes: source.bytes.len(),
        };
        let found = match fit::fit(&[candidate], self.board.clone(), &options) {
            Ok(found) => found,
            Err(error) => {
                let reason = error.diagnostics().first();
                return Fit {
                    fits: false,
                    flash: None,
                    ram: None,
                    items: Vec::new(),
                    reason: reason.map(|diagnostic| diagnostic.message.clone()),
                };
            }
        };
        let items = found.items.iter().map(|item| Item {
            what: item.what,
            flash_bytes: item.flash_bytes,
            ram_bytes: item.ram_bytes,
        });
        Fit {
            fits: found.fits,
            flash: found.flash.map(Room::from),
            ram: Some(found.ram.into()),
            items: items.collect(),
            reason: found.refusal().map(|refusal| match refusal.help {
                Some(help) => format!("{}; {help}", refusal.message),
                None => refusal.message,
            }),
        }
    }
}

impl From<fit::Room> for Room {
    fn from(room: fit::Room) -> Self {
        Self {
            has: room.has,
            takes: room.takes,
            left: room.left,
        }
    }
}

impl From<Place> for Board {
    fn from(place: Place) -> Self {
        Self {
            name: place.board.name,
            cpu: place.board.cpu,
            flash_bytes: place.board.flash_bytes,
            ram_bytes: place.board.ram_bytes,
            clock_hz: place.board.clock.map(|clock| clock.hz),
            clock_source: place.board.clock.map(|clock| clock.source),
            source: place.board.source,
            application_flash_bytes: place.application_flash,
            application_ram_bytes: place.application_ram,
        }
    }
}
