//! How often a test with chance in it is repeated.

/// The number in the environment variable `name`; without it `full` if `GENCOMM_FULL` is set, else `usual`.
pub fn rounds(name: &str, usual: usize, full: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text:?} is no number")),
        Err(_) if std::env::var_os("GENCOMM_FULL").is_some() => full,
        Err(_) => usual,
    }
}
