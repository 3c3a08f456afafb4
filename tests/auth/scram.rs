//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, with the library's own client and with messages by hand.

use gencomm::edge::wire::sasl::scram::client::{Binding, Proved, Started};
use gencomm::edge::wire::sasl::scram::{EXPORTER_LABEL, NONCE_RANDOM_BYTES, nonce};

use super::{House, OTHER, PASSWORD, base64, builder, decoded};
use crate::support::{Builder, Gc2};
use crate::tls::{TlsClient, TlsServer, client_config, versions};

const SCRAM: &str = "SCRAM-SHA-256";
const PLUS: &str = "SCRAM-SHA-256-PLUS";

pub fn offered() -> Builder {
    builder().set("auth.scram", "true")
}

/// What has lines.
pub trait Lines {
    fn say(&mut self, line: &str);
    fn hear(&mut self) -> String;
}

impl Lines for Gc2 {
    fn say(&mut self, line: &str) {
        self.send(line);
    }
    fn hear(&mut self) -> String {
        self.line()
    }
}

impl Lines for TlsClient {
    fn say(&mut self, line: &str) {
        self.send(line);
    }
    fn hear(&mut self) -> String {
        self.line()
    }
}

pub fn fresh_nonce() -> String {
    nonce(rand::random::<[u8; NONCE_RANDOM_BYTES]>())
}

pub fn step(mechanism: &str, message: &str) -> String {
    format!("AUTH;a;{mechanism};{}", base64(message))
}

/// Sends the first message; what is needed for the second, or the refusal.
pub fn begin(
    client: &mut impl Lines,
    mechanism: &str,
    user: &str,
    password: &str,
    binding: Binding,
) -> Result<(Proved, String), String> {
    let (started, first) =
        Started::new(user, password, &fresh_nonce(), binding).expect("a first message");
    client.say(&step(mechanism, &first));
    let answer = client.hear();
    if !answer.starts_with(&format!("AUTH;a;{mechanism};")) {
        return Err(answer);
    }
    Ok(started.answer(&decoded(&answer)).expect("a proof"))
}

/// The whole exchange; the last line, once the server has proved itself too.
pub fn log_in(
    client: &mut impl Lines,
    mechanism: &str,
    user: &str,
    password: &str,
    binding: Binding,
) -> String {
    let (proved, proof) = match begin(client, mechanism, user, password, binding) {
        Ok(begun) => begun,
        Err(refusal) => return refusal,
    };
    client.say(&step(mechanism, &proof));
    let answer = client.hear();
    if !answer.starts_with("AUTH;a;") {
        return answer;
    }
    proved.verify(&decoded(&answer)).expect("the right server");
    client.hear()
}

fn binding_of(client: &TlsClient) -> Binding {
    let bytes = client
        .tls
        .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]));
    Binding::TlsExporter(bytes.expect("a handshake that is done"))
}

#[test]
fn a_proof_logs_in_and_a_wrong_one_says_what_a_wrong_password_says() {
    let mut house = House::of(offered());
    house.add("Alice");
    let bot = house.add_bot("builder");
    drop(bot);
    let mut client = house.server.connect();
    let wrong = "ERR;a;unauthenticated;wrong name or password";
    for (user, password) in [
        ("alice", OTHER),
        ("nobody", PASSWORD),
        ("builder", PASSWORD),
    ] {
        assert_eq!(
            log_in(&mut client, SCRAM, user, password, Binding::None),
            wrong
        );
    }
    let line = log_in(&mut client, SCRAM, "aLiCe", PASSWORD, Binding::None);
    assert!(line.starts_with("OK;a;Alice;gcr_"), "{line}");
    client.check_alive();
}

