//! Help texts.

use crate::cli::commands::hallpass;

#[test]
fn short_help_fits_on_a_screen() {
    for arguments in [
        &[][..],
        &["serve"],
        &["migrate"],
        &["schema"],
        &["access"],
        &["explain"],
        &["doctor"],
        &["documents", "check"],
        &["health"],
    ] {
        let help = |flag: &'static str| hallpass(&[arguments, &[flag]].concat()).stdout;
        let (short, long) = (help("-h"), help("--help"));
        assert!(short.lines().count() <= 42, "{arguments:?}: {short}");
        let listed = if arguments.is_empty() { "BETTER_AUTH_URL" } else { "-h without a command" };
        assert!(short.contains(listed) && long.contains("--better-auth-url"), "{short}");
        assert!(long.contains("--name-file"), "{arguments:?}: {long}");
    }
}
