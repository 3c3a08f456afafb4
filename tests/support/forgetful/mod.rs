//! A file system that forgets, as a disk does whose power fails: what was written and not synced is there until the cut, and then
//! gone, or half there. Names are what a folder's own sync has made durable, whatever was synced of the file they belong to.
//!
//! In: a folder to mount on (root and `/dev/fuse`). Owns: the mount, which goes with it. How much is forgotten: [`Cut`].

mod cut;
mod disk;
mod files;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fuser::{BackgroundSession, Config, Errno, MountOption};

use disk::Disk;
use files::Files;

/// What a power cut leaves of that which was not synced.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Nothing.
    Lost,
    /// By chance: of each file and folder nothing, all, the first changes with the last of them torn, or pieces of 512 bytes here and
    /// there.
    Chance(u64),
}

/// Whether the disk works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    On,
    /// Nothing is answered any more.
    Cut,
    /// Everything is answered with an error, so that whoever waits can end.
    Over,
}

struct State {
    disk: Disk,
    power: Power,
    /// Changes and syncs so far.
    operations: u64,
    /// With this operation the power fails; it is not done.
    cut_at: u64,
}

/// What the mount and the test share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, for something that changes or syncs it.
    fn to_change(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.lock();
        state.operations += 1;
        if state.operations >= state.cut_at && state.power == Power::On {
            state.power = Power::Cut;
            self.changed.notify_all();
        }
        while state.power == Power::Cut {
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        match state.power {
            Power::On => Ok(state),
            Power::Cut | Power::Over => Err(Errno::EIO),
        }
    }
}

/// See the module.
pub struct Forgetful {
    folder: PathBuf,
    shared: Arc<Shared>,
    session: Option<BackgroundSession>,
}

impl Forgetful {
    /// An empty one, mounted on this folder.
    pub fn mount(folder: &Path) -> Self {
        let state = State {
            disk: Disk::new(),
            power: Power::On,
            operations: 0,
            cut_at: u64::MAX,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let mut forgetful = Self {
            folder: folder.to_owned(),
            shared,
            session: None,
        };
        forgetful.session = Some(forgetful.start());
        forgetful
    }

    fn start(&self) -> BackgroundSession {
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("forgetful".into()),
            MountOption::DefaultPermissions,
        ];
        let files = Files(self.shared.clone());
        fuser::spawn_mount(files, &self.folder, &config).expect("mounted")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Changes and syncs so far.
    pub fn operations(&self) -> u64 {
        self.shared.lock().operations
    }

    /// Lets the power fail with the `number`-th change or sync from now on.
    pub fn cut_power_after(&self, number: u64) {
        let mut state = self.shared.lock();
        state.cut_at = state.operations + number.max(1);
    }

    /// Lets the power fail now, unless it has.
    pub fn cut_power(&self) {
        self.shared.lock().power = Power::Cut;
    }

    /// Waits for the cut; false if it does not come in time.
    pub fn wait_for_cut(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut state = self.shared.lock();
        while state.power == Power::On {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Lets those who wait for the dead disk go, with errors. Whoever must not see these has to be killed before.
    pub fn let_go(&self) {
        self.shared.lock().power = Power::Over;
        self.shared.changed.notify_all();
    }

    /// The power is back, and what was not durable is gone. Nobody may have a file open.
    pub fn power_on(&mut self, cut: Cut) {
        self.unmount();
        {
            let mut state = self.shared.lock();
            state.disk.forget(cut);
            state.power = Power::On;
            state.cut_at = u64::MAX;
        }
        self.session = Some(self.start());
    }

    fn unmount(&mut self) {
        self.let_go();
        let Some(session) = self.session.take() else {
            return;
        };
        match session.umount_and_join() {
            Ok(()) => {}
            // The kernel tells the thread so, or that there is no device any more.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                eprintln!(
                    "{}: {error}; it goes when nobody uses it",
                    self.folder.display()
                );
                let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
            }
        }
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        self.unmount();
    }
}