/// The salt and the rounds of somebody who is not there are as constant as those of somebody who is.
#[test]
fn who_has_no_account_is_not_told_apart_before_the_proof() {
    let mut house = House::of(offered());
    house.add("alice");
    let first = |user: &str| {
        let mut client = house.server.connect();
        let own = fresh_nonce();
        client.send(&step(SCRAM, &format!("n,,n={user},r={own}")));
        let message = decoded(&client.line());
        let rest = message.split_once(",s=").expect("a salt").1.to_owned();
        assert!(message.starts_with(&format!("r={own}")), "{message}");
        rest
    };
    for user in [
        "alice",
        "nobody",
        "n\u{f6}body",
        "with=20space=3D".replace("=20", "").as_str(),
    ] {
        let (one, two) = (first(user), first(&user.to_uppercase()));
        assert_eq!(one, two, "{user}");
        assert!(
            one.ends_with(",i=4096") && one.len() == first("alice").len(),
            "{one}"
        );
    }
    assert_ne!(first("nobody"), first("nobody2"));
}

#[test]
fn messages_of_an_exchange_are_good_for_nothing_else() {
    let mut house = House::of(offered());
    house.add("alice");
    let mut client = house.server.connect();
    let own = fresh_nonce();
    let (started, first) = Started::new("alice", PASSWORD, &own, Binding::None).expect("a message");
    client.send(&step(SCRAM, &first));
    let (_, proof) = started.answer(&decoded(&client.line())).expect("a proof");

    // On another connection, as a beginning and within an exchange with the same nonce.
    let mut thief = house.server.connect();
    thief.send(&step(SCRAM, &proof));
    thief.expect_start("ERR;a;bad-request;");
    thief.send(&step(SCRAM, &first));
    thief.expect_start("AUTH;a;SCRAM-SHA-256;");
    thief.send(&step(SCRAM, &proof));
    thief.expect_start("ERR;a;unauthenticated;the nonce is not that of this exchange");
    thief.send(&step(SCRAM, &proof));
    thief.expect_start("ERR;a;bad-request;");

    // On the same one: a wrong proof ends the exchange, and the right one comes too late.
    let bad = proof.replace(",p=", ",p=AAAA");
    client.send(&step(SCRAM, &bad));
    client.expect_start("ERR;a;unauthenticated;");
    client.send(&step(SCRAM, &proof));
    client.expect_start("ERR;a;bad-request;");
    client.send(&step(SCRAM, &first));
    client.expect_start("AUTH;a;SCRAM-SHA-256;");
    client.send(&step(SCRAM, &proof));
    client.expect_start("ERR;a;unauthenticated;");
    assert!(
        log_in(&mut client, SCRAM, "alice", PASSWORD, Binding::None).starts_with("OK;a;alice;")
    );
}

#[test]
fn bad_messages_are_refused() {
    let mut house = House::of(offered());
    house.add("alice");
    let mut client = house.server.connect();
    for message in [
        "",
        "n",
        "n,,",
        "n,,r=x",
        "n,,n=,r=x",
        "n,,n=alice",
        "n,,n=alice,r=",
        "n,,n=al\0ice,r=x",
        "n,,n=al=ice,r=x",
        "n,,m=x,n=alice,r=x",
        "n,a=bob,n=alice,r=x",
        "p=tls-unique,,n=alice,r=x",
        "x,,n=alice,r=x",
    ] {
        client.send(&step(SCRAM, message));
        client.expect_start("ERR;a;bad-request;");
    }
    // Without TLS there is nothing to bind to, and who says that nothing was offered is right.
    client.send(&step(PLUS, "p=tls-exporter,,n=alice,r=x"));
    client.expect_start("ERR;a;bad-request;SCRAM-SHA-256-PLUS needs TLS");
    client.send(&step(SCRAM, "y,,n=alice,r=x"));
    client.expect_start("AUTH;a;SCRAM-SHA-256;");
    // The second message may be as wrong as it likes.
    let mut other = house.server.connect();
    for message in ["", "c=biws", "c=biws,r=x,p=x", "c=biws,r=x,p=AAAA", "\0"] {
        let begun = begin(&mut other, SCRAM, "alice", PASSWORD, Binding::None);
        begun.expect("an exchange");
        other.send(&step(SCRAM, message));
        other.expect_start("ERR;a;unauthenticated;");
    }
    assert!(log_in(&mut other, SCRAM, "alice", PASSWORD, Binding::None).starts_with("OK;a;"));
}

