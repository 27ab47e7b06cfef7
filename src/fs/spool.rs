//! Text that is written now and read once later, in an unnamed temporary file if it is long.

use std::io::{self, Read, Seek, Write};

use tempfile::SpooledTempFile;

/// How many bytes are kept in memory.
const MAX_IN_MEMORY: usize = 64 * 1024;

/// Text of any length, in bounded memory.
#[derive(Debug)]
pub struct Spool {
    file: SpooledTempFile,
    is_empty: bool,
}

impl Spool {
    /// Returns an empty one.
    pub fn new() -> Spool {
        Spool {
            file: SpooledTempFile::new(MAX_IN_MEMORY),
            is_empty: true,
        }
    }

    /// Returns a reader of what was written.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn into_reader(mut self) -> io::Result<impl Read> {
        self.file.rewind()?;
        Ok(self.file)
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
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_the_memory_is_read_as_a_whole() {
        let mut spool = Spool::new();
        let line = "x".repeat(1023) + "\n";
        for _ in 0..100 {
            spool.write_all(line.as_bytes()).unwrap();
        }
        let mut text = String::new();
        spool
            .into_reader()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, line.repeat(100));
    }
}
