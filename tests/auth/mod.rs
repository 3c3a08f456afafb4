//! Every way to log in, taken rightly and wrongly, over real sockets: mechanisms, accounts that change, waits after wrong passwords,
//! strangers who say nothing or too much, and secrets that must not be seen anywhere.

mod abandoned;
mod back_off;
mod flood;
mod guests;
mod hashes;
mod mechanisms;
#[cfg(feature = "fault-injection")]
mod panics;
mod passwd;
mod plaintext;
mod register;
mod resume;
mod revoked;
mod scram;
mod seen_nowhere;
mod strangers;

use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use gencomm::edge::wire::names::UserName;
use gencomm::edge::wire::timestamp::Timestamp;
use gencomm::store::accounts::embedded::{EmbeddedAccounts, EmbeddedOptions};
use gencomm::store::accounts::secret::password::{self, Params};
use gencomm::store::accounts::secret::scram as verifiers;
use gencomm::store::accounts::{Accounts, AuditEntry, NewAccount, Role, Secrets, SecretsChange};

use crate::support::{Builder, Gc2, Server};

/// A password that is good enough.
pub const PASSWORD: &str = "tuesday rain on tin";
/// Another one.
pub const OTHER: &str = "thursday wind in reeds";
/// As the servers here are configured: quick.
pub const QUICK: Params = Params {
    memory_kib: 1024,
    passes: 1,
    lanes: 1,
};
/// Rounds of SCRAM, the fewest that there are.
pub const ROUNDS: u32 = 4096;

/// Rates and counts hold for everybody, loopback too.
pub const NOBODY_EXEMPT: &str = "[limits]\nexempt = []\n";

/// A server and its accounts, which are changed beside it, as `gencomm user` does.
pub struct House {
    pub server: Server,
    pub accounts: EmbeddedAccounts,
}

/// A server whose hashes are quick.
pub fn builder() -> Builder {
    Server::builder()
        .set("auth.argon2_memory", "1MiB")
        .set("auth.argon2_passes", 1)
        .set("auth.scram_iterations", ROUNDS)
}

/// The same, in which nobody is exempt.
pub fn strict() -> Builder {
    builder().local_toml(NOBODY_EXEMPT)
}

impl House {
    pub fn open() -> Self {
        Self::of(builder())
    }

    pub fn of(builder: Builder) -> Self {
        Self::with(builder.start())
    }

    pub fn with(server: Server) -> Self {
        let options = EmbeddedOptions::new(server.data_dir());
        let accounts = EmbeddedAccounts::open(&options).expect("the accounts");
        Self { server, accounts }
    }

    /// A new account with a password, and with a verifier if there is to be one.
    pub fn add_with(&mut self, name: &str, role: Role, secrets: Secrets) {
        let new = NewAccount {
            name: UserName::parse(name).expect("a name"),
            role,
            secrets,
            invite: None,
            allow_lookalike: true,
        };
        self.accounts.add(&new, &entry("add")).expect("an account");
    }

    /// A new member with [`PASSWORD`].
    pub fn add(&mut self, name: &str) {
        self.add_with(name, Role::Member, secrets(PASSWORD));
    }

    /// A new bot; the line that logs it in.
    pub fn add_bot(&mut self, name: &str) -> String {
        self.add_with(name, Role::Bot, Secrets::default());
        self.token(name, "first")
    }

    /// Another token; the line that logs in with it.
    pub fn token(&mut self, name: &str, token: &str) -> String {
        let account = name.to_lowercase();
        let text = self
            .accounts
            .add_token(&account, token, None, &entry("token"));
        token_line(&text.expect("a token"))
    }

    /// Sets another password.
    pub fn set_password(&mut self, name: &str, password: &str) {
        let change = entry("passwd");
        let set = self
            .accounts
            .set_secrets(name, &secrets(password), SecretsChange::New(&change));
        set.expect("another password");
    }

    /// A connection that sent this line; from 127.0.0.1.
    pub fn send(&self, line: &str) -> Gc2 {
        let mut client = self.server.connect();
        client.send(line);
        client
    }

    /// The same from elsewhere.
    pub fn send_from(&self, line: &str, address: Ipv4Addr) -> Gc2 {
        let mut client = Gc2::connect_from(self.server.address(), address);
        client.send(line);
        client
    }

    /// A connection that is logged in by this line.
    #[track_caller]
    pub fn enter(&self, line: &str) -> Gc2 {
        let mut client = self.send(line);
        client.expect_start("OK;a;");
        client
    }

    /// The same, and its resume token.
    #[track_caller]
    pub fn enter_for_token(&self, line: &str) -> (Gc2, String) {
        let mut client = self.send(line);
        let answer = client.expect_start("OK;a;");
        let token = answer.rsplit(';').next().unwrap_or_default().to_owned();
        (client, token)
    }
}

pub fn entry(action: &'static str) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        actor: "tests".into(),
        address: None,
        action: action.into(),
        room: None,
        subject: None,
        detail: String::new(),
    }
}

/// What is kept of a password, for PLAIN and for SCRAM.
pub fn secrets(password: &str) -> Secrets {
    Secrets {
        password: Some(password::hash(password, QUICK).expect("a hash")),
        scram: Some(verifiers::derive(password, ROUNDS).expect("a verifier")),
    }
}

/// The line that logs in with a password.
pub fn plain(name: &str, password: &str) -> String {
    format!(
        "AUTH;a;PLAIN;{}",
        STANDARD.encode(format!("\0{name}\0{password}"))
    )
}

/// The line that logs in with a token.
pub fn token_line(token: &str) -> String {
    format!("AUTH;a;TOKEN;{}", STANDARD.encode(token))
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// What stands in base64 in the last field of a line.
pub fn decoded(line: &str) -> String {
    let data = line.rsplit(';').next().unwrap_or_default();
    String::from_utf8(STANDARD.decode(data).expect("base64")).expect("UTF-8")
}

/// Sends `line` until it is answered with OK: the end of a connection is heard of a moment after it.
pub fn until_ok(client: &mut Gc2, line: &str) {
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    loop {
        client.send(line);
        let answer = client.line();
        if answer.starts_with("OK;") {
            return;
        }
        assert!(std::time::Instant::now() < end, "{answer}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
