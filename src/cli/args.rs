//! The whole command line, as clap reads it: help texts, defaults, checks of single values.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::user::args::{AuditArgs, UserArgs};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::term::render::Format;
use crate::term::time;

/// The configuration folder if none is named, from the working directory.
pub const CONFIG_DIR: &str = "config";

/// General Communications: a self-hosted chat server, and its client.
///
/// Run a server in one terminal and talk in another:
///
///     gencomm serve
///     gencomm chat
#[derive(Debug, Parser)]
#[command(
    name = "gencomm",
    version,
    verbatim_doc_comment,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\nMore about a command: gencomm help COMMAND"
)]
pub struct Cli {
    /// The folder of default.toml and local.toml [default: config]
    #[arg(long, global = true, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The configuration folder.
    pub fn config_dir(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(CONFIG_DIR))
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    ///
    /// When it takes connections it prints one line that begins with READY and names its addresses. Its log goes to
    /// standard error. SIGTERM or Ctrl-C ends it in order.
    #[command(
        after_help = "Examples:\n  gencomm serve\n  gencomm serve --config /etc/gencomm\n  gencomm serve --takeover\n  GENCOMM__LISTEN__MAIN=0.0.0.0:10740 gencomm serve"
    )]
    Serve(ServeArgs),
    /// Have a running server read its configuration again
    ///
    /// Nobody is disconnected. Prints what has changed, and what takes effect at the next start. If anything in the new
    /// configuration is wrong, all of it is told and nothing changes. SIGHUP does the same.
    #[command(
        after_help = "Examples:\n  gencomm reload\n  gencomm reload --config /etc/gencomm\n  gencomm reload --data /var/lib/gencomm"
    )]
    Reload(ReloadArgs),
    /// Tell whether a running server serves
    ///
    /// The server calls its own port on every shard, writes to its log as it writes a message, and hears of that on every shard. Prints
    /// what became of each step.
    #[command(
        after_help = "Exit codes: 0 healthy, 1 not healthy or not to be asked, 2 wrong usage, 3 no server runs there.\n\nExamples:\n  gencomm health\n  gencomm health --timeout 2s --json\n  gencomm health --data /var/lib/gencomm"
    )]
    Health(HealthArgs),
    /// Tell how often a running server has met each of its limits
    #[command(after_help = "Examples:\n  gencomm counters\n  gencomm counters --json")]
    Counters(CountersArgs),
    /// Talk in a room
    ///
    /// Enter starts a new line; Alt+Enter (or Esc, then Enter) sends. Ctrl-D or /quit leaves, /help tells the rest.
    /// With piped input, every line is a message, and what others say is printed.
    #[command(
        after_help = "Examples:\n  gencomm chat\n  gencomm chat --user alice --room dev\n  gencomm chat --server chat.example:10740 --user alice -p\n  make 2>&1 | gencomm chat --user builder --room builds"
    )]
    Chat(ChatArgs),
    /// Send a message and wait until the server has it for good
    ///
    /// Prints the message's id. A connection that breaks is no harm: the message is sent again and stored once.
    #[command(
        after_help = "Examples:\n  gencomm send 'the build is done'\n  gencomm send --room dev -- '--dashes first'\n  git log -1 | gencomm send -\n  tail -f app.log | gencomm send --lines --room logs"
    )]
    Send(SendArgs),
    /// Print the newest messages of a room, and those to come
    #[command(
        after_help = "Examples:\n  gencomm tail\n  gencomm tail --room dev --last 100\n  gencomm tail --since 2h --format json | jq .text\n  gencomm tail --follow --last 0"
    )]
    Tail(TailArgs),
    /// Open an account on a server that lets people do so
    #[command(
        after_help = "The password is asked for twice, or read with --password-stdin.\n\nExamples:\n  gencomm register --server chat.example --user ann\n  gencomm register --server chat.example --user ann --invite-file code.txt\n  GENCOMM_INVITE=gci_... gencomm register --server chat.example --user ann"
    )]
    Register(RegisterArgs),
    /// Change your password
    ///
    /// Everybody who is logged in with the old one has to log in again.
    #[command(
        after_help = "The old and the new password are asked for. With --password-stdin the old one is the first line of the input\nand the new one the second.\n\nExample:\n  gencomm passwd --server chat.example --user ann"
    )]
    Passwd(PasswdArgs),
    /// Look after the message log on disk
    #[command(
        after_help = "Reading works beside a running server; import and remove want it stopped.\n\nExamples:\n  gencomm log stats\n  gencomm log show --room dev --last 20\n  gencomm log import database.db\n  gencomm log export --format jsonl --output all.jsonl"
    )]
    Log(LogArgs),
    /// Copy everything that the server keeps, while it runs or not
    ///
    /// Log, accounts, configuration files, certificates: as of one moment, into a folder that is not there yet, or with - as one stream (tar).
    /// What was removed is not in it.
    #[command(
        after_help = "A folder that is called verify is named ./verify.\n\nExamples:\n  gencomm backup /mnt/backup/gencomm-$(date +%F)\n  gencomm backup - | zstd > gencomm.tar.zst\n  gencomm backup verify /mnt/backup/gencomm-2026-11-22\n  zstd -dc gencomm.tar.zst | gencomm backup verify -"
    )]
    Backup(BackupArgs),
    /// Make a data folder out of a backup
    ///
    /// The folder must not be there, or be empty. All of the backup is compared first; it is restored whole or not at all.
    #[command(
        after_help = "Examples:\n  gencomm restore /mnt/backup/gencomm-2026-11-22\n  zstd -dc gencomm.tar.zst | gencomm restore - --to /var/lib/gencomm --config-to /etc/gencomm"
    )]
    Restore(RestoreArgs),
    /// Say who has an account, and what they log in with
    #[command(
        after_help = "Works beside a running server, which follows within a second.\n\nExamples:\n  gencomm user add alice --role admin\n  gencomm user list\n  gencomm user add builder --role bot && gencomm user token builder add ci --expires 90d\n  gencomm user invite --uses 5 --expires 7d\n  pwgen 20 1 | gencomm user passwd alice --password-stdin"
    )]
    User(UserArgs),
    /// Print who did what to accounts, rooms and others' messages
    #[command(
        after_help = "Examples:\n  gencomm audit\n  gencomm audit --last 500 --json | jq .action"
    )]
    Audit(AuditArgs),
    /// Check, print or explain the configuration
    #[command(
        after_help = "Examples:\n  gencomm config check --config /etc/gencomm\n  mkdir -p config && gencomm config default > config/default.toml\n  GENCOMM__LOGGING__LEVEL=debug gencomm config show"
    )]
    Config(ConfigArgs),
    /// Make and look at the certificate for TLS
    #[command(
        after_help = "Works beside a running server, which notices a new certificate by itself.\n\nExamples:\n  gencomm certs make\n  gencomm certs make --name chat.example --days 90\n  gencomm certs show"
    )]
    Certs(CertsArgs),
    /// Look for what would keep the server from working
    ///
    /// Ports, configuration, who is let in, certificate, data folder, accounts, space, descriptors, log, codec, clock: ok, warn or
    /// fail, with what to do.
    /// Exit code 1 if anything fails.
    #[command(after_help = "Examples:\n  gencomm doctor\n  gencomm doctor --json")]
    Doctor(DoctorArgs),
}

