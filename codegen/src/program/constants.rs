//! The packed constants of a program.

use std::collections::HashMap;
use std::sync::Arc;

use castiron_runtime::host::Aligned;

use super::program::{ElementType, Memory, Operand};

/// Constants packed so far; equal ones are stored once.
#[derive(Debug, Default)]
pub(crate) struct ConstantPool {
    bytes: Aligned,
    seen: HashMap<Arc<[u8]>, usize>,
}

/// Kernels may read several small values at once.
const LEAST_ALIGNMENT: usize = 4;

impl ConstantPool {
    /// The place of elements given as little-endian bytes.
    pub(crate) fn pack(&mut self, element: ElementType, bytes: Arc<[u8]>) -> Operand {
        let len = bytes.len() / element.bytes();
        let alignment = Self::alignment(element);
        let known = self.seen.get(&bytes).copied();
        let offset = match known.filter(|offset| offset.is_multiple_of(alignment)) {
            Some(offset) => offset,
            None => {
                let offset = self.bytes.push_aligned(&bytes, alignment);
                self.seen.insert(bytes, offset);
                offset
            }
        };
        Operand {
            memory: Memory::Constants,
            element,
            offset,
            len,
        }
    }

    /// The alignment of elements in the pool.
    pub(crate) fn alignment(element: ElementType) -> usize {
        element.bytes().max(LEAST_ALIGNMENT)
    }

    /// Lets what comes next begin at such a place; the place.
    pub(crate) fn align(&mut self, alignment: usize) -> usize {
        self.bytes.push_aligned(&[], alignment)
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.bytes().len()
    }

    pub(crate) fn into_bytes(self) -> Aligned {
        self.bytes
    }
}

/// Numbers that can be packed.
pub trait Constant: Copy {
    /// The kernels' type.
    const ELEMENT: ElementType;
    /// Appends the little-endian bytes.
    fn write(self, bytes: &mut Vec<u8>);
}

macro_rules! constants {
    ($($t:ty = $element:ident,)*) => {$(
        impl Constant for $t {
            const ELEMENT: ElementType = ElementType::$element;
            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )*};
}
constants! { i8 = I8, u8 = U8, i16 = I16, u16 = U16, i32 = I32, u32 = U32, i64 = I64, f32 = F32, }
