//! Declarative field tables over a flatbuffer: the `flatbuffers` crate verifies, this reads.
//!
//! The crate's own accessors are `unsafe` functions that trust an earlier verification. Here
//! every access checks its bounds instead and gives the field's default when they do not hold,
//! so a mistake in a table can give a wrong value but never an invalid read.

use std::borrow::Cow;
use std::marker::PhantomData;

use flatbuffers::{
    ForwardsUOffset, InvalidFlatbuffer, TableVerifier, Vector, Verifiable, Verifier,
};

/// A table's place in the file.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Place<'a> {
    /// The place that the file's first four bytes point to.
    pub(super) fn root(file: &'a [u8]) -> Option<Self> {
        Self { file, at: 0 }.follow()
    }

    fn bytes<const N: usize>(self) -> Option<[u8; N]> {
        self.file.get(self.at..)?.first_chunk().copied()
    }

    /// The target of the unsigned offset stored here.
    fn follow(self) -> Option<Self> {
        let offset = u32::from_le_bytes(self.bytes()?);
        let at = self.at.checked_add(usize::try_from(offset).ok()?)?;
        Some(Self { at, ..self })
    }

    /// The field of a slot, if the table here has it.
    pub(super) fn slot(self, slot: u16) -> Option<Self> {
        let back = i64::from(i32::from_le_bytes(self.bytes()?));
        let vtable = usize::try_from(i64::try_from(self.at).ok()?.checked_sub(back)?).ok()?;
        let vtable = Self { at: vtable, ..self };
        let entry = usize::from(voffset(slot));
        if entry >= usize::from(u16::from_le_bytes(vtable.bytes()?)) {
            return None;
        }
        let entry = Self {
            at: vtable.at.checked_add(entry)?,
            ..self
        };
        match usize::from(u16::from_le_bytes(entry.bytes()?)) {
            0 => None,
            offset => Some(Self {
                at: self.at.checked_add(offset)?,
                ..self
            }),
        }
    }
}

/// A slot's position in a table's directory of fields, as the verifier counts it.
pub const fn voffset(slot: u16) -> u16 {
    4 + 2 * slot
}

/// A type that a field of a table can have.
pub(super) trait Field<'a>: Sized {
    /// What the verifier has to find in the field's place.
    type Check: Verifiable;
    /// Reads the field; `None` where it cannot be read.
    fn read(place: Place<'a>) -> Option<Self>;
    /// The value of an absent field.
    fn absent() -> Self;
}

/// A table type: its fields are declared with [`tables!`].
pub(super) trait Table<'a>: Sized {
    /// The table at a place.
    fn at(place: Place<'a>) -> Self;
}

/// A type that a vector can hold: how many bytes an element takes and how to read it.
pub(super) trait Element<'a>: Sized {
    /// What the verifier has to find in the vector's place.
    type Check: Verifiable;
    /// Bytes per element.
    const SIZE: usize;
    /// Reads one element.
    fn read(place: Place<'a>) -> Option<Self>;
}

macro_rules! scalars {
    ($($t:ty),*) => {$(
        impl<'a> Field<'a> for $t {
            type Check = $t;
            fn read(place: Place<'a>) -> Option<Self> {
                place.bytes().map(<$t>::from_le_bytes)
            }
            fn absent() -> Self { <$t>::default() }
        }
        impl<'a> Element<'a> for $t {
            type Check = Scalars<$t>;
            const SIZE: usize = size_of::<$t>();
            fn read(place: Place<'a>) -> Option<Self> { Field::read(place) }
        }
    )*};
}
scalars!(u8, i8, u16, i32, u32, i64, u64, f32);

impl<'a> Field<'a> for bool {
    type Check = u8;
    fn read(place: Place<'a>) -> Option<Self> {
        <u8 as Field>::read(place).map(|byte| byte != 0)
    }
    fn absent() -> Self {
        false
    }
}

impl<'a, T: Table<'a> + Verifiable> Field<'a> for Option<T> {
    type Check = ForwardsUOffset<T>;
    fn read(place: Place<'a>) -> Option<Self> {
        Some(Some(T::at(place.follow()?)))
    }
    fn absent() -> Self {
        None
    }
}

impl<'a, T: Table<'a> + Verifiable + 'a> Element<'a> for T {
    type Check = Vector<'a, ForwardsUOffset<T>>;
    const SIZE: usize = 4;
    fn read(place: Place<'a>) -> Option<Self> {
        Some(T::at(place.follow()?))
    }
}

/// A vector of scalars, which may be at any alignment: nothing here reads more than bytes, and
/// early writers did not keep to the alignment that the schema asks for.
pub(super) struct Scalars<T>(PhantomData<T>);

impl<T> Verifiable for Scalars<T> {
    fn run_verifier(verifier: &mut Verifier, at: usize) -> Result<(), InvalidFlatbuffer> {
        let length = verifier.get_uoffset(at)? as usize;
        verifier.range_in_buffer(at.saturating_add(4), length.saturating_mul(size_of::<T>()))
    }
}

/// Bytes: a `[ubyte]` vector at any alignment, or a string before anyone looked at its encoding.
#[derive(Clone, Copy, Default)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn as_slice(self) -> &'a [u8] {
        self.0
    }

    /// As text. Writers are C++ programs that never check their encoding.
    pub(super) fn text(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.0)
    }
}

