//! Reading and merging the layers.
//!
//! In: a folder and the environment. Out: a [`Loaded`] configuration that remembers where each value came from. Keeps
//! going after a mistake, so that one run shows them all.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ::config::{Map, Source, Value};

use super::check;
use super::layer::{Layer, Origin, VARIABLE_PREFIX};
use super::settings::{Setting, settings};
use super::{Config, ConfigError, DEFAULT_TEXT, Problem};

/// Names of the files in a configuration folder, in the order in which they are read.
const FILE_NAMES: [&str; 2] = ["default.toml", "local.toml"];

/// Longest configuration file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Environment variables, name to value.
pub type Environment = BTreeMap<OsString, OsString>;

/// The variables of this process that are meant for the configuration.
pub fn process_environment() -> Environment {
    std::env::vars_os()
        .filter(|(name, _)| name.to_string_lossy().starts_with(VARIABLE_PREFIX))
        .collect()
}

/// A configuration and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Every key, in the order of `config/default.toml`.
    pub settings: Vec<Setting>,
    /// The files that were there and were read, in that order.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// The configuration of the folder `dir`, with the environment of this process.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        Ok(Loaded::read(dir, &process_environment())?.config)
    }

    /// The defaults alone, as the embedded text gives them.
    pub fn built_in() -> Self {
        // The text is part of the program, and a test loads it: nothing from outside can make this fail.
        merge(Vec::new(), &Environment::new())
            .expect("the embedded default.toml is valid")
            .config
    }
}

impl Loaded {
    /// The configuration of the folder `dir` with the given environment.
    pub fn read(dir: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        match fs::metadata(dir) {
            Ok(found) if found.is_dir() => {}
            found => return Err(no_folder(dir, found.err().as_ref()).into()),
        }
        let mut files = Vec::new();
        let mut problems = Vec::new();
        for path in FILE_NAMES.map(|name| dir.join(name)) {
            match read_table(&path) {
                Ok(Some(table)) => files.push((path, table)),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        match merge(files, environment) {
            Ok(loaded) if problems.is_empty() => Ok(loaded),
            Ok(_) => Err(ConfigError { problems }),
            Err(more) => {
                problems.extend(more.problems);
                Err(ConfigError { problems })
            }
        }
    }
}

/// `server.data_dir` as far as it can be told from layers that may be wrong otherwise.
pub fn data_dir_hint(dir: &Path, environment: &Environment) -> PathBuf {
    let variable = environment.get(OsStr::new("GENCOMM__SERVER__DATA_DIR"));
    let in_file = |name: &&str| {
        let table = read_table(&dir.join(name)).ok().flatten()?;
        let value = table.get("server")?.get("data_dir")?.as_str()?;
        Some(PathBuf::from(value))
    };
    let told = variable.map(PathBuf::from);
    told.or_else(|| FILE_NAMES.iter().rev().find_map(in_file))
        .unwrap_or_else(|| Config::built_in().server.data_dir)
}

/// The embedded text as a table: every key with its default.
pub(super) fn defaults() -> &'static toml::Table {
    static DEFAULTS: LazyLock<toml::Table> = LazyLock::new(|| {
        DEFAULT_TEXT
            .parse()
            .expect("the embedded default.toml is valid TOML")
    });
    &DEFAULTS
}

/// Why `dir` is no folder to read, with the system's `error` if it gave one.
fn no_folder(dir: &Path, error: Option<&io::Error>) -> Problem {
    let name = dir.display();
    let what = match error {
        None => "is not a folder; --config takes the folder that holds default.toml and local.toml"
            .to_owned(),
        Some(error) if error.kind() == io::ErrorKind::NotFound => format!(
            "no such folder; make it with `mkdir -p {name} && gencomm config default > {name}/default.toml`, \
             or name another one with --config"
        ),
        Some(error) => format!("cannot be looked into: {error}"),
    };
    Problem::new(format_args!("configuration folder {name}"), what)
}

/// The table in a file, or nothing if there is no such file.
fn read_table(path: &Path) -> Result<Option<toml::Table>, Problem> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Problem::new(
                path.display(),
                format!("cannot be opened: {error}"),
            ));
        }
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::new(path.display(), format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let what = format!("is longer than {FILE_BYTES_MAX} bytes; that is no configuration file");
        return Err(Problem::new(path.display(), what));
    }
    parse_table(path, bytes).map(Some)
}

/// The table that is written in the bytes of a file.
pub(super) fn parse_table(path: &Path, bytes: Vec<u8>) -> Result<toml::Table, Problem> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let (line, column) = place(error.as_bytes(), error.utf8_error().valid_up_to());
        Problem::new(
            format_args!("{}:{line}:{column}", path.display()),
            "is not UTF-8",
        )
    })?;
    text.parse().map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        let (line, column) = place(text.as_bytes(), offset);
        let what = format!(
            "not valid TOML: {}",
            error.message().trim_end().replace('\n', ", ")
        );
        let subject = format!("{} line {line}, column {column}", path.display());
        Problem::new(subject, what)
    })
}

/// Line and column, both from 1, of a byte.
fn place(text: &[u8], offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = String::from_utf8_lossy(&before[line_start..])
        .chars()
        .count()
        + 1;
    (line, column)
}

/// The lowest layer. It is the same at every reading; making and checking its hundred values anew would cost more than all the rest.
#[derive(Clone, Copy, Debug)]
struct BuiltIn;

impl Source for BuiltIn {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(*self)
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        static VALUES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
            let layer = Layer::from_table(&Origin::BuiltIn, defaults().clone(), defaults());
            layer.values()
        });
        Ok(VALUES.clone())
    }
}

/// Merges the defaults, the files in their order and the environment, and checks the result.
pub(super) fn merge(
    files: Vec<(PathBuf, toml::Table)>,
    environment: &Environment,
) -> Result<Loaded, ConfigError> {
    let known = defaults();
    let mut layers = Vec::new();
    let mut names = Vec::new();
    for (path, table) in files {
        names.push(path.clone());
        layers.push(Layer::from_table(&Origin::File(path), table, known));
    }
    layers.push(Layer::from_variables(environment, known));

    let mut problems = Vec::new();
    let mut bad_keys = BTreeSet::new();
    let mut builder = ::config::Config::builder().add_source(BuiltIn);
    for mut layer in layers {
        problems.append(&mut layer.problems);
        bad_keys.append(&mut layer.bad_keys);
        builder = builder.add_source(layer);
    }
    // A layer holds the entries of a table that takes any name; the structs want the table even without entries.
    let merged = builder
        .set_default("logging.levels", Map::<String, Value>::new())
        .and_then(|builder| builder.build())
        .map_err(|error| Problem::new("configuration", error.to_string()))?;
    let settings = settings(&merged.cache);
    let config: Config = merged
        .try_deserialize()
        .map_err(|error| Problem::new("configuration", error.to_string()))?;

    problems.extend(check::faults(&config, &settings, &bad_keys));
    if problems.is_empty() {
        Ok(Loaded {
            config,
            settings,
            files: names,
        })
    } else {
        Err(ConfigError { problems })
    }
}
