//! Fourier transforms of real samples, with Kiss FFT's steps and roundings: a complex transform of half as many numbers,
//! then (or before it) what separates even from odd samples.
//!
//! Numbers are pairs of cells. All is done in the output: its order and factors are made at build time.

use core::cell::Cell;

use super::super::{host_kernel, parameters};

/// The most factors of a transform. 4, 2, 3 and 5 are known.
pub const FFT_FACTORS: usize = 12;

/// A complex number.
#[derive(Debug, Clone, Copy, Default)]
struct Complex<T> {
    re: T,
    im: T,
}

/// Arithmetic of a sample. Integers are fractions; they wrap, and every stage divides by its factor so that they need
/// not.
trait Sample: Copy + Default {
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, factor: Self) -> Self;
    /// Half the sum.
    fn half_sum(self, other: Self) -> Self;
    /// Half the difference.
    fn half_difference(self, other: Self) -> Self;
    /// An integer divided by a factor.
    fn shrunk(self, factor: u8) -> Self;
    /// `a × b − c × d`, rounded once.
    fn determinant(a: Self, b: Self, c: Self, d: Self) -> Self;
    /// `a × b + c × d`, rounded once.
    fn product_sum(a: Self, b: Self, c: Self, d: Self) -> Self;
}

macro_rules! fractions {
    ($($t:ty, $wide:ty;)*) => {$(
        impl Sample for $t {
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn mul(self, factor: Self) -> Self {
                Self::product_sum(self, factor, 0, 0)
            }

            #[inline(always)]
            fn half_sum(self, other: Self) -> Self {
                (i32::from(self).wrapping_add(other.into()) >> 1) as $t
            }

            #[inline(always)]
            fn half_difference(self, other: Self) -> Self {
                (i32::from(self).wrapping_sub(other.into()) >> 1) as $t
            }

            #[inline(always)]
            fn shrunk(self, factor: u8) -> Self {
                match <$t>::MAX.checked_div(factor.into()) {
                    Some(part) => self.mul(part),
                    None => self,
                }
            }

            #[inline(always)]
            fn determinant(a: Self, b: Self, c: Self, d: Self) -> Self {
                let [a, b, c, d] = [a, b, c, d].map(<$wide>::from);
                let wide = a.wrapping_mul(b).wrapping_sub(c.wrapping_mul(d));
                (wide.wrapping_add(1 << (<$t>::BITS - 2)) >> (<$t>::BITS - 1)) as $t
            }

            #[inline(always)]
            fn product_sum(a: Self, b: Self, c: Self, d: Self) -> Self {
                let [a, b, c, d] = [a, b, c, d].map(<$wide>::from);
                let wide = a.wrapping_mul(b).wrapping_add(c.wrapping_mul(d));
                (wide.wrapping_add(1 << (<$t>::BITS - 2)) >> (<$t>::BITS - 1)) as $t
            }
        }
    )*};
}
fractions! { i16, i32; i32, i64; }

impl Sample for f32 {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self - other
    }

    #[inline(always)]
    fn mul(self, factor: Self) -> Self {
        self * factor
    }

    #[inline(always)]
    fn half_sum(self, other: Self) -> Self {
        (self + other) * 0.5
    }

    #[inline(always)]
    fn half_difference(self, other: Self) -> Self {
        (self - other) * 0.5
    }

    #[inline(always)]
    fn shrunk(self, _: u8) -> Self {
        self
    }

    #[inline(always)]
    fn determinant(a: Self, b: Self, c: Self, d: Self) -> Self {
        a * b - c * d
    }

    #[inline(always)]
    fn product_sum(a: Self, b: Self, c: Self, d: Self) -> Self {
        a * b + c * d
    }
}

impl<T: Sample> Complex<T> {
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self {
            re: self.re.add(other.re),
            im: self.im.add(other.im),
        }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self {
            re: self.re.sub(other.re),
            im: self.im.sub(other.im),
        }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self {
            re: T::determinant(self.re, other.re, self.im, other.im),
            im: T::product_sum(self.re, other.im, self.im, other.re),
        }
    }

    #[inline(always)]
    fn scaled(self, factor: T) -> Self {
        Self {
            re: self.re.mul(factor),
            im: self.im.mul(factor),
        }
    }

    #[inline(always)]
    fn shrunk(self, factor: u8) -> Self {
        Self {
            re: self.re.shrunk(factor),
            im: self.im.shrunk(factor),
        }
    }

    #[inline(always)]
    fn conjugate(self) -> Self {
        Self {
            re: self.re,
            im: T::default().sub(self.im),
        }
    }

    /// Times i.
    #[inline(always)]
    fn turned(self) -> Self {
        Self {
            re: T::default().sub(self.im),
            im: self.re,
        }
    }
}

