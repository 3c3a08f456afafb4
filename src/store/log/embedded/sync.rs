//! The thread `log-sync`, which makes segments, sidecars and tag files durable beside the commits. In: work. Out: up to which id.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::super::LogError;
use super::super::clock::Clock;
use super::super::disk::File;
use super::super::ground::{Background, Ground};
use super::super::segment::SyncJob;
use super::files::{refused, sync_failed};

/// What is not durable stays so no longer than this.
const EVERY: Duration = Duration::from_secs(1);

/// One round of syncing.
pub(super) struct SyncWork {
    pub(super) segments: Option<SyncJob>,
    pub(super) tags: Vec<(File, PathBuf)>,
    /// When it is done, everything up to this id is durable.
    pub(super) covers: u64,
}

impl SyncWork {
    /// Does it; blocks on the disk.
    pub(super) fn run(self) -> Result<u64, LogError> {
        if let Some(job) = self.segments {
            job.run()?;
        }
        for (file, path) in self.tags {
            // Not `sync_data`: one of them may be the folder, whose new names count as metadata.
            file.sync_all().map_err(sync_failed(&path))?;
        }
        Ok(self.covers)
    }
}

/// The other end of who does the rounds. One is under way at a time.
pub(super) struct Syncer {
    hands: Hands,
    under_way: bool,
    /// Everything up to this id is durable outside the journal.
    pub(super) synced: u64,
    clock: Clock,
    /// When the newest round was handed over, by the clock that nobody sets.
    began: Duration,
}

/// Who does the rounds.
enum Hands {
    Thread {
        work: Option<Sender<SyncWork>>,
        done: Receiver<Result<u64, LogError>>,
        thread: Option<JoinHandle<()>>,
    },
    /// The log's own thread, when a test says so.
    #[cfg(any(test, feature = "fuzzing"))]
    Inline {
        work: Option<SyncWork>,
        report: Option<Result<u64, LogError>>,
        now: std::sync::Arc<dyn Fn() -> bool + Send + Sync>,
    },
}

impl Hands {
    fn thread() -> Result<Self, LogError> {
        let (work, todo) = channel::<SyncWork>();
        let (report, done) = channel();
        let thread = Builder::new()
            .name("log-sync".to_owned())
            .spawn(move || {
                while let Ok(work) = todo.recv() {
                    if report.send(work.run()).is_err() {
                        return;
                    }
                }
            })
            .map_err(refused("starting", &PathBuf::from("the thread log-sync")))?;
        Ok(Self::Thread {
            work: Some(work),
            done,
            thread: Some(thread),
        })
    }

    fn give(&mut self, round: SyncWork) -> Result<(), LogError> {
        match self {
            Self::Thread { work, .. } => {
                let sender = work.as_ref().ok_or_else(thread_gone)?;
                sender.send(round).map_err(|_| thread_gone())
            }
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Inline { work, .. } => {
                *work = Some(round);
                Ok(())
            }
        }
    }

    /// The report of the round under way if there is one, or once there is one.
    fn report(&mut self, wait: bool) -> Result<Option<Result<u64, LogError>>, LogError> {
        match self {
            Self::Thread { done, .. } if wait => Ok(Some(done.recv().map_err(|_| thread_gone())?)),
            Self::Thread { done, .. } => match done.try_recv() {
                Ok(report) => Ok(Some(report)),
                Err(TryRecvError::Empty) => Ok(None),
                Err(TryRecvError::Disconnected) => Err(thread_gone()),
            },
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Inline { .. } => {
                self.work_beside(wait);
                let Self::Inline { report, .. } = self else {
                    return Ok(None);
                };
                Ok(report.take())
            }
        }
    }

    /// Does the round under way, if now is when the thread would have done it, or `must` have.
    #[cfg(any(test, feature = "fuzzing"))]
    fn work_beside(&mut self, must: bool) {
        if let Self::Inline { work, report, now } = self
            && work.is_some()
            && (must || now())
        {
            *report = work.take().map(SyncWork::run);
        }
    }

    fn end(&mut self) -> Result<(), LogError> {
        match self {
            Self::Thread { work, thread, .. } => {
                *work = None;
                let ended = thread.take().map_or(Ok(()), JoinHandle::join);
                ended.map_err(|_| thread_gone())
            }
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Inline { .. } => Ok(()),
        }
    }
}

