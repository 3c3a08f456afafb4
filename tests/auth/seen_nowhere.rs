//! No secret is seen where it does not belong: a different one is planted on every way that secrets take, then everything that the server
//! and the client leave is looked through: logs at the lowest level, output, process list, files.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gencomm::edge::wire::sasl::scram::client::Binding;

use super::scram::log_in;
use super::{House, base64, builder, plain, token_line};
use crate::support::PATIENCE;

/// Secrets that were planted, and what they look like on their way.
#[derive(Default)]
struct Planted {
    texts: Vec<(String, Vec<String>)>,
}

impl Planted {
    /// A password that nobody else has.
    fn password(&mut self, what: &str) -> String {
        let text = format!("plant~{what}~{:016x}", rand::random::<u64>());
        self.note(&text);
        text
    }

    /// Whatever it is, it must not be found.
    fn note(&mut self, text: &str) {
        let mut forms = vec![text.to_owned()];
        // In base64 whatever stands before it moves it by one or two bytes; its borders depend on its neighbours.
        for before in 0..3 {
            let coded = base64([&vec![b'x'; before][..], text.as_bytes()].concat());
            forms.push(coded[4..coded.len() - 4].to_owned());
        }
        self.texts.push((text.to_owned(), forms));
    }

    #[track_caller]
    fn check(&self, place: &str, bytes: &[u8]) {
        for (text, forms) in &self.texts {
            for form in forms {
                let found = memchr::memmem::find(bytes, form.as_bytes());
                assert!(found.is_none(), "{text} is in {place}, as {form}");
            }
        }
    }

    fn check_folder(&self, folder: &Path) -> usize {
        let mut files = 0;
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files += self.check_folder(&path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                self.check(&path.display().to_string(), &bytes);
                files += 1;
            }
        }
        files
    }

    /// What everybody on the machine can read of this process.
    fn check_process(&self, pid: u32) {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).expect("a process");
        // Empty where it has ended already.
        self.check("the list of processes", &line);
    }
}

/// The program, run as a person would.
struct Client<'a> {
    house: &'a House,
    words: Vec<String>,
    input: String,
    env: Vec<(&'static str, String)>,
}

impl Client<'_> {
    fn start(self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gencomm"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GENCOMM_") {
                command.env_remove(name);
            }
        }
        command
            .args(&self.words)
            .arg("--config")
            .arg(self.house.server.home().join("config"))
            .env("GENCOMM__SERVER__DATA_DIR", self.house.server.data_dir())
            .env("GENCOMM__AUTH__ARGON2_MEMORY", "1MiB")
            .env("HOME", self.house.server.home())
            .envs(self.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        // Who refuses early reads nothing.
        let _ = stdin.write_all(self.input.as_bytes());
        child
    }

    /// Runs it to its end; standard output and standard error. Nothing planted is in the latter, nor in the list of processes.
    fn run(self, planted: &Planted) -> (bool, String, String) {
        let child = self.start();
        planted.check_process(child.id());
        let output = child.wait_with_output().expect("an end");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (out, err) = (text(output.stdout), text(output.stderr));
        planted.check("standard error", err.as_bytes());
        (output.status.success(), out, err)
    }
}

