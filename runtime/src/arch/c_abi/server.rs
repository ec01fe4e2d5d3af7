//! A built-in instance behind Kenning's inference protocol, with a line that C has.

/// The function that serves the built-in instance; it calls functions of the program for bytes and time.
#[doc(hidden)]
#[macro_export]
macro_rules! c_server {
    (
        model: $model:ty,
        poll: $poll:ident,
        read: $read:ident,
        write: $write:ident,
        nanoseconds: $nanoseconds:ident,
    ) => {
        unsafe extern "C" {
            fn $read() -> ::core::ffi::c_int;
            fn $write(bytes: *const u8, count: usize);
            fn $nanoseconds() -> u64;
        }

        struct Line;

        impl $crate::kenning::Port for Line {
            fn read(&mut self) -> ::core::option::Option<u8> {
                // SAFETY: the header says what the function is called with.
                u8::try_from(unsafe { $read() }).ok()
            }

            fn write(&mut self, bytes: &[u8]) {
                // SAFETY: as for `read`.
                unsafe { $write(bytes.as_ptr(), bytes.len()) }
            }

            fn nanoseconds(&mut self) -> u64 {
                // SAFETY: as for `read`.
                unsafe { $nanoseconds() }
            }
        }

        static SERVER: $crate::c_abi::BuiltIn<$crate::kenning::Server<$model>> =
            $crate::c_abi::BuiltIn::of($crate::kenning::Server::new());

        #[unsafe(no_mangle)]
        extern "C" fn $poll() -> ::core::ffi::c_int {
            // SAFETY: as for `init`.
            match unsafe { Instance::model(BUILT_IN.get()) } {
                Ok(model) => {
                    // SAFETY: it was a server from the start; the header allows one call at a time.
                    let server = unsafe { &mut *SERVER.get() };
                    server.poll(model, &mut Line);
                    $crate::c_abi::status::OK
                }
                Err(status) => status,
            }
        }
    };
}
