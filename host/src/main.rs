//! The `patchbay` program.

use std::process::ExitCode;

/// A webhook makes some hundred small allocations, on one thread, and frees them on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    patchbay::cli::run()
}
