//! The exported functions of a model, spelled out where they are made.

/// The functions of a model's C header.
///
/// `model` has to be a type whose zero bytes are its `new()`, as that of every generated model that has its memory in itself.
#[doc(hidden)]
#[macro_export]
macro_rules! c_interface {
    (
        model: $model:ty,
        instance_bytes: $bytes:literal,
        init: { $($init_by:tt)* },
        run: { $($run:tt)* },
        $(outputs: { $($outputs:tt)* },)?
        reset: [$model_reset:ident, $reset:ident],
        $(traced: $model_run_traced:ident,)?
        $(verify: [$is_intact:path, $verify:ident],)?
    ) => {
        type Instance = $crate::c_abi::Instance<$model>;

        // The header tells C how much memory to give.
        const _: () = assert!(
            ::core::mem::size_of::<Instance>() <= $bytes && ::core::mem::align_of::<Instance>() <= 16
        );

        $crate::c_interface_init! { model: $model, $($init_by)* }

        $crate::c_interface_run! { $($run)* }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_reset(instance: *mut Instance) -> ::core::ffi::c_int {
            // SAFETY: as for the inputs.
            match unsafe { Instance::model(instance) } {
                Ok(model) => {
                    model.reset();
                    $crate::c_abi::status::OK
                }
                Err(status) => status,
            }
        }

        $($crate::c_interface_outputs! { $($outputs)* })?

        #[unsafe(no_mangle)]
        extern "C" fn $reset() -> ::core::ffi::c_int {
            // SAFETY: as for `init`.
            unsafe { $model_reset(BUILT_IN.get()) }
        }

        $(
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $model_run_traced(
                instance: *mut Instance,
                after: ::core::option::Option<
                    unsafe extern "C" fn(
                        *mut ::core::ffi::c_void,
                        usize,
                        usize,
                        *const ::core::ffi::c_void,
                        usize,
                    ),
                >,
                context: *mut ::core::ffi::c_void,
            ) -> ::core::ffi::c_int {
                // SAFETY: as for the inputs.
                match unsafe { Instance::model(instance) } {
                    Ok(model) => {
                        let ran = model.run_traced(|operator, output, bytes| {
                            if let Some(after) = after {
                                let data = $crate::c_abi::cell_address(bytes);
                                // SAFETY: the header says what the function is called with.
                                unsafe { after(context, operator, output, data, bytes.len()) }
                            }
                        });
                        let status = $crate::c_abi::status::Ran::status(ran);
                        $crate::c_abi::status::guarded(status, model.is_guarded())
                    }
                    Err(status) => status,
                }
            }
        )?

        $(
            #[unsafe(no_mangle)]
            extern "C" fn $verify() -> ::core::ffi::c_int {
                match $is_intact() {
                    true => $crate::c_abi::status::OK,
                    false => $crate::c_abi::status::DAMAGED,
                }
            }
        )?

        #[panic_handler]
        fn panic(_: &::core::panic::PanicInfo<'_>) -> ! {
            // Rust asks for one in every library; nothing calls it, which castiron checks.
            loop {
                ::core::hint::spin_loop();
            }
        }
    };
}

