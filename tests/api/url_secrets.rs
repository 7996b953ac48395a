//! However an address with a password is mistyped, no part of the password is shown.

use std::ffi::OsString;

use futures_util::stream::{self, StreamExt as _};

use crate::log;

/// The parts between which a special character stands. Each is long enough for the watch over the log.
const PARTS: [&str; 2] = ["hush7secret0first0part0of0it", "hush8secret0second0part0of0it"];
const SPECIAL: [&str; 16] =
    ["#", "@", ":", "/", "?", "%", "[", "]", " ", "&", "=", "\\", "%41", "://", "@@", "#/"];

/// Addresses with this password, in its place and in others.
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
            // What stands in the query of a web address is no password.
            if !(is_http && rest.starts_with("127")) {
                addresses.push(format!("{scheme}{rest}"));
            }
        }
    }
    addresses
}

/// Every setting whose value may be such an address.
const SETTINGS: [&str; 9] = [
    "--database-url",
    "--redis-url",
    "--better-auth-url",
    "--jwks-url",
    "--oidc-issuer",
    "--api-key-verify-url",
    "--user-lookup-url",
    "--allowed-origins",
    "--metrics-addr",
];

/// All that is said of a command line by its check, by the start of a server, and by the doctor.
async fn said_of(line: Vec<String>) -> String {
    let arguments = std::iter::once("hallpass".to_owned()).chain(line).map(OsString::from);
    let file = hallpass::config::EnvFile::default();
    let cli = match hallpass::cli::parse_from(hallpass::cli::command(), &file, arguments) {
        Ok(cli) => cli,
        Err(error) => return error.to_string(),
    };
    let config = match cli.settings.check() {
        Ok(config) => config,
        Err(error) => return error.to_string(),
    };
    let mut said = format!("{config:?}");
    if let Err(error) = hallpass::app::migrate(&config).await {
        said += &format!("{error} {error:?}");
    }
    match hallpass::app::doctor(&config).await {
        Ok(doctor) => said += &serde_json::to_string(&doctor.examine(None).await).unwrap(),
        Err(error) => said += &format!("{error} {error:?}"),
    }
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn password_in_mistyped_address_is_not_shown() {
    log::watch();
    PARTS.iter().for_each(|part| log::must_not_show(part));
    let files = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/test.db?mode=rwc", files.path().display());
    let mut lines = Vec::new();
    for special in SPECIAL {
        // Without a host behind it, what follows an `@` in a password cannot be told from a host.
        let is_a_host = |address: &String| special.contains('@') && address.ends_with("it/db");
        let addresses = addresses(&PARTS.join(special)).into_iter();
        for (nth, address) in addresses.filter(|address| !is_a_host(address)).enumerate() {
            // The two that hold a password get every address, and the others a share of them each.
            let (of_secrets, others) = SETTINGS.split_at(2);
            for setting in of_secrets.iter().copied().chain([others[nth % others.len()]]) {
                let mut line = vec![setting.to_owned(), address.clone()];
                let jwt = ["--jwt-secret", "a secret that is long enough for HS256"];
                line.extend(jwt.map(str::to_owned));
                if setting != "--database-url" {
                    line.extend(["--database-url".to_owned(), sqlite.clone()]);
                }
                lines.push(line);
            }
            // A shell that splits it at a blank, and an option that was forgotten.
            lines.push(address.split(' ').map(str::to_owned).collect());
        }
    }
    let all = stream::iter(lines).map(async |line| (said_of(line.clone()).await, line));
    let mut all = std::pin::pin!(all.buffer_unordered(200));
    while let Some((said, line)) = all.next().await {
        assert!(!PARTS.iter().any(|part| said.contains(part)), "{line:?} shows it: {said}");
    }
}

#[tokio::test]
async fn unreadable_parameters_show_no_password() {
    for (parameter, words) in
        [("sslmode=bogus", ""), (&format!("{}=1", PARTS[1]), "an unknown parameter")]
    {
        let url = format!("postgres://u:{}@127.0.0.1:1/db?{parameter}", PARTS[0]);
        let jwt = ["--jwt-secret", "a secret that is long enough for HS256"];
        let line = [["--database-url", &url], jwt].concat();
        let said = said_of(line.into_iter().map(str::to_owned).collect()).await;
        assert!(said.contains(words), "{said}");
        assert!(!PARTS.iter().any(|part| said.contains(part)), "{said}");
    }
}

#[tokio::test]
async fn connection_errors_name_reason_and_place() {
    let files = tempfile::tempdir().unwrap();
    let at = |path: &str| format!("sqlite://{}/{path}", files.path().display());
    std::fs::create_dir(files.path().join("directory")).unwrap();
    std::fs::write(files.path().join("text"), "this is no database, whatever its name says")
        .unwrap();
    let postgres = crate::postgres::empty_database();
    let nowhere = postgres.replacen("/test_", "/absent_", 1);
    let stranger = crate::postgres::as_role("nobody", &postgres);
    for (url, words) in [
        ("postgres://u:p@127.0.0.1:1/db".to_owned(), ["127.0.0.1:1", "refused"]),
        (
            "postgres://u:p@no-such-host.invalid/db".to_owned(),
            ["no-such-host.invalid:5432", "lookup"],
        ),
        (nowhere, ["there is no database absent_", "create it"]),
        (stranger, ["port 5432", "authentication failed"]),
        (at("missing/test.db?mode=rwc"), ["the directory", "missing does not exist"]),
        (at("test.db"), ["test.db does not exist", "?mode=rwc"]),
        (at("directory?mode=rwc"), ["directory is a directory", "name a file"]),
        (at("text"), ["text:", "damaged"]),
        (at("text/test.db?mode=rwc"), ["is not a directory", "text"]),
    ] {
        let issuer = crate::issuer::Issuer::shared().url();
        let config = crate::app::config(&["--better-auth-url", issuer, "--database-url", &url]);
        let Err(error) = hallpass::app::open(&config, |_| {}).await else { panic!("{url} opens") };
        let said = error.to_string();
        assert!(said.starts_with("DATABASE_URL"), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{url}: {said}");
        assert!(!said.contains("nobody"), "a password may stand in the user's place: {said}");
    }
}