#[inline(always)]
fn get<T: Sample>(numbers: &[[Cell<T>; 2]], at: usize) -> Complex<T> {
    match numbers.get(at) {
        Some([re, im]) => Complex {
            re: re.get(),
            im: im.get(),
        },
        None => Complex::default(),
    }
}

#[inline(always)]
fn set<T: Sample>(numbers: &[[Cell<T>; 2]], at: usize, number: Complex<T>) {
    if let Some([re, im]) = numbers.get(at) {
        re.set(number.re);
        im.set(number.im);
    }
}

#[inline(always)]
fn factor<T: Sample>(factors: &[[T; 2]], at: usize) -> Complex<T> {
    match factors.get(at) {
        Some([re, im]) => Complex { re: *re, im: *im },
        None => Complex::default(),
    }
}

parameters! {
    /// A transform.
    pub struct Fft {
        /// Complex numbers: half as many as there are samples.
        pub numbers: usize,
        /// Elements of a row of inputs.
        pub row: usize,
        /// Factors of `numbers`, the first stage's last; zeros behind them.
        pub factors: [u8; FFT_FACTORS],
    }
}

/// A complex transform's constants: where each number goes at first, and the roots of unity.
struct Roots<'a, T> {
    place: &'a [u16],
    roots: &'a [[T; 2]],
    inverse: bool,
}

impl Fft {
    /// All stages, of numbers that are in their places.
    #[inline(always)]
    fn stages<T: Sample>(&self, y: &[[Cell<T>; 2]], roots: &Roots<'_, T>) {
        let mut done = 1;
        for radix in self
            .factors
            .iter()
            .rev()
            .copied()
            .filter(|radix| *radix > 0)
        {
            let size = done * usize::from(radix);
            let stride = self.numbers.checked_div(size).unwrap_or(0);
            for block in y.chunks_exact(size.max(1)) {
                for k in 0..done {
                    butterfly(block, [k, done], stride, radix, roots);
                }
            }
            done = size;
        }
    }
}

/// Transforms numbers `k`, `k + m`, … of a block.
#[inline(always)]
fn butterfly<T: Sample>(
    block: &[[Cell<T>; 2]],
    [k, m]: [usize; 2],
    stride: usize,
    radix: u8,
    roots: &Roots<'_, T>,
) {
    let root = |times: usize| factor(roots.roots, times * stride);
    let shrunk = |n: usize| get(block, k + n * m).shrunk(radix);
    let rotated = |n: usize| shrunk(n).mul(root(n * k));
    let store = |n: usize, number| set(block, k + n * m, number);
    let zero = shrunk(0);
    match radix {
        2 => {
            let one = rotated(1);
            store(1, zero.sub(one));
            store(0, zero.add(one));
        }
        3 => {
            let (one, two) = (rotated(1), rotated(2));
            let (sum, difference) = (one.add(two), one.sub(two));
            let middle = Complex {
                re: zero.re.sub(sum.re.half_sum(T::default())),
                im: zero.im.sub(sum.im.half_sum(T::default())),
            };
            let turned = difference.scaled(root(m).im).turned();
            store(0, zero.add(sum));
            store(1, middle.add(turned));
            store(2, middle.sub(turned));
        }
        4 => {
            let (one, two, three) = (rotated(1), rotated(2), rotated(3));
            let (even, odd) = (zero.add(two), zero.sub(two));
            let (sum, difference) = (one.add(three), one.sub(three).turned());
            store(2, even.sub(sum));
            store(0, even.add(sum));
            let (first, last) = match roots.inverse {
                true => (odd.add(difference), odd.sub(difference)),
                false => (odd.sub(difference), odd.add(difference)),
            };
            store(1, first);
            store(3, last);
        }
        5 => {
            let (one, two, three, four) = (rotated(1), rotated(2), rotated(3), rotated(4));
            let (outer, outer_difference) = (one.add(four), one.sub(four));
            let (inner, inner_difference) = (two.add(three), two.sub(three));
            let (a, b) = (root(m), root(2 * m));
            store(0, zero.add(outer.add(inner)));
            let sum = |x: T, y: T| zero.add(outer.scaled(x)).add(inner.scaled(y));
            let crossed = |x: T, y: T| {
                let sum = outer_difference.scaled(x).add(inner_difference.scaled(y));
                sum.turned()
            };
            let (near, turned) = (sum(a.re, b.re), crossed(a.im, b.im));
            store(1, near.add(turned));
            store(4, near.sub(turned));
            let (far, turned) = (sum(b.re, a.re), crossed(b.im, T::default().sub(a.im)));
            store(2, far.add(turned));
            store(3, far.sub(turned));
        }
        _ => {}
    }
}

