//! The memory that all unsafe code hands out, used in every way that generated code and the host use it. Miri
//! runs these.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::MaybeUninit;

use castiron_runtime::arch::c_abi::{
    BuiltIn, Instance, Operator, Values, address, buffer, cell_address, meet, memory, status,
};
use castiron_runtime::arch::foreign::{CInterface, EngineError, Foreign};
use castiron_runtime::arch::memory::{Arena, Cells, Constants, Held};
use castiron_runtime::{Buffer, RunError, Tensor, TensorMut, TensorSpec};

#[test]
fn views_of_an_arena_overlap_while_it_is_lent() {
    let mut arena = Arena::<32>::new();
    arena.get_mut::<i16, 2, 3>().copy_from_slice(&[1, 2, -3]);
    let cells = arena.cells();
    let (halves, bytes) = (cells.at::<i16, 2, 3>(), cells.at::<i8, 4, 8>());
    bytes[3].set(7);
    halves[1].set(halves[0].get() + 0x100);
    // Of little-endian memory.
    assert_eq!((bytes[0].get(), bytes[1].get()), (1, 1));
    assert_eq!(halves[2].get().to_le_bytes(), [0xfd, 7]);
    let last = cells.at::<i64, 24, 1>();
    last[0].set(-1);
    assert_eq!(arena.get::<u8, 31, 1>(), &[255]);
    assert_eq!(arena.get::<u8, 32, 0>(), &[0; 0]);
    let numbers = Constants([0, 0, 0x80, 0x3f, 1, 2, 3, 4]);
    assert_eq!(numbers.at::<f32, 0, 1>(), &[1.0]);
    assert_eq!(numbers.at::<u8, 5, 3>(), &[2, 3, 4]);
    // As statics of generated code are made of a file.
    const FILE: &[u8; 6] = &[1, 2, 3, 4, 5, 6];
    const PART: Constants<2> = Constants::part(FILE, 4);
    assert_eq!(PART.at::<u8, 0, 2>(), &[5, 6]);
}

#[test]
fn parts_of_an_arena_are_lent_at_once() {
    let mut arena = Arena::<48>::new();
    arena.get_mut::<i16, 2, 3>().copy_from_slice(&[1, 2, -3]);
    let cells = arena.cells_mut();
    for round in 1..3 {
        let (_, rest) = cells.part().split::<2>();
        let (read, rest) = rest.split::<8>();
        let (_, rest) = rest.split::<16>();
        let (mut written, mut last) = rest.split::<32>();
        let (whole, end) = (read.get::<i16, 2, 3>(), read.get::<i16, 4, 2>());
        let sums = written.get_mut::<i32, 16, 3>();
        let scratch = last.get_mut::<u8, 32, 16>();
        scratch.fill(round);
        for (sum, value) in sums.iter_mut().zip(whole) {
            *sum += i32::from(*value) + i32::from(scratch[15]);
        }
        assert_eq!(end, &[2, -3]);
        cells.at::<i16, 2, 3>()[0].set(10);
    }
    assert_eq!(arena.get::<i32, 16, 3>(), &[14, 7, -3]);
}

/// A buffer is no larger than its values, though it is aligned as an arena is.
#[test]
fn buffers_are_lent_for_a_run() {
    let mut both = Buffer([0i16; 23]);
    {
        let (first, second) = both.split_at_mut(16);
        let first = first.first_chunk_mut::<15>().unwrap();
        let held = Held::<30>::new(first).unwrap();
        let (all, tail) = (held.at::<i16, 0, 15>(), held.at::<u8, 26, 4>());
        all[14].set(0x0102);
        assert_eq!((tail[2].get(), tail[3].get()), (2, 1));
        let second = second.first_chunk_mut::<7>().unwrap();
        let mut held = Held::<14>::new(second).unwrap();
        for _ in 0..2 {
            let (read, mut written) = held.part().split::<4>();
            written.get_mut::<i16, 4, 5>()[4] += read.get::<i16, 0, 1>()[0] + 5;
        }
        assert_eq!(held.at::<i16, 12, 1>()[0].get(), 10);
    }
    assert_eq!((both[14], both[22]), (0x0102, 10));
    let odd = both[1..].first_chunk_mut::<4>().unwrap();
    let refused = Held::<8>::new(odd).map(|_| ());
    assert_eq!(refused, Err(RunError::Unaligned));
    // Nothing lies anywhere.
    let nothing = both[1..1].first_chunk_mut::<0>().unwrap();
    let held = Held::<0>::new(nothing).unwrap();
    assert!(held.at::<i64, 0, 0>().is_empty());
}

