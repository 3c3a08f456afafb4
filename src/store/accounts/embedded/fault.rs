//! What can go wrong within a transaction, and what a row's fields are read with. In: SQLite's errors and values. Out: ours.

use std::fmt::Display;
use std::path::Path;

use rusqlite::types::Type;
use rusqlite::{Error, ErrorCode, Row};

use super::super::AccountsError;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// See the module.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite refused something.
    Sql(Error),
    /// What was asked for cannot be done.
    Refused(AccountsError),
    /// The file cannot be used as it has to be.
    Unusable(&'static str),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<AccountsError> for Fault {
    fn from(error: AccountsError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// With the file that it is about.
    pub(super) fn about(self, file: &Path) -> AccountsError {
        let error = match self {
            Self::Refused(error) => return error,
            Self::Unusable(reason) => {
                return AccountsError::Database {
                    file: file.display().to_string(),
                    reason: reason.to_owned(),
                };
            }
            Self::Sql(error) => error,
        };
        let file = file.display().to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                return AccountsError::Busy { file };
            }
            Some(ErrorCode::DiskFull) => return AccountsError::DiskFull { file },
            Some(ErrorCode::DatabaseCorrupt) => return damaged(file, &error),
            Some(ErrorCode::NotADatabase) => {
                let reason = error.to_string();
                return AccountsError::NotOurs { file, reason };
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                let reason = format!("{error}; run this as the user that the file belongs to");
                return AccountsError::Database { file, reason };
            }
            _ => {}
        }
        match error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
            | Error::QueryReturnedNoRows => damaged(file, &error),
            error => AccountsError::Database {
                file,
                reason: error.to_string(),
            },
        }
    }
}

fn damaged(file: String, error: &Error) -> AccountsError {
    let reason = error.to_string();
    AccountsError::Damaged { file, reason }
}

/// A text that has to hold a grammar.
pub(super) fn parsed<T, E: Display>(
    row: &Row<'_>,
    at: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(at)?.as_str()?;
    parse(text)
        .map_err(|error| Error::FromSqlConversionFailure(at, Type::Text, error.to_string().into()))
}

/// As [`parsed`], of a text that may be missing.
pub(super) fn parsed_if<T, E: Display>(
    row: &Row<'_>,
    at: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(at)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => parsed(row, at, parse).map(Some),
    }
}

/// A user's name.
pub(super) fn user(row: &Row<'_>, at: usize) -> rusqlite::Result<UserName> {
    parsed(row, at, UserName::parse)
}

/// A room's name, or that of a direct conversation.
pub(super) fn room(row: &Row<'_>, at: usize) -> rusqlite::Result<RoomName> {
    parsed(row, at, RoomName::parse_kept)
}

/// A moment.
pub(super) fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<Timestamp> {
    row.get(at).map(Timestamp::from_micros)
}

/// A moment that may be missing.
pub(super) fn time_if(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Timestamp>> {
    let micros: Option<u64> = row.get(at)?;
    Ok(micros.map(Timestamp::from_micros))
}

/// A number as the database can hold it; what is beyond, some 300,000 years of microseconds, is cut.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A moment as the database can hold it.
pub(super) fn stored_time(time: Timestamp) -> i64 {
    stored(time.as_micros())
}

/// Rows of a page as the database counts them.
pub(super) fn page_rows(count: usize) -> i64 {
    stored(count.min(super::super::PAGE_MAX) as u64)
}