impl Syncer {
    /// Starts the thread; `synced` is what recovery made durable.
    pub(super) fn start(synced: u64, ground: &Ground) -> Result<Self, LogError> {
        let hands = match &ground.background {
            Background::Thread => Hands::thread()?,
            #[cfg(any(test, feature = "fuzzing"))]
            Background::Inline(now) => Hands::Inline {
                work: None,
                report: None,
                now: std::sync::Arc::clone(now),
            },
        };
        Ok(Self {
            hands,
            under_way: false,
            synced,
            began: ground.clock.uptime(),
            clock: ground.clock.clone(),
        })
    }

    /// Whether a new round may be handed over and is due (at once if `urgent`).
    pub(super) fn wants_work(&self, urgent: bool) -> bool {
        !self.under_way && (urgent || self.clock.uptime().saturating_sub(self.began) >= EVERY)
    }

    /// Hands over a round.
    pub(super) fn hand_over(&mut self, work: SyncWork) -> Result<(), LogError> {
        self.hands.give(work)?;
        self.under_way = true;
        self.began = self.clock.uptime();
        Ok(())
    }

    /// Takes the report of a finished round, if there is one.
    pub(super) fn poll(&mut self) -> Result<(), LogError> {
        self.take_report(false)
    }

    /// Waits for the round under way.
    pub(super) fn wait(&mut self) -> Result<(), LogError> {
        self.take_report(true)
    }

    /// As if the thread came to work just now.
    #[cfg(test)]
    pub(super) fn work_beside(&mut self) {
        self.hands.work_beside(false);
    }

    fn take_report(&mut self, wait: bool) -> Result<(), LogError> {
        if !self.under_way {
            return Ok(());
        }
        match self.hands.report(wait)? {
            Some(report) => self.note(report),
            None => Ok(()),
        }
    }

    /// Notes what a round reported, here or on the thread. Whatever it failed of, the log has to stop: the round is not
    /// repeated, so nothing behind it would ever be known to be durable.
    pub(super) fn note(&mut self, report: Result<u64, LogError>) -> Result<(), LogError> {
        self.under_way = false;
        match report {
            Ok(synced) => {
                self.synced = self.synced.max(synced);
                Ok(())
            }
            Err(stopped @ LogError::Stopped { .. }) => Err(stopped),
            Err(error) => Err(LogError::Stopped {
                file: "segments".to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    /// Ends the thread.
    pub(super) fn stop(&mut self) -> Result<(), LogError> {
        let waited = self.wait();
        self.hands.end()?;
        waited
    }
}

impl Drop for Syncer {
    /// A round under way is waited for: the next writer of this folder must not find somebody else still at work in it.
    fn drop(&mut self) {
        let _ = self.hands.end();
    }
}

fn thread_gone() -> LogError {
    LogError::Stopped {
        file: "segments".to_owned(),
        reason: "the thread log-sync is gone".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(covers: u64) -> SyncWork {
        SyncWork {
            segments: None,
            tags: Vec::new(),
            covers,
        }
    }

    #[test]
    fn one_round_at_a_time_and_each_says_how_far() {
        let mut syncer = Syncer::start(3, &Ground::real()).unwrap();
        assert!(syncer.wants_work(true) && !syncer.wants_work(false));
        syncer.hand_over(work(9)).unwrap();
        assert!(!syncer.wants_work(true));
        syncer.wait().unwrap();
        assert_eq!(syncer.synced, 9);
        syncer.hand_over(work(12)).unwrap();
        syncer.stop().unwrap();
        assert_eq!(syncer.synced, 12);
        assert!(syncer.hand_over(work(13)).is_err());
    }

    #[test]
    fn a_round_that_fails_stops_the_log() {
        let mut syncer = Syncer::start(0, &Ground::real()).unwrap();
        let path = PathBuf::from("x");
        let error = refused("syncing", &path)(std::io::Error::other("test"));
        assert!(matches!(
            syncer.note(Err(error)),
            Err(LogError::Stopped { .. })
        ));
        assert_eq!(syncer.synced, 0);
    }
}
