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
        "gencomm fly",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn the_log_takes_what_it_needs() {
    for line in [
        "gencomm log show --room dev --last 5 --after 7 --since 1h --format json",
        "gencomm log export --format jsonl --output f",
        "gencomm log import f --data d",
        "gencomm log remove 7",
        "gencomm log stats --json",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}
