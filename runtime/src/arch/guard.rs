//! Guard words behind a model's memory, which whoever writes beyond its end meets first: a function of the firmware that computes an operator,
//! a device that was told a wrong address, a stack that grows into it.
//!
//! Debug builds have them, and libraries that ask for them (the feature `guards`). Otherwise they have no size, and what looks at them is no code.

pub use words::Guard;

#[cfg(any(debug_assertions, feature = "guards"))]
mod words {
    /// No likely content: neither a small number, nor text, nor an address of most memories.
    const WORDS: [u32; 4] = [0xca57_14e1, 0x5eed_fade, 0x9bad_c0de, 0xf10d_8ace];

    /// Zero until they are written: memory that is not zero at first would take as much flash.
    #[derive(Debug)]
    #[repr(C)]
    pub struct Guard([u32; 4]);

    impl Guard {
        pub(in crate::arch) const fn new() -> Self {
            Self([0; 4])
        }

        pub(in crate::arch) fn write(&mut self) {
            if self.0 == [0; 4] {
                self.0 = WORDS;
            }
        }

        /// What others write behind an arena, the compiler does not see.
        pub(in crate::arch) fn holds(&self) -> bool {
            // SAFETY: a reference can be read.
            unsafe { core::ptr::from_ref(&self.0).read_volatile() == WORDS }
        }
    }
}

#[cfg(not(any(debug_assertions, feature = "guards")))]
mod words {
    /// None.
    #[derive(Debug)]
    #[repr(C)]
    pub struct Guard;

    impl Guard {
        #[inline(always)]
        pub(in crate::arch) const fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::arch) fn write(&mut self) {}

        #[inline(always)]
        pub(in crate::arch) fn holds(&self) -> bool {
            true
        }
    }
}