impl<'a> Field<'a> for Bytes<'a> {
    type Check = ForwardsUOffset<Scalars<u8>>;
    fn read(place: Place<'a>) -> Option<Self> {
        let vector = place.follow()?;
        let length = usize::try_from(u32::from_le_bytes(vector.bytes()?)).ok()?;
        let start = vector.at.checked_add(4)?;
        Some(Self(vector.file.get(start..start.checked_add(length)?)?))
    }
    fn absent() -> Self {
        Self::default()
    }
}

/// A vector of scalars or of tables; empty when absent.
pub(super) struct List<'a, T> {
    first: Option<Place<'a>>,
    length: usize,
    of: PhantomData<T>,
}

impl<'a, T: Element<'a>> List<'a, T> {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn get(&self, index: usize) -> Option<T> {
        let first = self.first?;
        if index >= self.length {
            return None;
        }
        T::read(Place {
            at: first.at.checked_add(index.checked_mul(T::SIZE)?)?,
            ..first
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        (0..self.length).map_while(|index| self.get(index))
    }

    pub(super) fn to_vec(&self) -> Vec<T> {
        self.iter().collect()
    }
}

impl<'a, T: Element<'a>> Field<'a> for List<'a, T> {
    type Check = ForwardsUOffset<T::Check>;
    fn read(place: Place<'a>) -> Option<Self> {
        let vector = place.follow()?;
        let length = usize::try_from(u32::from_le_bytes(vector.bytes()?)).ok()?;
        let first = Place {
            at: vector.at.checked_add(4)?,
            ..vector
        };
        // An unverified length must not become anyone's capacity.
        let room = first.file.len().saturating_sub(first.at) / T::SIZE;
        Some(Self {
            first: Some(first),
            length: length.min(room),
            of: PhantomData,
        })
    }
    fn absent() -> Self {
        Self {
            first: None,
            length: 0,
            of: PhantomData,
        }
    }
}

/// Reads a slot, or gives what an absent one stands for.
pub(super) fn field<'a, T: Field<'a>>(place: Place<'a>, slot: u16, default: Option<T>) -> T {
    let read = match place.slot(slot) {
        Some(place) => T::read(place),
        None => default,
    };
    read.unwrap_or_else(T::absent)
}

/// What looks whether there is what a file needs to have at a position.
pub(super) type Check = fn(&mut Verifier, usize) -> Result<(), InvalidFlatbuffer>;

/// Verifies and finds a table that verification of the whole file had to leave out.
pub(super) fn verified<'a>(
    place: Place<'a>,
    slot: u16,
    verifier: &mut Verifier,
    check: Check,
) -> Result<Option<Place<'a>>, InvalidFlatbuffer> {
    let Some(place) = place.slot(slot) else {
        return Ok(None);
    };
    check(verifier, place.at)?;
    Ok(place.follow())
}

/// A field to verify: its name, its slot, and what is to be there.
pub(super) type Slot = (&'static str, u16, Visit);

type Visit = for<'v, 'o, 'b> fn(
    TableVerifier<'v, 'o, 'b>,
    &'static str,
    u16,
) -> Result<TableVerifier<'v, 'o, 'b>, InvalidFlatbuffer>;

/// Verifies a field of a kind.
pub(super) fn visit<'v, 'o, 'b, C: Verifiable>(
    table: TableVerifier<'v, 'o, 'b>,
    name: &'static str,
    slot: u16,
) -> Result<TableVerifier<'v, 'o, 'b>, InvalidFlatbuffer> {
    table.visit_field::<C>(name, voffset(slot), false)
}

/// Verifies the fields of a table.
pub(super) fn verify(
    verifier: &mut Verifier,
    at: usize,
    fields: &[Slot],
) -> Result<(), InvalidFlatbuffer> {
    let mut table = verifier.visit_table(at)?;
    for (name, slot, visit) in fields {
        table = visit(table, name, *slot)?;
    }
    table.finish();
    Ok(())
}

/// Declares tables as lists of `slot name: type`, with `= default` where the schema gives one
/// that is not zero. Each gets an accessor per field and a verifier of all fields it lists.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident { $($slot:literal $field:ident: $type:ty $(= $default:expr)?,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in crate::tflite) struct $name<'a>($crate::tflite::table::Place<'a>);

        impl<'a> $name<'a> {
            $(
                pub(in crate::tflite) fn $field(self) -> $type {
                    let default = tables!(@default $($default)?);
                    $crate::tflite::table::field(self.0, $slot, default)
                }
            )*
        }

        impl<'a> $crate::tflite::table::Table<'a> for $name<'a> {
            fn at(place: $crate::tflite::table::Place<'a>) -> Self {
                Self(place)
            }
        }

        impl<'a> ::flatbuffers::Verifiable for $name<'a> {
            fn run_verifier(
                verifier: &mut ::flatbuffers::Verifier,
                at: usize,
            ) -> Result<(), ::flatbuffers::InvalidFlatbuffer> {
                let fields: &[$crate::tflite::table::Slot] = &[$((
                    concat!(stringify!($name), ".", stringify!($field)),
                    $slot,
                    $crate::tflite::table::visit::<<$type as $crate::tflite::table::Field<'a>>::Check>,
                )),*];
                $crate::tflite::table::verify(verifier, at, fields)
            }
        }
    )*};
    (@default) => { None };
    (@default $default:expr) => { Some($default) };
}
pub(super) use tables;
