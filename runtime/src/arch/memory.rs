//! Typed views of byte buffers: the arena in RAM and the packed constants in flash.
//!
//! A view names its element type, byte offset and length as types (`arena.at::<i8, 512, 8000>()`),
//! so that range and alignment are checked when the firmware is compiled and a view costs one
//! address at run time.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::{align_of, size_of, size_of_val};

use super::guard::Guard;
use crate::buffer::RunError;
use crate::crc::Crc32;
use crate::kernels::Progress;

/// Alignment of arenas and constant blocks in bytes.
pub const ALIGNMENT: usize = 16;

mod sealed {
    pub trait Sealed {}
}

/// An element type of tensors: any bit pattern is a value and there is no padding.
///
/// # Safety
/// Implementors are plain numbers: inhabited by every bit pattern, aligned to at most
/// [`ALIGNMENT`], without padding, `Drop` or interior mutability.
pub unsafe trait Element: sealed::Sealed + Copy + 'static {
    /// Zero.
    const ZERO: Self;
    /// The type's name in Rust.
    const NAME: &'static str;
}

macro_rules! elements {
    ($($t:ty = $zero:literal,)*) => {$(
        impl sealed::Sealed for $t {}
        // SAFETY: a primitive number.
        unsafe impl Element for $t {
            const ZERO: Self = $zero;
            const NAME: &'static str = stringify!($t);
        }
    )*};
}
impl sealed::Sealed for Progress {}
// SAFETY: four numbers of one size in C's order, which leaves no padding between them.
unsafe impl Element for Progress {
    const ZERO: Self = Self::START;
    const NAME: &'static str = "Progress";
}

elements! { i8 = 0, u8 = 0, i16 = 0, u16 = 0, i32 = 0, u32 = 0, i64 = 0, u64 = 0, f32 = 0.0, }

/// Fails to compile unless `LEN` elements of `T` from byte `OFFSET` are aligned and lie within a
/// buffer of `BYTES`.
const fn check<T: Element, const OFFSET: usize, const LEN: usize, const BYTES: usize>() {
    check_part::<T, OFFSET, LEN, 0, BYTES>();
}

/// The same for the bytes `FROM..TO` of a buffer.
const fn check_part<
    T: Element,
    const OFFSET: usize,
    const LEN: usize,
    const FROM: usize,
    const TO: usize,
>() {
    assert!(
        OFFSET.is_multiple_of(align_of::<T>()),
        "view is not aligned"
    );
    assert!(
        FROM <= OFFSET && OFFSET <= TO && LEN * size_of::<T>() <= TO - OFFSET,
        "view exceeds its buffer"
    );
}

/// The memory of a model's activations: zero at first, so that a static one lives in `.bss`. Guard words lie right behind it where there are some.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Arena<const BYTES: usize>([u8; BYTES], Guard);

/// The bytes of an [`Arena`] while a model runs: views may overlap, as the plan has it.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Cells<const BYTES: usize>([Cell<u8>; BYTES]);

/// Bytes `FROM..TO` of a running arena that nothing else refers to: what a custom operator may borrow from. Offsets are those of
/// the arena.
#[derive(Debug)]
pub struct Part<'a, const FROM: usize, const TO: usize> {
    /// Of the arena.
    start: *mut u8,
    borrowed: PhantomData<&'a mut [u8]>,
}

/// An input or output in one of the caller's buffers, while a model runs: views may overlap, as in [`Cells`]. It is as large as the values, where a
/// struct of the arena's alignment would be larger.
#[derive(Debug)]
pub struct Held<'a, const BYTES: usize> {
    start: *mut u8,
    borrowed: PhantomData<&'a mut [u8]>,
}

/// Packed constants of a model, for flash.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Constants<const BYTES: usize>(pub [u8; BYTES]);

impl<const BYTES: usize> Constants<BYTES> {
    /// Those of a file that begin there; generated code makes statics of them.
    ///
    /// # Panics
    /// If there are fewer, which for a static is an error of the compiler's.
    #[must_use]
    pub const fn part<const ALL: usize>(all: &[u8; ALL], offset: usize) -> Self {
        match all.split_at(offset).1.first_chunk() {
            Some(bytes) => Self(*bytes),
            None => panic!("constants beyond the end of their file"),
        }
    }
}

