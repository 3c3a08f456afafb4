use super::*;
use clap::CommandFactory;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn config_works_in_every_place() {
    for line in [
        "gencomm --config d serve",
        "gencomm serve --config d",
        "gencomm log stats --config d",
        "gencomm log --data x verify --config d",
        "gencomm config check --config d",
        "gencomm doctor --json --config d",
        "gencomm certs show --config d",
        "gencomm certs make --config d",
        "gencomm send hi --config d",
        "gencomm tail --config d -f",
        "gencomm chat --config d",
        "gencomm user list --config d",
        "gencomm user --data x token bot list --json --config d",
        "gencomm audit --config d",
        "gencomm health --config d",
        "gencomm backup x --config d",
        "gencomm backup verify x --config d",
        "gencomm restore x --config d",
    ] {
        let cli = parse(line).unwrap();
        assert_eq!(cli.config_dir(), Path::new("d"), "{line}");
    }
    let cli = parse("gencomm serve").unwrap();
    assert_eq!(cli.config_dir(), Path::new("config"));
}

#[test]
fn messages_may_begin_with_a_dash() {
    let text = |line: &str| match parse(line).unwrap().command {
        Command::Send(args) => args.text.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!(text("gencomm send -- --help me"), "--help me");
    assert_eq!(text("gencomm send -"), "-");
    assert_eq!(text("gencomm send a b --room dev c"), "a b c");
    assert!(parse("gencomm send").is_err());
    assert_eq!(text("gencomm send --lines"), "");
}

#[test]
fn mistakes_are_refused_before_anybody_is_called() {
    for line in [
        "gencomm chat --room Lobby",
        "gencomm chat --user a;b",
        "gencomm chat --server host:0",
        "gencomm tail --since yesterday",
        "gencomm tail --last 5 --since 1h",
        "gencomm tail --format xml",
        "gencomm send --timeout 0s x",
        "gencomm log remove 0",
        "gencomm certs",
        "gencomm certs make --days 0",
        "gencomm certs make --name chat.example:10740",
        "gencomm certs make --name a..b",
        "gencomm certs make --name -x",
        "gencomm log",
        "gencomm user",
        "gencomm user add",
        "gencomm user add a;b",
        "gencomm user add alice --role king",
        "gencomm user role alice",
        "gencomm user role alice owner",
        "gencomm user token alice",
        "gencomm user token alice add",
        "gencomm user token alice add ci --expires soon",
        "gencomm user token alice add ci --expires 0s",
        "gencomm user invite --uses 0",
        "gencomm user invite revoke x",
        "gencomm user passwd alice secret",
        "gencomm audit --last -1",
        "gencomm fly",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn commands_take_what_they_need() {
    for line in [
        "gencomm user add alice --role admin --password-stdin --allow-lookalike",
        "gencomm user remove alice --yes --json",
        "gencomm user token builder add ci --expires 90d",
        "gencomm user token builder add ci --expires never",
        "gencomm user token builder revoke ci",
        "gencomm user invite",
        "gencomm user invite --uses 3 --expires 12h",
        "gencomm user invite list",
        "gencomm user invite revoke 7",
        "gencomm audit --last 5 --json --data d",
        "gencomm log show --room dev --last 5 --after 7 --since 1h --format json",
        "gencomm log export --format jsonl --output f",
        "gencomm log import f --data d",
        "gencomm log remove 7",
        "gencomm log stats --json",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}

#[test]
fn a_secret_is_no_argument_and_has_one_source() {
    let print = "ab".repeat(32);
    for line in [
        "gencomm chat -p --user ann --server chat.example --tls",
        "gencomm chat --ask-password --mechanism scram",
        "gencomm send --password-stdin hi",
        "gencomm tail --token-file t --plaintext",
        &format!("gencomm tail --trust sha256:{print} --ca f"),
        "gencomm register --user ann --invite-file code --server a:1",
        "gencomm register --user ann --password-stdin --ca f",
        "gencomm passwd --server a:1",
        "gencomm passwd --user ann --password-stdin --mechanism scram",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
    for line in [
        "gencomm chat --password s3cret",
        "gencomm chat --token s3cret",
        "gencomm chat -p s3cret",
        "gencomm register --user ann --password s3cret",
        "gencomm register",
        "gencomm passwd s3cret",
        "gencomm chat -p --password-stdin",
        "gencomm chat -p --token-file t",
        "gencomm chat --password-stdin --token-file t",
        "gencomm chat --token-file t --mechanism scram",
        "gencomm chat --mechanism md5",
        "gencomm chat --tls --plaintext",
        "gencomm chat --plaintext --ca f",
        &format!("gencomm chat --plaintext --trust {print}"),
        "gencomm chat --trust abc",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn a_backup_has_a_target_or_is_verified() {
    let target = |line: &str| match parse(line).unwrap().command {
        Command::Backup(args) => (args.target, args.action.is_some()),
        other => panic!("{other:?}"),
    };
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(target("gencomm backup -"), (path("-"), false));
    assert_eq!(target("gencomm backup ./verify"), (path("./verify"), false));
    assert_eq!(target("gencomm backup x --data d"), (path("x"), false));
    assert_eq!(target("gencomm backup verify x"), (None, true));
    assert_eq!(target("gencomm backup verify -"), (None, true));
    for line in [
        "gencomm backup",
        "gencomm backup verify",
        "gencomm backup x y",
        "gencomm backup x verify y",
        "gencomm restore",
        "gencomm restore x y",
        "gencomm health --timeout 0s",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
    assert!(parse("gencomm restore - --to d --config-to c").is_ok());
    assert!(parse("gencomm health --json --timeout 2s --data d").is_ok());
}
