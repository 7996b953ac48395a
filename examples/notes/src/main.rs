//! Entry point of the `notes` binary.

fn main() -> std::process::ExitCode {
    notes::application().run()
}