impl<const BYTES: usize> Arena<BYTES> {
    /// An arena of zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; BYTES], Guard::new())
    }

    /// Memory of any content has no guard words that anybody wrote.
    #[inline(always)]
    pub const fn unguard(&mut self) {
        self.1 = Guard::new();
    }

    /// Writes the guard words, if there are some and they were not written yet.
    #[inline(always)]
    pub fn guard(&mut self) {
        self.1.write();
    }

    /// Whether nobody has written to the guard words since; always so where there are none.
    #[inline(always)]
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.1.holds()
    }

    /// The arena for kernels to work in.
    #[inline(always)]
    pub fn cells(&mut self) -> &Cells<BYTES> {
        // SAFETY: `Cell<u8>` has the layout of `u8`, both structs begin with their array and have the
        // same alignment, and the unique borrow lasts as long as the shared view.
        unsafe { &*core::ptr::from_mut(self).cast::<Cells<BYTES>>() }
    }

    /// The same for a model that also lends parts of it.
    #[inline(always)]
    pub fn cells_mut(&mut self) -> &mut Cells<BYTES> {
        // SAFETY: as in `cells`, and the borrow stays unique.
        unsafe { &mut *core::ptr::from_mut(self).cast::<Cells<BYTES>>() }
    }

    /// `LEN` elements from byte `OFFSET`, to read.
    #[inline(always)]
    pub fn get<T: Element, const OFFSET: usize, const LEN: usize>(&self) -> &[T; LEN] {
        const { check::<T, OFFSET, LEN, BYTES>() };
        // SAFETY: in range and aligned (checked above; the struct is aligned to 16), and every
        // bit pattern is a `T`.
        unsafe { &*self.0.as_ptr().add(OFFSET).cast() }
    }

    /// `LEN` elements from byte `OFFSET`, to write.
    #[inline(always)]
    pub fn get_mut<T: Element, const OFFSET: usize, const LEN: usize>(&mut self) -> &mut [T; LEN] {
        const { check::<T, OFFSET, LEN, BYTES>() };
        // SAFETY: as in `get`, from a unique borrow.
        unsafe { &mut *self.0.as_mut_ptr().add(OFFSET).cast() }
    }
}

impl<const BYTES: usize> Default for Arena<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> Cells<BYTES> {
    /// `LEN` elements from byte `OFFSET`, to read and write.
    #[inline(always)]
    pub fn at<T: Element, const OFFSET: usize, const LEN: usize>(&self) -> &[Cell<T>; LEN] {
        const { check::<T, OFFSET, LEN, BYTES>() };
        // SAFETY: in range and aligned (checked above; the struct is aligned to 16). Cells of
        // plain numbers may overlap: every access goes through `Cell`, on one thread.
        unsafe { &*self.0.as_ptr().add(OFFSET).cast() }
    }
}

impl<const BYTES: usize> Cells<BYTES> {
    /// All of it, to split.
    #[inline(always)]
    pub fn part(&mut self) -> Part<'_, 0, BYTES> {
        Part {
            start: core::ptr::from_mut(self).cast(),
            borrowed: PhantomData,
        }
    }
}

impl<'a, const BYTES: usize> Held<'a, BYTES> {
    /// The buffer of these values.
    ///
    /// # Errors
    /// If they are not aligned as an arena is.
    #[inline(always)]
    pub fn new<T: Element, const LEN: usize>(values: &'a mut [T; LEN]) -> Result<Self, RunError> {
        const { assert!(LEN * size_of::<T>() == BYTES, "another size") };
        let start: *mut u8 = core::ptr::from_mut(values).cast();
        match BYTES == 0 || start.addr().is_multiple_of(ALIGNMENT) {
            true => Ok(Self {
                start,
                borrowed: PhantomData,
            }),
            false => Err(RunError::Unaligned),
        }
    }