#[test]
fn no_secret_is_in_a_log_an_output_a_file_or_the_list_of_processes() {
    let mut planted = Planted::default();
    let mut house = House::of(
        builder()
            .set("logging.level", "trace")
            .set("logging.format", "json")
            .set("auth.scram", "true")
            .set("auth.registration", "open")
            .set("auth.bytes", "1KiB"),
    );
    let right = planted.password("right");
    house.add_with(
        "alice",
        gencomm::store::accounts::Role::Member,
        super::secrets(&right),
    );

    // PLAIN, right and wrong, and what is wrong in other ways.
    let (mut alice, resume) = house.enter_for_token(&plain("alice", &right));
    planted.note(&resume);
    for line in [
        plain("alice", &planted.password("wrong")),
        plain("nobody", &planted.password("nobody")),
        plain("al ice", &planted.password("bad-name")),
        plain(&planted.password("as-name"), "x"),
        format!("AUTH;a;PLAIN;{}", planted.password("not-base64")),
        format!("AUTH;a;PLAIN;{}", base64(planted.password("no-nul"))),
        format!(
            "AUTH;a;PLAIN;{}",
            base64([planted.password("not-utf8").as_bytes(), b"\xff"].concat())
        ),
        // Verbs, mechanisms and fields mistyped, with a secret in or behind them.
        format!("AUHT;a;PLAIN;{}", base64(planted.password("verb"))),
        format!("auth;a;plain;{}", planted.password("lower-case")),
        format!("AUTH;a;PLAN;{}", planted.password("mechanism")),
        format!("AUTH;a;{};x", planted.password("as-mechanism")),
        format!("AUTH;{};PLAIN;x", planted.password("as-tag")),
        planted.password("as-verb"),
        format!("\u{1}{}", planted.password("control")),
        format!("PASS {}", planted.password("other-protocol")),
        // Tokens.
        token_line(&planted.password("token")),
        format!("AUTH;a;TOKEN;{}", planted.password("token-plain")),
        token_line(&format!("gct_{}", planted.password("gct"))),
        token_line(&format!("gcr_{}", planted.password("gcr"))),
        // SCRAM messages that hold what they should not.
        super::scram::step(
            "SCRAM-SHA-256",
            &format!("n,,n=alice,r={}", planted.password("nonce")),
        ),
        super::scram::step("SCRAM-SHA-256", &planted.password("scram")),
        // Too long, in one line and in many.
        plain("alice", &planted.password("long").repeat(100)),
        format!("{}{}", planted.password("long-plain"), "x".repeat(9000)),
        // Registrations that are refused.
        format!("REGISTER;a;bob;{}", planted.password("register-plain")),
        format!(
            "REGISTER;a;alice;{}",
            base64(planted.password("register-taken"))
        ),
        format!(
            "REGISTER;a;b ob;{}",
            base64(planted.password("register-name"))
        ),
        format!(
            "REGISTER;a;bob;{};{}",
            base64("short"),
            planted.password("invite")
        ),
        format!(
            "REGISTER;a;bob;{}",
            base64(format!("{}\0", planted.password("register-nul")))
        ),
    ] {
        let mut client = house.server.connect();
        client.send(&line);
        let answer = client.line();
        // Letters and a space are taken for HTTP.
        let starts = ["ERR;", "AUTH;a;SCRAM", "HTTP/1.1 501"];
        assert!(
            starts.iter().any(|start| answer.starts_with(start)),
            "{line}: {answer}"
        );
    }
    house.enter(&token_line(&resume)).check_alive();
    let mut client = house.server.connect();
    let line = log_in(&mut client, "SCRAM-SHA-256", "alice", &right, Binding::None);
    planted.note(line.rsplit(';').next().expect("a token"));
    let wrong = planted.password("scram-wrong");
    let mut client = house.server.connect();
    log_in(&mut client, "SCRAM-SHA-256", "alice", &wrong, Binding::None);

    // REGISTER and PASSWD that work and that do not.
    let (registered, changed) = (planted.password("registered"), planted.password("changed"));
    let mut client = house.server.connect();
    client.ask(
        &format!("REGISTER;r;carol;{}", base64(&registered)),
        "OK;r;carol",
    );
    client.send(&plain("carol", &registered));
    client.expect_start("OK;a;carol;");
    for (old, new) in [
        (
            planted.password("passwd-old"),
            planted.password("passwd-new"),
        ),
        (
            registered.clone(),
            format!("{}\u{7}", planted.password("passwd-bad")),
        ),
    ] {
        client.send(&format!("PASSWD;p;{};{}", base64(old), base64(new)));
        client.expect_start("ERR;p;");
    }
    client.send(&format!("PASSWD;p;{};x", planted.password("passwd-plain")));
    client.expect_start("ERR;p;");
    client.ask(
        &format!("PASSWD;p;{};{}", base64(&registered), base64(&changed)),
        "OK;p",
    );

    by_command(&house, &mut planted, (&right, &changed));

    // The connection in the middle of everything, and one that the server ends.
    alice.check_alive();
    assert!(house.server.resident_bytes() > 0);
    planted.check_process(house.server.pid());
    house.server.term();
    let log = house.server.log_to_end();
    for expected in [
        "\"log-in refused\"",
        "\"bad line\"",
        "account registered",
        "logged in",
    ] {
        assert!(
            log.contains(expected.trim_matches('"')),
            "no {expected} in the log"
        );
    }
    planted.check("the server's log", log.as_bytes());
    planted.check(
        "the server's output",
        house.server.more_output().join("\n").as_bytes(),
    );
    assert!(planted.check_folder(&house.server.data_dir()) >= 3);
    assert!(planted.texts.len() > 40, "{} planted", planted.texts.len());
}