struct Bound {
    tls: TlsServer,
    _house: gencomm::store::accounts::embedded::EmbeddedAccounts,
}

fn bound() -> Bound {
    let tls = TlsServer::with(|builder| {
        let builder = builder.set("auth.scram", "true");
        let builder = builder.set("auth.argon2_memory", "1MiB");
        builder.set("auth.scram_iterations", super::ROUNDS)
    });
    use gencomm::store::accounts::embedded::{EmbeddedAccounts, EmbeddedOptions};
    use gencomm::store::accounts::{Accounts, NewAccount, Role};
    let options = EmbeddedOptions::new(tls.server.data_dir());
    let mut accounts = EmbeddedAccounts::open(&options).expect("the accounts");
    let new = NewAccount {
        name: gencomm::edge::wire::names::UserName::parse("alice").expect("a name"),
        role: Role::Member,
        secrets: super::secrets(PASSWORD),
        invite: None,
        allow_lookalike: false,
    };
    accounts
        .add(&new, &super::entry("add"))
        .expect("an account");
    Bound {
        tls,
        _house: accounts,
    }
}

#[test]
fn a_log_in_is_bound_to_its_connection() {
    let Bound { tls, _house } = bound();
    let connect = || tls.connect_with(client_config(&tls.pair, versions::ONLY_13));

    let mut client = connect();
    let right = binding_of(&client);
    let line = log_in(&mut client, PLUS, "alice", PASSWORD, right);
    assert!(line.starts_with("OK;a;alice;"), "{line}");

    // That of another connection, and one that is invented: somebody sits between.
    for wrong in [right, Binding::TlsExporter([7; 32])] {
        let mut between = connect();
        let line = log_in(&mut between, PLUS, "alice", PASSWORD, wrong);
        assert!(
            line.starts_with(
                "ERR;a;unauthenticated;the channel binding is not that of this connection"
            ),
            "{line}"
        );
        let own = binding_of(&between);
        assert!(log_in(&mut between, PLUS, "alice", PASSWORD, own).starts_with("OK;a;"));
    }
    // Who could bind and was not offered it has been lied to.
    let mut downgraded = connect();
    let line = log_in(
        &mut downgraded,
        SCRAM,
        "alice",
        PASSWORD,
        Binding::NotOffered,
    );
    assert!(line.contains("somebody may sit between"), "{line}");
    // Who cannot may do without.
    assert!(log_in(&mut downgraded, SCRAM, "alice", PASSWORD, Binding::None).starts_with("OK;a;"));
    // The flag has to fit the mechanism.
    let mut client = connect();
    let right = binding_of(&client);
    assert!(log_in(&mut client, SCRAM, "alice", PASSWORD, right).starts_with("ERR;a;bad-request;"));
    assert!(
        log_in(&mut client, PLUS, "alice", PASSWORD, Binding::None)
            .starts_with("ERR;a;bad-request;")
    );
    // An exchange with a binding is not finished by the mechanism without.
    let (_, proof) = begin(&mut client, PLUS, "alice", PASSWORD, right).expect("an exchange");
    client.send(&step(SCRAM, &proof));
    assert!(client.line().starts_with("ERR;a;bad-request;"));
}

#[test]
fn tls_1_2_has_no_binding() {
    let Bound { tls, _house } = bound();
    let mut client = tls.connect_with(client_config(&tls.pair, versions::ONLY_12));
    let binding = binding_of(&client);
    let line = log_in(&mut client, PLUS, "alice", PASSWORD, binding);
    assert!(line.starts_with("ERR;a;bad-request;"), "{line}");
    let line = log_in(&mut client, SCRAM, "alice", PASSWORD, Binding::NotOffered);
    assert!(line.starts_with("OK;a;alice;"), "{line}");
}