/// The functions that make an instance: of a model that has its memory in itself, or of one that works in memories, each with a section.
#[doc(hidden)]
#[macro_export]
macro_rules! c_interface_init {
    (
        model: $model:ty,
        $(section: $section:literal,)?
        instance: $model_init:ident,
        built_in: $init:ident,
    ) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_init(instance: *mut Instance) -> ::core::ffi::c_int {
            // SAFETY: the header asks for memory of an instance, and a model is plain numbers.
            match unsafe { Instance::init(instance) } {
                true => $crate::c_abi::status::OK,
                false => $crate::c_abi::status::ERROR,
            }
        }

        $(#[unsafe(link_section = $section)])?
        static BUILT_IN: $crate::c_abi::BuiltIn<Instance> = $crate::c_abi::BuiltIn::new();

        #[unsafe(no_mangle)]
        extern "C" fn $init() -> ::core::ffi::c_int {
            // SAFETY: an instance; the header allows one call at a time.
            unsafe { $model_init(BUILT_IN.get()) }
        }
    };
    (
        model: $model:ty,
        memories: [$($memory:ident: $kind:ty; $memory_bytes:literal => $section:literal),* $(,)?],
        instance: $model_init:ident,
        built_in: $init:ident,
    ) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_init(
            instance: *mut Instance,
            $($memory: *mut $kind,)*
        ) -> ::core::ffi::c_int {
            $(
                // SAFETY: the header asks for memory of this size, and a memory is plain numbers.
                let Some($memory) = (unsafe { $crate::c_abi::memory($memory) }) else {
                    return $crate::c_abi::status::ERROR;
                };
            )*
            let model = <$model>::new($($memory),*);
            // SAFETY: the header asks for memory of an instance.
            match unsafe { Instance::init_with(instance, model) } {
                true => $crate::c_abi::status::OK,
                false => $crate::c_abi::status::ERROR,
            }
        }

        // The header tells C how much memory to give.
        const _: () = assert!($(::core::mem::size_of::<$kind>() == $memory_bytes &&)* true);

        static BUILT_IN: $crate::c_abi::BuiltIn<Instance> = $crate::c_abi::BuiltIn::new();

        #[unsafe(no_mangle)]
        extern "C" fn $init() -> ::core::ffi::c_int {
            // SAFETY: an instance and memories; the header allows one call at a time.
            unsafe {
                $model_init(
                    BUILT_IN.get(),
                    $({
                        #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = $section))]
                        static MEMORY: $crate::c_abi::BuiltIn<$kind> =
                            $crate::c_abi::BuiltIn::new();
                        MEMORY.get()
                    },)*
                )
            }
        }
    };
}

/// The functions that give outputs in a model's memory.
#[doc(hidden)]
#[macro_export]
macro_rules! c_interface_outputs {
    (
        outputs: [$($output:literal => $output_method:ident),* $(,)?],
        instance: $model_output:ident,
        built_in: $output_of:ident,
    ) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_output(
            instance: *const Instance,
            index: usize,
        ) -> *const ::core::ffi::c_void {
            // SAFETY: as for the inputs; nothing is written.
            match (unsafe { Instance::model(instance.cast_mut()) }, index) {
                $((Ok(model), $output) => $crate::c_abi::Values::address(model.$output_method()),)*
                _ => ::core::ptr::null(),
            }
        }

        #[unsafe(no_mangle)]
        extern "C" fn $output_of(index: usize) -> *const ::core::ffi::c_void {
            // SAFETY: as for `init`.
            unsafe { $model_output(BUILT_IN.get(), index) }
        }
    };
}

/// The functions that give inputs in a model's memory.
#[doc(hidden)]
#[macro_export]
macro_rules! c_interface_inputs {
    (
        inputs: [$($input:literal => $input_method:ident),* $(,)?],
        instance: $model_input:ident,
        built_in: $input_of:ident,
    ) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_input(
            instance: *mut Instance,
            index: usize,
        ) -> *mut ::core::ffi::c_void {
            // SAFETY: the header asks for an instance that no other call uses meanwhile.
            match (unsafe { Instance::model(instance) }, index) {
                $((Ok(model), $input) => $crate::c_abi::address(model.$input_method()),)*
                _ => ::core::ptr::null_mut(),
            }
        }

        #[unsafe(no_mangle)]
        extern "C" fn $input_of(index: usize) -> *mut ::core::ffi::c_void {
            // SAFETY: as for `init`.
            unsafe { $model_input(BUILT_IN.get(), index) }
        }
    };
}