#[test]
fn buffers_of_c_are_checked() {
    let mut values = Buffer([1i32, 2, 3]);
    let start: *mut [i32; 3] = &raw mut values.0;
    // SAFETY: three values, which nobody else uses meanwhile.
    let held = unsafe { buffer(start) };
    assert_eq!(held, Some(&mut [1, 2, 3]));
    let none: *mut [i32; 3] = std::ptr::null_mut();
    // SAFETY: no address.
    assert_eq!(unsafe { buffer(none) }, None);
    let odd = start.cast::<u8>().wrapping_add(2).cast::<[i32; 2]>();
    // SAFETY: two values would fit.
    assert_eq!(unsafe { buffer(odd) }, None);
    for (buffers, expected) in [
        (&[(16, 16), (32, 8)][..], false),
        (&[(16, 17), (32, 8)], true),
        (&[(32, 8), (16, 17)], true),
        (&[(32, 8), (16, 16)], false),
        (&[(64, 1), (0, 8), (64, 1)], true),
        (&[(64, 0), (64, 4), (0, usize::MAX)], true),
        (&[(64, 0), (64, 4)], false),
        (&[(usize::MAX - 3, 4), (0, 4)], false),
    ] {
        assert_eq!(meet(buffers), expected, "{buffers:?}");
    }
}

/// What `c_operator!` hands to C, of which this stands for a function: it adds the input to the output, behind the zero
/// point.
#[unsafe(no_mangle)]
unsafe extern "C" fn castiron_test_operator(
    operator: *const Operator,
    input: *const i8,
    output: *mut i8,
    scratch: *mut i16,
) {
    // SAFETY: the caller gives pointers to what `operator` says, for the time of the call.
    unsafe {
        let operator = &*operator;
        let of_input = &*operator.inputs;
        assert_eq!((operator.input_count, operator.output_count), (1, 1));
        assert_eq!((operator.options_bytes, of_input.rank), (1, 2));
        assert_eq!(of_input.shape.add(1).read(), of_input.elements);
        scratch.add(operator.scratch_elements - 1).write(9);
        for i in 0..of_input.elements {
            let value = i32::from(input.add(i).read()) - of_input.zero_point;
            *output.add(i) += value as i8 + operator.options.read() as i8;
        }
    }
}

trait Test {
    fn run(options: &[u8], input: Tensor<'_, i8>, output: TensorMut<'_, i8>, scratch: &mut [i16]);
}

struct Firmware;