/// `serve` takes the rest from the configuration.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Take the place of the server that runs on the same data folder: its sockets, its log, and its clients, who come
    /// back by themselves
    #[arg(long)]
    pub takeover: bool,
}

/// Options of `counters`.
#[derive(Debug, Args)]
pub struct CountersArgs {
    /// The data folder of the server [default: server.data_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// The server's data folder [default: server.data_dir of the configuration]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Options of `chat`.
#[derive(Debug, Args)]
pub struct ChatArgs {
    /// Whom to call.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Options of `send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Whom to call.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Send each line of the input as a message of its own; empty lines are left out
    #[arg(long)]
    pub lines: bool,
    /// Longest wait for an answer, over any number of connections
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = wait)]
    pub timeout: Duration,
    /// The message; several words are joined by spaces; - reads standard input
    #[arg(value_name = "TEXT", required_unless_present = "lines")]
    pub text: Vec<String>,
}

/// Options of `tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Whom to call.
    #[command(flatten)]
    pub client: ClientArgs,
    /// How many of the newest messages (with --follow at most 100000)
    #[arg(long, value_name = "N", default_value_t = 10, conflicts_with = "since")]
    pub last: u64,
    /// Everything since then: unix seconds, or an age such as 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Timestamp>,
    /// Go on with what arrives
    #[arg(long, short)]
    pub follow: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// Options of `log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// The data folder [default: server.data_dir of the configuration]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What to do with it.
    #[command(subcommand)]
    pub action: LogAction,
}

