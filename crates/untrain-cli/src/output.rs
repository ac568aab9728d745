//! The two streams: results go to standard output, words and progress to standard error.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Usage;

/// Work that takes longer shows that it is under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// Standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen;

/// Standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words {
    quiet: bool,
    animated: bool,
}

impl Screen {
    /// Writes the result. That its reader has gone is no error: what it wanted, it has.
    pub(crate) fn write(self, text: &str) -> anyhow::Result<()> {
        self.write_bytes(text.as_bytes())
    }

    /// Writes bytes, as [`Screen::write`] does text.
    #[expect(clippy::unused_self, reason = "a verb can write to standard output only where it is given one")]
    pub(crate) fn write_bytes(self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
            _ => Ok(()),
        }
    }
}

impl Words {
    /// Nothing is said if `quiet`, and nothing moves unless somebody watches.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, animated: !quiet && io::stderr().is_terminal() }
    }

    /// Says a sentence.
    pub(crate) fn say(self, text: &str) {
        if !self.quiet {
            // There is nowhere left to complain to.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Says what the user should know even though nothing failed.
    pub(crate) fn warn(self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// Does the work, and shows `what` is being done if it takes longer than a second.
    pub(crate) fn working<T>(self, what: &str, work: impl FnOnce() -> T) -> T {
        if !self.animated {
            return work();
        }
        thread::scope(|scope| {
            let (done, waiting) = channel::<()>();
            scope.spawn(move || {
                if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    let spinner = spinner(what);
                    let _ = waiting.recv();
                    spinner.finish_and_clear();
                }
            });
            let result = work();
            drop(done);
            result
        })
    }
}

/// A bar for work of which it is known how much there is; nothing where nobody looks.
pub(crate) struct Bar(Option<ProgressBar>);

impl Words {
    /// A bar for `what`, which appears with the first step.
    pub(crate) fn bar(self, what: &str) -> Bar {
        let bar = self.animated.then(|| ProgressBar::new(0).with_message(what.to_owned()));
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}, {elapsed}, about {eta} left");
        if let (Some(bar), Ok(style)) = (&bar, style) {
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Bar(bar)
    }
}

impl Bar {
    /// Shows how far the work is; `kept` of it were there at the start.
    pub(crate) fn at(&self, done: u64, of: u64, kept: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(of);
            if done == kept {
                bar.reset_eta();
            }
            bar.set_position(done);
        }
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn spinner(what: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what.to_owned()).with_elapsed(PATIENCE);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} … {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// The folder in which a file is to be written: asked for before work whose result would have no place.
pub(crate) fn folder_of(path: &Path) -> anyhow::Result<&Path> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(Usage::new(format!("cannot write {}: it is a directory", path.display())).into());
    }
    if !folder.is_dir() {
        return Err(Usage::new(format!("cannot write {}: there is no directory {}", path.display(), folder.display())).into());
    }
    Ok(folder)
}

/// Writes a file: all of it or, if that fails, nothing of it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    // A pipe or a device is written to; it must not be replaced by a file.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return File::options().write(true).open(path).and_then(|mut file| file.write_all(bytes)).with_context(failed);
    }
    let folder = folder_of(path)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666))
    };
    let mut file = builder.tempfile_in(folder).with_context(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(failed)?;
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}