castiron_runtime::c_operator! {
    firmware: Firmware,
    operator: Test,
    function: castiron_test_operator,
    inputs: [input: Tensor<'_, i8>],
    outputs: [output: TensorMut<'_, i8>],
    scratch: i16,
}

#[test]
fn c_computes_an_operator_on_borrowed_memory() {
    const SPEC: TensorSpec<i8> = TensorSpec {
        name: "x",
        shape: &[1, 3],
        scale: 0.5,
        zero_point: 2,
        element: core::marker::PhantomData,
    };
    let (input, mut output, mut scratch) = ([1, 2, 3], [10, 20, 30], [0; 4]);
    let x = Tensor {
        values: &input,
        spec: &SPEC,
    };
    let y = TensorMut {
        values: &mut output,
        spec: &SPEC,
    };
    Firmware::run(&[5], x, y, &mut scratch);
    assert_eq!((output, scratch), ([14, 25, 36], [0, 0, 0, 9]));
}

#[cfg(feature = "host")]
#[test]
fn views_of_bytes_are_aligned_or_none() {
    use std::cell::Cell;

    use castiron_runtime::arch::memory::{Aligned, cast, cast_cells};

    let mut memory = Aligned::zeroed(5);
    assert_eq!(memory.push_aligned(&[1, 0, 2, 0, 3], 8), 8);
    assert_eq!(cast::<u16>(&memory.bytes()[8..]), Some(&[1, 2][..]));
    assert_eq!(cast::<u16>(&memory.bytes()[9..]), None);
    // Reading goes on where a buffer grew and moved.
    for i in 0..40 {
        memory.push_aligned(&[i], 1);
    }
    let cells = Cell::from_mut(memory.bytes_mut()).as_slice_of_cells();
    let (words, bytes) = (cast_cells::<u32>(cells).expect("aligned"), cells);
    bytes[9].set(1);
    words[3].set(u32::MAX);
    assert_eq!((words.len(), words[2].get()), (13, 0x2_0101));
    assert_eq!((bytes[12].get(), bytes[15].get()), (255, 255));
    assert_eq!(memory.bytes()[52], 39);
    assert_eq!(Aligned::default().bytes(), [0; 0]);
}

/// A model in C that adds its input to what it had.
#[repr(C)]
struct Sum {
    input: [i32; 2],
    output: [i32; 2],
    fails: bool,
}

extern "C" fn init(sum: *mut Sum) -> i32 {
    // SAFETY: the tests give instances.
    unsafe { (*sum).input = [0; 2] };
    0
}

extern "C" fn input(sum: *mut Sum, _: usize) -> *mut c_void {
    // SAFETY: as in `init`.
    unsafe { (&raw mut (*sum).input).cast() }
}

extern "C" fn run(sum: *mut Sum) -> i32 {
    // SAFETY: as in `init`.
    let sum = unsafe { &mut *sum };
    for (y, x) in sum.output.iter_mut().zip(sum.input) {
        *y += x;
    }
    i32::from(sum.fails)
}

extern "C" fn reset(sum: *mut Sum) -> i32 {
    // SAFETY: as in `init`.
    unsafe { (*sum).output = [0; 2] };
    0
}

extern "C" fn output(sum: *const Sum, _: usize) -> *const c_void {
    // SAFETY: as in `init`.
    unsafe { (&raw const (*sum).output).cast() }
}

// SAFETY: the functions are those of the type, whose tensors lie within it.
unsafe impl CInterface for Sum {
    type Status = i32;
    const OK: i32 = 0;
    const INPUT_BYTES: &'static [usize] = &[8];
    const OUTPUT_BYTES: &'static [usize] = &[8];
    const INIT: unsafe extern "C" fn(*mut Self) -> i32 = init;
    const INPUT: unsafe extern "C" fn(*mut Self, usize) -> *mut c_void = input;
    const RUN: unsafe extern "C" fn(*mut Self) -> i32 = run;
    const RESET: unsafe extern "C" fn(*mut Self) -> i32 = reset;
    const OUTPUT: unsafe extern "C" fn(*const Self, usize) -> *const c_void = output;
}

#[test]
fn a_model_behind_a_c_interface_may_move() {
    let sum = |fails| {
        Foreign::new(Sum {
            input: [0; 2],
            output: [0; 2],
            fails,
        })
    };
    let mut first = sum(false);
    first.input_mut::<i32, 0, 2>()[1] = 5;
    first.run();
    let mut moved = std::boxed::Box::new(first);
    moved.run();
    assert_eq!(moved.output::<i32, 0, 2>(), &[0, 10]);
    moved.reset();
    assert_eq!(
        (moved.output::<i32, 0, 2>(), moved.status()),
        (&[0, 0], Ok(()))
    );
    let mut failing = sum(true);
    failing.run();
    assert_eq!(failing.status(), Err(EngineError));
}

#[test]
fn c_reaches_a_model_in_its_own_memory() {
    static BUILT_IN: BuiltIn<Instance<Arena<16>>> = BuiltIn::new();
    let mut memory = MaybeUninit::<Instance<Arena<16>>>::zeroed();
    for instance in [memory.as_mut_ptr(), BUILT_IN.get()] {
        // SAFETY: nobody else uses the instances, and an arena may be all zeros.
        unsafe {
            assert_eq!(Instance::model(instance).err(), Some(status::NOT_READY));
            assert!(Instance::init(instance));
            let arena = Instance::model(instance).expect("it is ready");
            let bytes = address(arena.get_mut::<i32, 4, 2>()).cast::<i32>();
            bytes.add(1).write(9);
            let read = Values::address(arena.get::<i32, 4, 2>()).cast::<i32>();
            assert_eq!(read.add(1).read(), 9);
            let cells: &Cells<16> = arena.cells();
            assert_eq!(cell_address(cells.at::<u8, 8, 1>()).cast::<u8>().read(), 9);
        }
    }
    // SAFETY: neither is memory of an instance, which is what is asked.
    unsafe {
        let odd = (memory.as_mut_ptr())
            .cast::<u8>()
            .add(1)
            .cast::<Instance<Arena<16>>>();
        for wrong in [core::ptr::null_mut(), odd] {
            assert!(!Instance::init(wrong));
            assert_eq!(Instance::model(wrong).err(), Some(status::ERROR));
        }
    }
}

#[test]
fn c_hands_memories_to_a_model() {
    type Borrowing<'a> = (&'a mut Arena<16>, &'a mut [u8; 0]);
    static MEMORY: BuiltIn<Arena<16>> = BuiltIn::new();
    let mut instance = MaybeUninit::<Instance<Borrowing<'_>>>::uninit();
    // SAFETY: nobody else uses instance and memory, and an arena may be all zeros.
    unsafe {
        assert!(memory::<Arena<16>>(core::ptr::null_mut()).is_none());
        assert!(memory(MEMORY.get().cast::<u8>().add(1).cast::<Arena<16>>()).is_none());
        (*MEMORY.get()).get_mut::<u8, 0, 1>()[0] = 1;
        let arena = memory(MEMORY.get()).expect("memory");
        assert_eq!(arena.get::<u8, 0, 1>(), &[0], "it was filled with zeros");
        // Nothing has to lie nowhere.
        let nothing = memory::<[u8; 0]>(core::ptr::null_mut()).expect("no memory");
        let model = (arena, nothing);
        assert!(Instance::init_with(instance.as_mut_ptr(), model));
        let (arena, _) = Instance::model(instance.as_mut_ptr()).expect("it is ready");
        arena.get_mut::<u8, 3, 1>()[0] = 7;
        assert_eq!((*MEMORY.get()).get::<u8, 3, 1>(), &[7]);
        let odd = instance.as_mut_ptr().cast::<u8>().add(1).cast();
        let model: Borrowing<'_> = (memory(MEMORY.get()).expect("memory"), &mut []);
        assert!(!Instance::init_with(odd, model));
    }
}