/// `gencomm user` and the clients.
fn by_command(house: &House, planted: &mut Planted, (alices, carols): (&str, &str)) {
    let server = house.server.address().to_string();
    let run = |planted: &Planted, words: &[&str], input: &str, env: Vec<(&'static str, String)>| {
        let client = Client {
            house,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            input: input.to_owned(),
            env,
        };
        client.run(planted)
    };
    let none = Vec::new;
    let added = planted.password("user-add");
    let (works, out, err) = run(
        planted,
        &["user", "add", "dave", "--password-stdin"],
        &added,
        none(),
    );
    assert!(works, "{out} {err}");
    planted.check("standard output", out.as_bytes());
    let (works, out, _) = run(planted, &["user", "token", "dave", "add", "ci"], "", none());
    let token = out.trim().to_owned();
    assert!(works && token.starts_with("gct_"));
    planted.note(&token);
    house.enter(&token_line(&token)).check_alive();
    let (works, out, _) = run(planted, &["user", "invite"], "", none());
    assert!(works);
    planted.note(out.trim());

    let file = house.server.home().join("token");
    std::fs::write(&file, format!("{token}\n")).expect("a file");
    let file = file.display().to_string();
    let bad = house.server.home().join("bad-token");
    std::fs::write(&bad, planted.password("token-file")).expect("a file");
    let bad = bad.display().to_string();
    let wrong = planted.password("cli-wrong");
    let in_env = |name: &'static str, text: &str| vec![(name, text.to_owned())];
    let send = |more: &[&'static str], user: &'static str| -> Vec<String> {
        let words = ["send", "--server", &server, "--user", user, "--lines"];
        let words = words.iter().chain(more.iter());
        words.map(|word| (*word).to_owned()).collect()
    };
    for (words, input, env, works) in [
        (
            send(&["--password-stdin"], "alice"),
            format!("{alices}\nhello\n"),
            none(),
            true,
        ),
        (
            send(&["--password-stdin"], "alice"),
            format!("{wrong}\nhello\n"),
            none(),
            false,
        ),
        (
            send(&["--password-stdin", "--mechanism", "scram"], "alice"),
            format!("{alices}\nhi\n"),
            none(),
            true,
        ),
        (
            send(&[], "alice"),
            "hello\n".into(),
            in_env("GENCOMM_PASSWORD", alices),
            true,
        ),
        (
            send(&[], "alice"),
            "hello\n".into(),
            in_env("GENCOMM_PASSWORD", &wrong),
            false,
        ),
        (
            send(&[], "dave"),
            "hello\n".into(),
            in_env("GENCOMM_TOKEN", &token),
            true,
        ),
        (
            [send(&["--token-file"], "dave"), vec![file]].concat(),
            "hello\n".into(),
            none(),
            true,
        ),
        (
            [send(&["--token-file"], "dave"), vec![bad]].concat(),
            "hello\n".into(),
            none(),
            false,
        ),
    ] {
        let shown = words.join(" ");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (worked, out, err) = run(planted, &words, &input, env);
        assert_eq!(worked, works, "{shown}: {out} {err}");
        planted.check("standard output", out.as_bytes());
    }
    let other = planted.password("cli-passwd");
    let words = [
        "passwd",
        "--server",
        &server,
        "--user",
        "carol",
        "--password-stdin",
    ];
    let (works, out, err) = run(planted, &words, &format!("{carols}\n{other}\n"), none());
    assert!(works, "{out} {err}");
    planted.check("standard output", out.as_bytes());
    let mine = planted.password("cli-register");
    let words = [
        "register",
        "--server",
        &server,
        "--user",
        "erin",
        "--password-stdin",
    ];
    let (works, out, err) = run(planted, &words, &format!("{mine}\n"), none());
    assert!(works, "{out} {err}");
    planted.check("standard output", out.as_bytes());

    // One that stays, looked at while it is connected.
    let mut staying = Client {
        house,
        words: [
            "tail",
            "--server",
            &server,
            "--user",
            "erin",
            "--password-stdin",
            "--follow",
        ]
        .map(str::to_owned)
        .to_vec(),
        input: format!("{mine}\n"),
        env: Vec::new(),
    }
    .start();
    let end = std::time::Instant::now() + PATIENCE;
    let mut watcher = house.server.member("watcher", "lobby");
    loop {
        assert!(std::time::Instant::now() < end, "it never came");
        watcher.send("WHO;w;lobby");
        let there = watcher.until("OK;w;").0;
        if there.iter().any(|line| line.contains(";erin;")) {
            break;
        }
    }
    planted.check_process(staying.id());
    assert!(staying.try_wait().expect("a child").is_none(), "it stays");
    let _ = staying.kill();
    let output = staying.wait_with_output().expect("an end");
    planted.check("standard output", &output.stdout);
    planted.check("standard error", &output.stderr);
}