    /// `LEN` elements from byte `OFFSET`, to read and write.
    #[inline(always)]
    pub fn at<T: Element, const OFFSET: usize, const LEN: usize>(&self) -> &[Cell<T>; LEN] {
        const { check::<T, OFFSET, LEN, BYTES>() };
        if BYTES == 0 {
            // SAFETY: aligned, and there is nothing to refer to.
            return unsafe { core::ptr::NonNull::dangling().as_ref() };
        }
        // SAFETY: in range and aligned (checked above; `new` checks that values begin at a multiple of 16), borrowed for as long as the view is, and
        // every bit pattern is a `T`. Cells may overlap, as in `Cells::at`.
        unsafe { &*self.start.add(OFFSET).cast() }
    }

    /// All of it, to split.
    #[inline(always)]
    pub fn part(&mut self) -> Part<'_, 0, BYTES> {
        Part {
            start: self.start,
            borrowed: PhantomData,
        }
    }
}

impl<'a, const FROM: usize, const TO: usize> Part<'a, FROM, TO> {
    /// The bytes before and from byte `AT`.
    #[inline(always)]
    pub fn split<const AT: usize>(self) -> (Part<'a, FROM, AT>, Part<'a, AT, TO>) {
        const { assert!(FROM <= AT && AT <= TO, "a part ends outside its arena") };
        let Self { start, borrowed } = self;
        (Part { start, borrowed }, Part { start, borrowed })
    }

    /// `LEN` elements from byte `OFFSET`, to read.
    #[inline(always)]
    pub fn get<T: Element, const OFFSET: usize, const LEN: usize>(&self) -> &[T; LEN] {
        const { check_part::<T, OFFSET, LEN, FROM, TO>() };
        // SAFETY: in range of the part and aligned (checked above; the arena is aligned to 16), and every bit pattern is
        // a `T`. Parts come of a unique borrow and do not overlap, so only borrows of this one meet, which `self` rules.
        unsafe { &*self.start.add(OFFSET).cast() }
    }

    /// `LEN` elements from byte `OFFSET`, to write.
    #[inline(always)]
    pub fn get_mut<T: Element, const OFFSET: usize, const LEN: usize>(&mut self) -> &mut [T; LEN] {
        const { check_part::<T, OFFSET, LEN, FROM, TO>() };
        // SAFETY: as in `get`, from a unique borrow.
        unsafe { &mut *self.start.add(OFFSET).cast() }
    }
}

impl<const BYTES: usize> Constants<BYTES> {
    /// Whether they still are what they were made of, by the CRC-32 of that.
    #[must_use]
    pub fn is_intact(&self, crc: u32) -> bool {
        flash_crc(&self.0) == crc
    }

    /// `LEN` elements from byte `OFFSET`, to read.
    #[inline(always)]
    pub const fn at<T: Element, const OFFSET: usize, const LEN: usize>(&self) -> &[T; LEN] {
        const { check::<T, OFFSET, LEN, BYTES>() };
        // SAFETY: in range and aligned (checked above; the struct is aligned to 16), and every
        // bit pattern is a `T`.
        unsafe { &*self.0.as_ptr().add(OFFSET).cast() }
    }
}

/// The CRC-32 of bytes as they are in memory now: of a static, the compiler else takes those that it knows.
#[inline(never)]
fn flash_crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc32::new();
    for byte in bytes {
        // SAFETY: a reference can be read.
        crc.take(unsafe { core::ptr::from_ref(byte).read_volatile() });
    }
    crc.value()
}

/// Elements in the place of words, which are no smaller.
#[inline(always)]
pub fn within<T: Element>(words: &[Cell<u32>]) -> &[Cell<T>] {
    const { assert!(size_of::<T>() <= size_of::<u32>()) };
    let elements = size_of_val(words) / size_of::<T>();
    // SAFETY: as many elements as fit, which need no other alignment; cells of plain numbers may overlap, as in `Cells::at`.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), elements) }
}

/// Copies as many elements as both have. They may overlap.
#[inline(always)]
pub fn copy<T: Element>(from: &[Cell<T>], to: &[Cell<T>]) {
    let count = from.len().min(to.len());
    // SAFETY: both have as many elements, and cells may be written.
    unsafe { core::ptr::copy(from.as_ptr(), to.as_ptr().cast_mut(), count) }
}

/// Words that are in registers at one time.
const BLOCK: usize = 4;

