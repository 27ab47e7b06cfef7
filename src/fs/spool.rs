//! Text that is written now and read once later, in an unnamed temporary file if it is long.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

use rustix::fs::{MemfdFlags, memfd_create};

/// How many bytes are kept in memory.
const MAX_IN_MEMORY: usize = 64 * 1024;

/// Text of any length, in bounded memory where a temporary file can be made.
#[derive(Debug)]
pub struct Spool {
    /// The end of what was written.
    memory: Vec<u8>,
    /// What was written before, if it is more than the memory holds.
    file: Option<File>,
    is_empty: bool,
}

impl Spool {
    /// Returns an empty one.
    pub fn new() -> Spool {
        Spool {
            memory: Vec::new(),
            file: None,
            is_empty: true,
        }
    }

    /// Returns a reader of what was written.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn into_reader(self) -> io::Result<impl Read> {
        let mut file = self.file;
        if let Some(file) = &mut file {
            file.rewind().map_err(of_temporary_file)?;
        }
        let file: Box<dyn Read> = match file {
            Some(file) => Box::new(file),
            None => Box::new(io::empty()),
        };
        Ok(file.chain(io::Cursor::new(self.memory)))
    }

    /// Returns whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }
}

impl Default for Spool {
    fn default() -> Spool {
        Spool::new()
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_empty &= bytes.is_empty();
        if self.memory.len() + bytes.len() > MAX_IN_MEMORY {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(temporary_file()?),
            };
            for part in [&self.memory, bytes] {
                file.write_all(part).map_err(of_temporary_file)?;
            }
            self.memory.clear();
        } else {
            self.memory.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes a file without a name. A container without a writable directory has one in memory.
fn temporary_file() -> io::Result<File> {
    tempfile::tempfile()
        .or_else(
            |error| match memfd_create("pki-report", MemfdFlags::CLOEXEC) {
                Ok(descriptor) => Ok(File::from(descriptor)),
                Err(_) => Err(error),
            },
        )
        .map_err(of_temporary_file)
}

/// Says where the temporary file is: the report goes elsewhere.
fn of_temporary_file(error: io::Error) -> io::Error {
    let directory = env::temp_dir();
    let text = format!("temporary file in `{}`: {error}", directory.display());
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(spool: Spool) -> String {
        let mut text = String::new();
        spool
            .into_reader()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn what_is_longer_than_the_memory_is_read_as_a_whole() {
        let line = "x".repeat(1023) + "\n";
        for lines in [0, 1, 64, 65, 200] {
            let mut spool = Spool::new();
            for _ in 0..lines {
                spool.write_all(line.as_bytes()).unwrap();
            }
            assert_eq!(spool.is_empty(), lines == 0);
            assert_eq!(spool.file.is_some(), lines > 64);
            assert_eq!(read(spool), line.repeat(lines));
        }
    }
}
