//! A door: something that accepts until it is told to stop. Whoever closes it learns when nothing comes through any more, so that an order
//! which is given then is behind everybody who came.

use std::future::Future;

use tokio::sync::oneshot;

/// For whoever closes it. Dropped, it is closed as well.
#[derive(Debug)]
pub(crate) struct Door {
    open: oneshot::Sender<()>,
    shut: oneshot::Receiver<()>,
}

/// For what accepts.
#[derive(Debug)]
pub(crate) struct Frame {
    closed: oneshot::Receiver<()>,
    shut: oneshot::Sender<()>,
}

impl Door {
    /// Both sides.
    pub(crate) fn new() -> (Self, Frame) {
        let (open, closed) = oneshot::channel();
        let (shut_in, shut) = oneshot::channel();
        let frame = Frame {
            closed,
            shut: shut_in,
        };
        (Self { open, shut }, frame)
    }

    /// Closes it; what is returned is done once nothing more is accepted.
    pub(in crate::ops) fn close(self) -> impl Future<Output = ()> {
        drop(self.open);
        async move {
            let _ = self.shut.await;
        }
    }
}

impl Frame {
    /// Runs `work` until the door is closed.
    pub(crate) async fn run(self, work: impl Future<Output = ()>) {
        tokio::select! {
            _ = self.closed => {}
            () = work => {}
        }
        // `work` is gone by now, and so is what it would have accepted.
        drop(self.shut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn closing_is_done_when_the_work_is_gone() {
        struct Gone(Rc<Cell<bool>>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        actix_rt::System::new().block_on(async {
            let is_gone = Rc::new(Cell::new(false));
            let (door, frame) = Door::new();
            let held = Gone(is_gone.clone());
            actix_rt::spawn(frame.run(async move {
                let _held = held;
                std::future::pending::<()>().await;
            }));
            tokio::task::yield_now().await;
            assert!(!is_gone.get());
            door.close().await;
            assert!(is_gone.get());
        });
    }
}