/// What `log` can do.
#[derive(Debug, Subcommand)]
pub enum LogAction {
    /// Read everything, check every hash and chain link, and heads that were kept
    ///
    /// Exit codes: 0 nothing is wrong and the heads lie on the chain, 1 something is wrong or not provable, 2 used wrongly.
    #[command(
        after_help = "Examples:\n  gencomm log verify\n  gencomm log verify --head gencomm-head:1:102:301:5b1f...\n  ssh elsewhere cat heads | gencomm log verify --heads -"
    )]
    Verify(LogVerifyArgs),
    /// Print one line that says where the chain stands, to be kept elsewhere
    ///
    /// `gencomm log verify --head` proves later that no record up to it was altered, removed or reordered. Works beside a running server.
    Head {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Set damaged records aside and mark them as lost; without a server
    ///
    /// What can be made again from the rest is made again. Copies of what is damaged go to quarantine/. Try a backup first: see
    /// `gencomm log verify`.
    Repair,
    /// Print messages
    Show(LogShowArgs),
    /// Write all messages out
    Export(LogExportArgs),
    /// Take in a database.db of the original system
    ///
    /// Each line that is no record is reported with its number and kept in a file beside; the rest is taken in.
    ///
    /// Messages get new ids in the order of the file and keep their times and names. Importing a file twice stores it twice.
    #[command(
        after_help = "Examples:\n  gencomm log import database.db --dry-run\n  gencomm log import database.db"
    )]
    Import(LogImportArgs),
    /// Remove one message for good; its content is overwritten on disk
    Remove {
        /// The message's id
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        id: u64,
    },
    /// Tell sizes, counts and times
    Stats {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Options of `log verify`.
#[derive(Debug, Args)]
pub struct LogVerifyArgs {
    /// A head that has to lie on the chain; may be given several times
    #[arg(long = "head", value_name = "HEAD")]
    pub heads: Vec<String>,
    /// A file of heads, one a line as its last word, or - for standard input; empty lines and those that begin with # are left out
    #[arg(long = "heads", value_name = "FILE")]
    pub heads_from: Option<PathBuf>,
    /// So many records are known to be lost, marked by `gencomm log repair`: no more of them are an error
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub known_lost: u64,
}

/// Options of `log show`.
#[derive(Debug, Args)]
pub struct LogShowArgs {
    /// Only this room; the direct conversation of ann and bob is @ann,bob
    #[arg(long, value_name = "ROOM", value_parser = room_name)]
    pub room: Option<RoomName>,
    /// Only the newest so many [default: 20, or all with --after or --since]
    #[arg(long, value_name = "N")]
    pub last: Option<u64>,
    /// Only those behind this id
    #[arg(long, value_name = "ID")]
    pub after: Option<u64>,
    /// Only those since then: unix seconds, or an age such as 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Timestamp>,
    /// How to print
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// Options of `log import`.
#[derive(Debug, Args)]
pub struct LogImportArgs {
    /// The file
    pub file: PathBuf,
    /// Only say what would be done; works beside a running server
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `log export`.
#[derive(Debug, Args)]
pub struct LogExportArgs {
    /// As record lines or as JSON objects, one a line
    #[arg(long, value_enum, default_value = "record")]
    pub format: ExportFormat,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// The record of the log
    Record,
    /// One JSON object a line
    Jsonl,
}

/// Options of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What `config` can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigAction {
    /// Say whether it is right
    Check,
    /// Print every key with its unit, its default and the reason for it
    Default,
    /// Print every value in force and where it came from
    Show,
}

/// Options of `certs`.
#[derive(Debug, Args)]
pub struct CertsArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: CertsAction,
}

/// What `certs` can do.
#[derive(Debug, Subcommand)]
pub enum CertsAction {
    /// Make a key and a certificate that it signs itself, in the data folder
    Make(CertsMakeArgs),
    /// Tell names, dates and fingerprint of the certificate in use
    Show {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Options of `certs make`.
#[derive(Debug, Args)]
pub struct CertsMakeArgs {
    /// A host name or address that clients will call; may be given several times [default: localhost, 127.0.0.1, ::1
    /// and this machine's name]
    #[arg(long = "name", value_name = "HOST", value_parser = host_name)]
    pub names: Vec<String>,
    /// How long it is valid; some programs refuse more than a year
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: u32,
    /// Replace what is there
    #[arg(long)]
    pub force: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

fn user_name(text: &str) -> Result<UserName, String> {
    UserName::parse(text).map_err(|error| error.to_string())
}

fn room_name(text: &str) -> Result<RoomName, String> {
    RoomName::parse_kept(text).map_err(|error| error.to_string())
}

/// An address, or a name as DNS knows them, with `*` as its first part if need be.
fn host_name(text: &str) -> Result<String, String> {
    let label = |part: &str| {
        let inner = part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        inner && (1..=63).contains(&part.len()) && !part.starts_with('-') && !part.ends_with('-')
    };
    let name = text.strip_prefix("*.").unwrap_or(text);
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    if is_address || text.len() <= 253 && name.split('.').all(label) {
        return Ok(text.to_owned());
    }
    Err("give a host name such as chat.example, or an address, without port".to_owned())
}

fn since(text: &str) -> Result<Timestamp, String> {
    time::since(text, Timestamp::now())
}

fn wait(text: &str) -> Result<Duration, String> {
    match time::age(text) {
        Some(wait) if !wait.is_zero() => Ok(wait),
        _ => Err("give a number and a unit, such as 500ms, 30s, 5m".to_owned()),
    }
}

mod client;
#[cfg(test)]
mod tests;
mod upkeep;

pub use client::{ClientArgs, PasswdArgs, RegisterArgs, SecretArgs, ServerArgs};
pub use upkeep::{BackupAction, BackupArgs, HealthArgs, RestoreArgs};
