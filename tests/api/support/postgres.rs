//! A PostgreSQL cluster of the tests, started on first use and stopped with the process.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    /// Ends the cluster when its standard input closes, as it does with this process.
    _keeper: Child,
}

const TEMPLATE: &str = "hallpass_template";
/// The role of the tests, a superuser.
pub const SUPERUSER: &str = "hallpass";
/// A role without privileges, to which policies apply.
pub const PLAIN: &str = "plain";

/// The URL of a new database with every table.
pub fn database() -> String {
    copy_of(TEMPLATE, SUPERUSER)
}

/// The URL of a new, empty database.
pub fn empty_database() -> String {
    copy_of("template0", SUPERUSER)
}

/// The same, owned by a role that is not a superuser.
pub fn plain_database() -> String {
    copy_of("template0", PLAIN)
}

/// The URL of a new, empty database with English collation.
pub fn english_database() -> String {
    make("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'", SUPERUSER)
}

/// The same URL for another role, which is not a superuser.
pub fn as_role(role: &str, url: &str) -> String {
    url.replacen(SUPERUSER, role, 1)
}

/// Runs a query at `url` with `psql`, which keeps no session.
pub fn query(url: &str, sql: &str) -> String {
    let mut psql = Command::new(programs().join("psql"));
    let output = psql.args(["-X", "-q", "-A", "-t", "-c", sql, url]).output();
    let output = output.expect("psql can be started");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A client program of PostgreSQL, such as `pg_dump`.
pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// The URL of the database as another application: servers differ by it in `pg_stat_activity`.
pub fn as_application(name: &str, url: &str) -> String {
    format!("{url}&application_name={name}")
}

/// Ends the session in which the server with this application listens, and one that it is about to replace. Returns once
/// they have ended.
pub fn cut_listener(application: &str, url: &str) {
    let (name, outside) = name_and_outside(url);
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
         WHERE datname = '{name}' AND application_name = '{application} (listener)'"
    );
    assert_ne!(query(&outside, &sql), "0", "no session of {application} listens");
}

/// Rejects new connections to the database at `url`, or allows them again. Open connections stay.
pub fn set_connectable(url: &str, is_connectable: bool) {
    let (name, outside) = name_and_outside(url);
    query(&outside, &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {is_connectable}"));
}

/// The name of the database at `url`, and the URL of another one of the same server.
fn name_and_outside(url: &str) -> (String, String) {
    let (_, rest) = url.split_once("@localhost/").unwrap();
    let (name, parameters) = rest.split_once('?').unwrap();
    (name.to_owned(), format!("postgres://{SUPERUSER}@localhost/postgres?{parameters}"))
}

fn copy_of(template: &str, owner: &str) -> String {
    make(&format!("TEMPLATE {template}"), owner)
}

fn make(how: &str, owner: &str) -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static CREATED: AtomicUsize = AtomicUsize::new(0);
    let cluster = CLUSTER.get_or_init(Cluster::start);
    let name = format!("test_{}", CREATED.fetch_add(1, Ordering::Relaxed));
    cluster.run(&format!("CREATE DATABASE {name} {how} OWNER {owner}"));
    cluster.url(&name, owner)
}

impl Cluster {
    fn start() -> Self {
        let programs = programs();
        let directory = std::env::temp_dir().join(format!("hallpass-pg-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("the temporary directory can be written");
        let data = directory.join("data");
        if is_root() {
            // PostgreSQL does not run as root; its own account owns the files then.
            succeed(Command::new("chown").arg("postgres").arg(&directory));
        }
        succeed(
            unprivileged(&programs.join("initdb"))
                .args(["--auth=trust", "--username=hallpass", "--no-sync", "--encoding=UTF8"])
                .args(["--locale=C", "-D"])
                .arg(&data),
        );
        let script = format!(
            "{postgres} -D {data} -k {directory} -c listen_addresses= -c fsync=off \
             -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 \
             > {directory}/log 2>&1 & server=$!; read line; kill -INT $server; wait $server; \
             rm -rf {data}",
            postgres = programs.join("postgres").display(),
            data = data.display(),
            directory = directory.display(),
        );
        let keeper = unprivileged(Path::new("sh"))
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell can be started");
        let cluster = Self { programs, directory, _keeper: keeper };
        cluster.wait_until_ready();
        cluster.run(&format!("CREATE ROLE {PLAIN} LOGIN"));
        cluster.run(&format!("CREATE DATABASE {TEMPLATE}"));
        migrate(cluster.url(TEMPLATE, SUPERUSER));
        cluster
    }

    fn wait_until_ready(&self) {
        let began = Instant::now();
        loop {
            let mut ask = Command::new(self.programs.join("pg_isready"));
            let output = ask.arg("-h").arg(&self.directory).stdout(Stdio::null()).status();
            if output.is_ok_and(|status| status.success()) {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL did not start: see {}/log",
                self.directory.display()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(&self, sql: &str) {
        let mut psql = Command::new(self.programs.join("psql"))
            .arg("-h")
            .arg(&self.directory)
            .args(["-U", SUPERUSER, "-d", "postgres", "-q", "-v", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("psql can be started");
        psql.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        assert!(psql.wait().unwrap().success(), "PostgreSQL rejected: {sql}");
    }

    fn url(&self, name: &str, role: &str) -> String {
        format!("postgres://{role}@localhost/{name}?host={}", self.directory.display())
    }
}

/// On a thread of its own: the first caller may be inside a runtime already.
fn migrate(url: String) {
    let work = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let issuer = ["--better-auth-url", "http://127.0.0.1:9", "--database-url", &url];
            let config = super::app::config(&issuer);
            hallpass::app::migrate(super::app::application(), &config).await.unwrap();
        });
    });
    work.join().expect("the template is migrated");
}

/// The directory of PostgreSQL's programs.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = installed
        .map(|version| version.path().join("bin"))
        .filter(|directory| directory.join("initdb").exists())
        .collect();
    found.sort();
    let on_path = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        let directory = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
        directory.join("initdb").exists().then_some(directory)
    };
    found.pop().or_else(on_path).expect(
        "the tests need PostgreSQL's server programs (initdb, postgres): install the package \
         `postgresql`",
    )
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n"))
}

/// A command of an account that PostgreSQL's programs run under.
pub fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

pub fn succeed(command: &mut Command) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