/// A transform of real samples.
#[inline(always)]
fn forward<T: Sample>(
    fft: &Fft,
    x: &[Cell<T>],
    roots: &Roots<'_, T>,
    split: &[[T; 2]],
    y: &[Cell<T>],
) {
    let n = fft.numbers;
    let (y, _) = y.as_chunks::<2>();
    for (x, y) in x
        .chunks_exact(fft.row.max(1))
        .zip(y.chunks_exact((n + 1).max(1)))
    {
        for (k, place) in roots.place.iter().enumerate() {
            // Rows that are too short end in zeros.
            let sample = |at: usize| x.get(at).map_or(T::default(), Cell::get);
            let number = Complex {
                re: sample(2 * k),
                im: sample(2 * k + 1),
            };
            set(y, usize::from(*place), number);
        }
        fft.stages(y.get(..n).unwrap_or(&[]), roots);
        let first = get(y, 0).shrunk(2);
        let zero = T::default();
        let real = |re| Complex { re, im: zero };
        set(y, 0, real(first.re.add(first.im)));
        set(y, n, real(first.re.sub(first.im)));
        for (k, root) in (1..=n / 2).zip(split) {
            let (one, other) = (get(y, k).shrunk(2), get(y, n - k).conjugate().shrunk(2));
            let (sum, difference) = (one.add(other), one.sub(other));
            let [re, im] = *root;
            let turned = difference.mul(Complex { re, im });
            let low = Complex {
                re: sum.re.half_sum(turned.re),
                im: sum.im.half_sum(turned.im),
            };
            let high = Complex {
                re: sum.re.half_difference(turned.re),
                im: turned.im.half_difference(sum.im),
            };
            set(y, k, low);
            set(y, n - k, high);
        }
    }
}

/// The transform back.
#[inline(always)]
fn backward<T: Sample>(
    fft: &Fft,
    x: &[Cell<T>],
    roots: &Roots<'_, T>,
    split: &[[T; 2]],
    y: &[Cell<T>],
) {
    let n = fft.numbers;
    let (y, _) = y.as_chunks::<2>();
    for (x, y) in x.chunks_exact(fft.row.max(1)).zip(y.chunks_exact(n.max(1))) {
        let (x, _) = x.as_chunks::<2>();
        let place = |k: usize, number| {
            if let Some(place) = roots.place.get(k) {
                set(y, usize::from(*place), number);
            }
        };
        let (low, high) = (get(x, 0).re, get(x, n).re);
        let ends = Complex {
            re: low.add(high),
            im: low.sub(high),
        };
        place(0, ends.shrunk(2));
        for (k, root) in (1..=n / 2).zip(split) {
            let (one, other) = (get(x, k).shrunk(2), get(x, n - k).conjugate().shrunk(2));
            let [re, im] = *root;
            let (even, odd) = (one.add(other), one.sub(other).mul(Complex { re, im }));
            place(k, even.add(odd));
            place(n - k, even.sub(odd).conjugate());
        }
        fft.stages(y, roots);
    }
}

macro_rules! transforms {
    ($($forward:ident, $backward:ident: $t:ty $(, $finish:expr)?;)*) => {
        parameters! {$(
            #[doc = concat!("The transform of real samples of ", stringify!($t), ".")]
            pub struct $forward {
                /// What it is of.
                pub fft: Fft,
            }

            #[doc = concat!("The transform back to real samples of ", stringify!($t), ".")]
            pub struct $backward {
                /// What it is of.
                pub fft: Fft,
            }
        )*}

        host_kernel! {$(
            $forward(x, place, roots, split, y);
            $backward(x, place, roots, split, y);
        )*}

        $(
            impl $forward {
                /// Computes the whole output: pairs. `roots` and `split` are pairs, too.
                #[cfg_attr(debug_assertions, inline)]
                pub fn run(
                    &self,
                    x: &[Cell<$t>],
                    place: &[u16],
                    roots: &[$t],
                    split: &[$t],
                    y: &[Cell<$t>],
                ) {
                    let roots = Roots {
                        place,
                        roots: roots.as_chunks().0,
                        inverse: false,
                    };
                    forward(&self.fft, x, &roots, split.as_chunks().0, y);
                }
            }

            impl $backward {
                /// Computes the whole output of pairs. `roots` and `split` are pairs, too.
                #[cfg_attr(debug_assertions, inline)]
                pub fn run(
                    &self,
                    x: &[Cell<$t>],
                    place: &[u16],
                    roots: &[$t],
                    split: &[$t],
                    y: &[Cell<$t>],
                ) {
                    let roots = Roots {
                        place,
                        roots: roots.as_chunks().0,
                        inverse: true,
                    };
                    backward(&self.fft, x, &roots, split.as_chunks().0, y);
                    $(
                        let finish: fn(&Fft, $t) -> $t = $finish;
                        for y in y {
                            y.set(finish(&self.fft, y.get()));
                        }
                    )?
                }
            }
        )*
    };
}
transforms! {
    RfftI16, IrfftI16: i16;
    RfftI32, IrfftI32: i32;
    // Of floats alone the transform back is divided by the number of samples.
    RfftF32, IrfftF32: f32, |fft, y| y / (2 * fft.numbers) as f32;
}
