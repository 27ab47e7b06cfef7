//! Shows people that keys are being made: on a terminal, and only when it takes long enough to see.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::execute::Progress;

/// A bar on standard error; nothing at all where that is not a terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
}

impl Bar {
    pub(super) fn new(interrupted: Arc<AtomicBool>) -> Bar {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template("making keys [{bar:30}] {pos} of {len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Bar {
            bar: ProgressBar::with_draw_target(None, target)
                .with_style(style.progress_chars("=> ")),
            interrupted,
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn keys(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