/// Moves all bytes behind the first so many to the front.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
pub fn move_down(bytes: &[Cell<i8>], by: usize) {
    let Some(mut left) = bytes.len().checked_sub(by) else {
        return;
    };
    let start = bytes.as_ptr().cast_mut();
    let (mut to, mut from) = (start.cast::<u32>(), start.wrapping_add(by).cast::<u32>());
    // SAFETY: `left` bytes lie behind `from`, and as many behind `to`, which is no higher: what is written was read before. Words are read and written
    // where both are aligned for them. Cells may be written.
    unsafe {
        if to.is_aligned() && from.is_aligned() {
            while left >= BLOCK * size_of::<u32>() {
                // An array of them would become a call for each block.
                let (a, b) = (from.read(), from.add(1).read());
                let (c, d) = (from.add(2).read(), from.add(3).read());
                to.write(a);
                to.add(1).write(b);
                to.add(2).write(c);
                to.add(3).write(d);
                (to, from) = (to.add(BLOCK), from.add(BLOCK));
                left -= BLOCK * size_of::<u32>();
            }
        }
        if left > 0 {
            core::ptr::copy(from.cast::<i8>(), to.cast::<i8>(), left);
        }
    }
}

/// Makes all bytes one value.
#[inline(always)]
pub fn fill<T: Element>(elements: &[Cell<T>], value: i8) {
    // SAFETY: as many bytes as the slice has, of which any are an element, and cells may be written.
    unsafe { core::ptr::write_bytes(elements.as_ptr().cast_mut(), value as u8, elements.len()) }
}

/// Makes all words one value.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(never))]
pub fn fill_words(words: &[Cell<u32>], value: u32) {
    for word in words {
        word.set(value);
    }
}

/// Elements of a byte slice, where it is aligned for them; a remainder is left out.
#[cfg(feature = "host")]
pub fn cast<T: Element>(bytes: &[u8]) -> Option<&[T]> {
    let start = bytes.as_ptr().cast::<T>();
    // SAFETY: aligned (checked here), as many elements as fit, and every bit pattern is a `T`.
    start
        .is_aligned()
        .then(|| unsafe { core::slice::from_raw_parts(start, bytes.len() / size_of::<T>()) })
}

/// Cells of a slice of byte cells, where it is aligned for them; a remainder is left out.
#[cfg(feature = "host")]
pub fn cast_cells<T: Element>(bytes: &[Cell<u8>]) -> Option<&[Cell<T>]> {
    let start = bytes.as_ptr().cast::<Cell<T>>();
    // SAFETY: as in `cast`; cells of plain numbers may overlap, as in `Cells::at`.
    start
        .is_aligned()
        .then(|| unsafe { core::slice::from_raw_parts(start, bytes.len() / size_of::<T>()) })
}

/// A growable buffer aligned like an [`Arena`], for the host.
#[cfg(feature = "host")]
#[derive(Debug, Clone, Default)]
pub struct Aligned {
    blocks: alloc::vec::Vec<Block>,
    len: usize,
}

#[cfg(feature = "host")]
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
struct Block([u8; ALIGNMENT]);

#[cfg(feature = "host")]
impl Aligned {
    /// A buffer of zeros.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let blocks = alloc::vec![Block([0; ALIGNMENT]); len.div_ceil(ALIGNMENT)];
        Self { blocks, len }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `blocks` holds at least `len` initialised bytes without padding.
        unsafe { core::slice::from_raw_parts(self.blocks.as_ptr().cast(), self.len) }
    }

    /// The bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, from a unique borrow.
        unsafe { core::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), self.len) }
    }

    /// Appends bytes at the next offset that `alignment` divides; returns that offset.
    /// Addresses are no better aligned than [`ALIGNMENT`].
    pub fn push_aligned(&mut self, bytes: &[u8], alignment: usize) -> usize {
        let offset = self.len.next_multiple_of(alignment);
        self.len = offset + bytes.len();
        self.blocks
            .resize(self.len.div_ceil(ALIGNMENT), Block([0; ALIGNMENT]));
        self.bytes_mut()[offset..].copy_from_slice(bytes);
        offset
    }
}
