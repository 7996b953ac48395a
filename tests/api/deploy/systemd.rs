//! The systemd unit: systemd accepts it, and it gives the server little of the machine.

use std::process::Command;

use super::{output, path, text};

/// In tenths; systemd's own scale goes from 0 to 10, and an unprotected service has 9.6.
const MAX_EXPOSURE: &str = "15";

#[test]
fn unit_is_accepted_by_systemd() {
    let directory = tempfile::tempdir().unwrap();
    let unit = text("deploy/systemd/hallpass.service");
    let installed = "/usr/local/bin/hallpass";
    assert!(unit.contains(&format!("ExecStart={installed} ")));
    let unit = unit.replace(installed, env!("CARGO_BIN_EXE_hallpass"));
    let file = directory.path().join("hallpass.service");
    std::fs::write(&file, unit).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", "--recursive-errors=no"]).arg(&file);
    output(&mut verify);
    // It exits with 0 for an unknown directive, and prints it.
    let complaints = verify.output().unwrap().stderr;
    assert_eq!(String::from_utf8_lossy(&complaints), "");
}

#[test]
fn unit_is_sandboxed() {
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager"]);
    security.arg(format!("--threshold={MAX_EXPOSURE}"));
    output(security.arg(path("deploy/systemd/hallpass.service")));
    let unit = text("deploy/systemd/hallpass.service");
    for line in [
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "StateDirectory=hallpass",
        "LoadCredential=DATABASE_URL:/etc/hallpass/secrets/DATABASE_URL",
    ] {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
}