/// The functions that run a model: with inputs and outputs that lie in its memory, or some of which the caller hands over, or with an input that
/// comes row by row.
#[doc(hidden)]
#[macro_export]
macro_rules! c_interface_run {
    (
        inputs: { $($inputs:tt)* },
        instance: [$model_run:ident],
        built_in: [$run:ident],
    ) => {
        $crate::c_interface_inputs! { $($inputs)* }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_run(instance: *mut Instance) -> ::core::ffi::c_int {
            // SAFETY: as for the inputs.
            match unsafe { Instance::model(instance) } {
                Ok(model) => {
                    let status = $crate::c_abi::status::Ran::status(model.run());
                    $crate::c_abi::status::guarded(status, model.is_guarded())
                }
                Err(status) => status,
            }
        }

        #[unsafe(no_mangle)]
        extern "C" fn $run() -> ::core::ffi::c_int {
            // SAFETY: as for `init`.
            unsafe { $model_run(BUILT_IN.get()) }
        }
    };
    (
        $(inputs: { $($inputs:tt)* },)?
        buffers: [$($buffer:ident: $kind:ty),* $(,)?],
        instance: [$model_run_with:ident],
        built_in: [$run_with:ident],
    ) => {
        $($crate::c_interface_inputs! { $($inputs)* })?

        // What the header says that a run reads is a `const` pointer there: a run does not write to it.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_run_with(
            instance: *mut Instance,
            $($buffer: *mut $kind,)*
        ) -> ::core::ffi::c_int {
            // SAFETY: the header asks for an instance that no other call uses meanwhile.
            let model = match unsafe { Instance::model(instance) } {
                Ok(model) => model,
                Err(status) => return status,
            };
            if $crate::c_abi::meet(&[$(($buffer.addr(), ::core::mem::size_of::<$kind>())),*]) {
                return $crate::c_abi::status::ERROR;
            }
            $(
                // SAFETY: the header asks for buffers of this size that nobody else uses meanwhile, and none meets another.
                let Some($buffer) = (unsafe { $crate::c_abi::buffer($buffer) }) else {
                    return $crate::c_abi::status::ERROR;
                };
            )*
            let status = $crate::c_abi::status::Ran::status(model.run_with($($buffer),*));
            $crate::c_abi::status::guarded(status, model.is_guarded())
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $run_with($($buffer: *mut $kind),*) -> ::core::ffi::c_int {
            // SAFETY: as for `init`, and the caller's buffers.
            unsafe { $model_run_with(BUILT_IN.get(), $($buffer),*) }
        }
    };
    (
        rows: [$row:ty; $count:expr],
        instance: [$model_push_rows:ident],
        built_in: [$push_rows:ident],
    ) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $model_push_rows(
            instance: *mut Instance,
            rows: *const $row,
            count: usize,
        ) -> ::core::ffi::c_int {
            // SAFETY: the header asks for an instance that no other call uses meanwhile.
            let model = match unsafe { Instance::model(instance) } {
                Ok(model) => model,
                Err(status) => return status,
            };
            let missing = match model.missing_rows() {
                0 => $count,
                missing => missing,
            };
            if count > missing {
                return $crate::c_abi::status::TOO_MANY_ROWS;
            }
            // SAFETY: the header asks for so many rows, which nobody changes meanwhile.
            let Some(rows) = (unsafe { $crate::c_abi::rows(rows, count) }) else {
                return $crate::c_abi::status::ERROR;
            };
            for row in rows {
                model.push_row(row);
            }
            let status = match model.missing_rows() {
                0 => $crate::c_abi::status::OK,
                _ => $crate::c_abi::status::NOT_YET,
            };
            // No row, no run: nobody has written them before the first.
            $crate::c_abi::status::guarded(status, count == 0 || model.is_guarded())
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $push_rows(rows: *const $row, count: usize) -> ::core::ffi::c_int {
            // SAFETY: as for `init`, and the caller's rows.
            unsafe { $model_push_rows(BUILT_IN.get(), rows, count) }
        }
    };
}
