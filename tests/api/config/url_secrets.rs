//! No part of a password is printed, however a URL with a password is mistyped.

use std::ffi::OsString;

use futures_util::stream::{self, StreamExt as _};

use crate::support::secret_log;

/// The parts around a special character. Each is long enough for the secret log.
const PARTS: [&str; 2] = ["hush7secret0first0part0of0it", "hush8secret0second0part0of0it"];
const SPECIAL: [&str; 16] =
    ["#", "@", ":", "/", "?", "%", "[", "]", " ", "&", "=", "\\", "%41", "://", "@@", "#/"];

/// URLs with this password, in its place and in others.
fn addresses(password: &str) -> Vec<String> {
    let mut addresses = Vec::new();
    let schemes = [
        "postgres://",
        "postgresql://",
        "postgres:",
        "postgre://",
        "redis://",
        "https://",
        "http//",
        "",
    ];
    for scheme in schemes {
        let is_http = scheme == "https://";
        for rest in [
            format!("u:{password}@127.0.0.1:1/db"),
            format!("u:{password}@127.0.0.1:1/db?sslmode=require"),
            format!(":{password}@127.0.0.1:1"),
            format!("{password}@127.0.0.1:1/db"),
            format!("u:{password}/db"),
            format!("127.0.0.1:1/db?user=u&password={password}"),
            format!("127.0.0.1:1/db?{password}"),
        ] {
            // The query of a web URL has no password.
            if !(is_http && rest.starts_with("127")) {
                addresses.push(format!("{scheme}{rest}"));
            }
        }
    }
    addresses
}

/// Every setting with a URL as its value.
const SETTINGS: [&str; 10] = [
    "--database-url",
    "--database-direct-url",
    "--redis-url",
    "--better-auth-url",
    "--jwks-url",
    "--oidc-issuer",
    "--api-key-verify-url",
    "--user-lookup-url",
    "--allowed-origins",
    "--metrics-addr",
];

/// The messages about a command line, from its check, from a start of the server, and from the doctor.
async fn output_of(line: Vec<String>) -> String {
    let arguments = std::iter::once("hallpass".to_owned()).chain(line).map(OsString::from);
    let file = hallpass::config::EnvFile::default();
    let cli = match hallpass::cli::parse_from(
        hallpass::cli::command(crate::support::app::application()),
        &file,
        arguments,
    ) {
        Ok((cli, _)) => cli,
        Err(error) => return error.to_string(),
    };
    let config = match cli.settings.check() {
        Ok(config) => config,
        Err(error) => return error.to_string(),
    };
    let mut output = format!("{config:?}");
    if let Err(error) = hallpass::app::migrate(crate::support::app::application(), &config).await {
        output += &format!("{error} {error:?}");
    }
    match hallpass::app::doctor(crate::support::app::application(), &config).await {
        Ok(doctor) => output += &serde_json::to_string(&doctor.examine(None).await).unwrap(),
        Err(error) => output += &format!("{error} {error:?}"),
    }
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn password_in_mistyped_url_is_not_shown() {
    secret_log::watch();
    PARTS.iter().for_each(|part| secret_log::forbid_in_log(part));
    let files = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let mut lines = Vec::new();
    for special in SPECIAL {
        // Without a host after it, the text behind an `@` in a password cannot be distinguished from a host.
        let is_a_host = |address: &String| special.contains('@') && address.ends_with("it/db");
        let addresses = addresses(&PARTS.join(special)).into_iter();
        for (nth, address) in addresses.filter(|address| !is_a_host(address)).enumerate() {
            // The three settings with a password get every URL, and the others a share of them each.
            let (of_secrets, others) = SETTINGS.split_at(3);
            for setting in of_secrets.iter().copied().chain([others[nth % others.len()]]) {
                let mut line = vec![setting.to_owned(), address.clone()];
                let jwt = ["--jwt-secret", "a secret that is long enough for HS256"];
                line.extend(jwt.map(str::to_owned));
                if setting != "--database-url" {
                    line.extend(["--database-url".to_owned(), sqlite.clone()]);
                }
                lines.push(line);
            }
            // A command line that a shell split at a blank, with a missing option.
            lines.push(address.split(' ').map(str::to_owned).collect());
        }
    }
    let output = |line: Vec<String>| async move { (output_of(line.clone()).await, line) };
    let all = stream::iter(lines).map(output);
    let mut all = std::pin::pin!(all.buffer_unordered(200));
    while let Some((output, line)) = all.next().await {
        assert!(!PARTS.iter().any(|part| output.contains(part)), "{line:?} shows it: {output}");
    }
}

#[tokio::test]
async fn invalid_parameters_show_no_password() {
    for (parameter, words) in
        [("sslmode=bogus", ""), (&format!("{}=1", PARTS[1]), "an unknown parameter")]
    {
        let url = format!("postgres://u:{}@127.0.0.1:1/db?{parameter}", PARTS[0]);
        let jwt = ["--jwt-secret", "a secret that is long enough for HS256"];
        let line = [["--database-url", &url], jwt].concat();
        let output = output_of(line.into_iter().map(str::to_owned).collect()).await;
        assert!(output.contains(words), "{output}");
        assert!(!PARTS.iter().any(|part| output.contains(part)), "{output}");
    }
}

#[tokio::test]
async fn connection_errors_name_reason_and_address() {
    let files = tempfile::tempdir().unwrap();
    let at = |path: &str| format!("sqlite://{}/{path}", files.path().display());
    std::fs::create_dir(files.path().join("directory")).unwrap();
    std::fs::write(files.path().join("text"), "this is no database, whatever its name says")
        .unwrap();
    let postgres = crate::support::postgres::empty_database();
    let nowhere = postgres.replacen("/test_", "/absent_", 1);
    let foreign = crate::support::postgres::as_role("absent_role", &postgres);
    for (url, words) in [
        ("postgres://u:p@127.0.0.1:1/db".to_owned(), ["127.0.0.1:1", "refused"]),
        (
            "postgres://u:p@no-such-host.invalid/db".to_owned(),
            ["no-such-host.invalid:5432", "lookup"],
        ),
        (nowhere, ["there is no database absent_", "create it"]),
        (foreign, ["port 5432", "authentication failed"]),
        (at("missing/test.db?mode=rwc"), ["the directory", "missing does not exist"]),
        (at("test.db"), ["test.db does not exist", "?mode=rwc"]),
        (at("directory?mode=rwc"), ["directory is a directory", "name a file"]),
        (at("text"), ["text:", "damaged"]),
        (at("text/test.db?mode=rwc"), ["is not a directory", "text"]),
    ] {
        let issuer = crate::support::issuer::Issuer::shared().url();
        let config =
            crate::support::app::config(&["--better-auth-url", issuer, "--database-url", &url]);
        let Err(error) =
            hallpass::app::open(crate::support::app::application(), &config, |_| {}).await
        else {
            panic!("{url} opens")
        };
        let output = error.to_string();
        assert!(output.starts_with("DATABASE_URL"), "{output}");
        assert!(words.iter().all(|word| output.contains(word)), "{url}: {output}");
        assert!(!output.contains("absent_role"), "the user may be a misplaced password: {output}");
    }
}
