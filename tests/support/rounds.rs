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

/// What chance begins with: the number in the environment variable `name`, or any.
pub fn seed(name: &str) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text:?} is no number")),
        Err(_) => u64::from(rand::random::<u32>()),
    }
}

/// A temporary folder that stays, and says where it is, if the test fails.
pub struct KeptFolder {
    folder: Option<tempfile::TempDir>,
    about: String,
}

impl KeptFolder {
    /// A new one; `about` is printed with its place.
    pub fn new(about: &str) -> Self {
        Self {
            folder: Some(tempfile::tempdir().expect("a temporary folder")),
            about: about.to_owned(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        self.folder.as_ref().expect("the folder").path()
    }

    /// It is not needed any more.
    pub fn forget(mut self) {
        self.folder = None;
    }
}

impl Drop for KeptFolder {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.take()
            && std::thread::panicking()
        {
            eprintln!(
                "{}: its data are in {}",
                self.about,
                folder.keep().display()
            );
        }
    }
}
