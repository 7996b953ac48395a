//! The compose file, and the example that it starts beside Hallpass: the documented commands are run.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::settings::of_compose;
use super::{document, output, path, python_tool, text};
use crate::cli::commands::Process;
use crate::support::postgres;

#[test]
fn compose_file_follows_the_specification() {
    let mut check = python_tool("python");
    output(check.arg(path("tests/deploy/check.py")).arg("compose").arg(path("compose.yaml")));
}

#[test]
fn mounted_files_of_compose_exist() {
    let compose = document("compose.yaml");
    for (name, service) in compose["services"].as_object().unwrap() {
        let volumes = service["volumes"].as_array().into_iter().flatten();
        for volume in volumes.filter_map(|it| it.as_str()?.strip_prefix("./")) {
            let file = volume.split(':').next().unwrap();
            assert!(path(file).exists(), "{name} mounts {file}");
            assert!(volume.ends_with(":ro"), "{name} may change {file}");
        }
    }
}

#[test]
fn ports_of_compose_are_on_loopback() {
    let compose = document("compose.yaml");
    for (name, service) in compose["services"].as_object().unwrap() {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name} publishes {port}");
        }
        let is_data = ["postgres", "redis"].contains(&name.as_str());
        assert!(!is_data || service["ports"].is_null(), "{name} is published");
    }
}

#[test]
fn hook_of_the_example_is_the_documented_one() {
    let documented = text("tests/better-auth/revocation-hook.mjs");
    assert_eq!(text("examples/better-auth/revocation-hook.mjs"), documented);
}

/// The example's auth server. It ends with the test.
struct Example(Child);

impl Example {
    /// Starts it with the variables of compose.yaml, but for addresses.
    fn start(port: u16, hallpass: &str) -> Self {
        let compose = document("compose.yaml");
        let variables = compose["services"]["auth"]["environment"].as_object().unwrap();
        let directory = path("examples/better-auth");
        assert!(
            directory.join("node_modules").exists(),
            "the tests need the example's packages: run `npm ci` in examples/better-auth, or tests/run"
        );
        let mut command = Command::new("node");
        command.arg("server.mjs").current_dir(directory).stdout(Stdio::piped());
        for (name, value) in variables {
            command.env(name, value.as_str().unwrap());
        }
        command.env("AUTH_PORT", port.to_string()).env("HALLPASS_URL", hallpass);
        command.env("AUTH_DATABASE_URL", postgres::plain_database());
        let mut child = command.spawn().expect("the tests need Node 20: install it");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("Better Auth answers"), "the example does not start: {line}");
        Self(child)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The commands of the page, without the one that starts the containers.
fn documented_commands() -> String {
    let page = text("docs/operations/deploy.md");
    let at = page.find("```sh\ndocker compose up").expect("the page starts the containers");
    let block = page[at..].split("```").nth(1).unwrap();
    block.lines().skip(2).map(|line| format!("{line}\n")).collect()
}

#[test]
fn documented_commands_of_compose_work() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let auth_server = format!("http://{free}");
    let database = postgres::plain_database();
    // The settings of compose.yaml, but for addresses. The issuer is another origin than the auth server's address.
    let settings = of_compose().into_iter().filter(|(name, _)| name != "REDIS_URL");
    let settings: Vec<_> = settings
        .map(|(name, value)| match name.as_str() {
            "DATABASE_URL" => (name, database.clone()),
            "BETTER_AUTH_URL" => (name, auth_server.clone()),
            _ => (name, value),
        })
        .collect();
    let settings: Vec<_> = settings.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
    let hallpass = Process::start(&settings);
    let _example = Example::start(free.port(), &hallpass.url);
    let commands = documented_commands()
        .replace("http://localhost:3000", &auth_server)
        .replace("http://localhost:8000", &hallpass.url);
    let mut shell = Command::new("bash");
    let printed = output(shell.args(["-euo", "pipefail", "-c", &commands]));
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines[0].contains(r#""createTask":{"task":{"title":"Try Hallpass"}}"#), "{printed}");
    assert!(lines[1].contains(r#""name":"Alice""#), "{printed}");
    assert!(lines[1].contains("Try Hallpass"), "{printed}");
    assert!(lines[2].contains("UNAUTHENTICATED"), "after the sign-out: {printed}");
}
