//! Reads tar archives, compressed with gzip or not, up to fixed limits.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tar::{Entry, EntryType};
use zeroize::Zeroizing;

use super::base::Base;
use super::files::{ArchiveFiles, ArchiveNode, StoredFile};
use crate::fs::file::{Attributes, FileError, MAX_FILE_SIZE};

/// What is read of an archive at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes after decompression.
    pub(super) unpacked: u64,
    /// Bytes of the files that are kept.
    pub(super) kept: u64,
    /// Files, directories and links that are kept.
    pub(super) entries: usize,
}

/// An archive of a small host fits; a tree has less than a megabyte in a hundred files.
pub(super) const LIMITS: Limits = Limits {
    unpacked: 512 * 1024 * 1024,
    kept: 32 * 1024 * 1024,
    entries: 100_000,
};

/// How many bytes of headers may precede an entry: the library keeps long names and extensions in memory.
const MAX_HEADERS: u64 = 256 * 1024;

/// The size of a tar header.
pub(super) const BLOCK: usize = 512;

/// How an archive is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
}

/// Recognizes an archive by its first bytes.
pub(super) fn recognize(beginning: &[u8]) -> Option<Compression> {
    /// Where POSIX and GNU tar have the magic number `ustar` (POSIX.1-2024, pax).
    const MAGIC_OFFSET: usize = 257;
    let magic = beginning.get(MAGIC_OFFSET..).unwrap_or_default();
    // RFC 1952 section 2.3.1: deflate is the only method.
    if beginning.starts_with(&[0x1f, 0x8b, 8]) {
        Some(Compression::Gzip)
    } else if magic.starts_with(b"ustar") {
        Some(Compression::None)
    } else {
        None
    }
}

/// An open archive, which can be read several times.
pub(super) struct ArchiveReader {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) compression: Compression,
    pub(super) limits: Limits,
    /// Its bytes after decompression, if they fit into memory.
    unpacked: Option<Zeroizing<Vec<u8>>>,
}

/// The largest archive that is kept in memory, bytes after decompression; a tree has less than a megabyte.
const MAX_IN_MEMORY: u64 = 8 * 1024 * 1024;

impl ArchiveReader {
    pub(super) fn new(
        file: File,
        path: &Path,
        compression: Compression,
        limits: Limits,
    ) -> ArchiveReader {
        let mut reader = ArchiveReader {
            file,
            path: path.to_path_buf(),
            compression,
            limits,
            unpacked: None,
        };
        // What cannot be read here is an error when it is read entry by entry.
        reader.unpacked = reader.unpack().ok().flatten();
        reader
    }

    /// Returns all bytes after decompression, so that they are decompressed once; `None` if they are too many.
    fn unpack(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let length = self.unpacked_length()?;
        let Some(capacity) = usize::try_from(length)
            .ok()
            .filter(|_| length <= MAX_IN_MEMORY.min(self.limits.unpacked))
        else {
            return Ok(None);
        };
        (&self.file).rewind()?;
        // Large enough from the start, so that no copy of a key is left behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 1));
        let reader = self.decompressed(BufReader::new(&self.file));
        reader.take(length + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() == capacity).then_some(bytes))
    }

    /// Returns how many bytes there are after decompression, if the archive says the truth.
    fn unpacked_length(&self) -> io::Result<u64> {
        match self.compression {
            Compression::None => Ok(self.file.metadata()?.len()),
            // RFC 1952 section 2.3.1: `ISIZE`, the last four bytes.
            Compression::Gzip => {
                let mut size = [0; 4];
                (&self.file).seek(SeekFrom::End(-4))?;
                (&self.file).read_exact(&mut size)?;
                Ok(u32::from_le_bytes(size).into())
            }
        }
    }

    fn decompressed<'a>(&self, input: impl BufRead + 'a) -> Box<dyn Read + 'a> {
        match self.compression {
            Compression::None => Box::new(input),
            Compression::Gzip => Box::new(MultiGzDecoder::new(input)),
        }
    }

    /// Calls `take` with each entry and its relative path. Entries with `..` in their names are left out: they belong to
    /// another directory than the one that was archived.
    pub(super) fn for_each(
        &self,
        mut take: impl FnMut(PathBuf, &mut Entry<'_, Metered<'_>>) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let meter = Rc::new(Meter::new(self.limits.unpacked));
        let reader: Box<dyn Read> = match &self.unpacked {
            Some(bytes) => Box::new(bytes.as_slice()),
            None => {
                let rewound = (&self.file).rewind();
                rewound.map_err(FileError::io("reading", &self.path))?;
                self.decompressed(BufReader::new(&self.file))
            }
        };
        let mut archive = tar::Archive::new(Metered {
            reader,
            meter: Rc::clone(&meter),
        });
        let failed = |error: io::Error| self.error(&error, &meter);
        meter.allow(MAX_HEADERS);
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            let size = match entry.header().entry_type() {
                // Its size counts the holes, too.
                EntryType::GNUSparse => entry.header().entry_size().map_err(failed)?,
                _ => entry.size(),
            };
            meter.allow(size.saturating_add(MAX_HEADERS));
            let path = entry.path().map_err(failed)?;
            if let Some(path) = relative(&path) {
                take(path, &mut entry)?;
            }
        }
        // tar takes the end of the file for the end of the archive.
        if !meter.ends_with_zeros.get() {
            return Err(self.damaged("it is truncated"));
        }
        // The checksum of gzip follows.
        meter.allow(u64::MAX);
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(failed)?;
        Ok(())
    }

    /// Reads the files that `base` places in one of these directories of the host.
    pub(super) fn files(
        &self,
        base: &Base,
        directories: &[PathBuf],
    ) -> Result<ArchiveFiles, FileError> {
        let mut files = ArchiveFiles::default();
        let mut left = self.limits.kept;
        self.for_each(|path, entry| {
            let is_kept = |path: &PathBuf| {
                let mut directories = directories.iter();
                directories.any(|directory| path.starts_with(directory))
            };
            let Some(path) = base.on_host(&path).filter(is_kept) else {
                return Ok(());
            };
            if files.len() >= self.limits.entries {
                let what = format!("its tree has more than {} files", self.limits.entries);
                return Err(self.damaged(what));
            }
            if let Some(node) = self.node(entry, base, &files, &mut left)? {
                files.insert(path, node);
            }
            Ok(())
        })?;
        Ok(files)
    }

    /// Returns what an entry is; `None` for records that only describe other entries.
    fn node(
        &self,
        entry: &mut Entry<'_, Metered<'_>>,
        base: &Base,
        files: &ArchiveFiles,
        left: &mut u64,
    ) -> Result<Option<ArchiveNode>, FileError> {
        let attributes = attributes(entry);
        let other = |what| Ok(Some(ArchiveNode::Other(what, attributes)));
        let link = entry.link_name().ok().flatten();
        Ok(Some(match (entry.header().entry_type(), link) {
            (EntryType::Directory, _) => ArchiveNode::Directory(attributes),
            (EntryType::Symlink, Some(target)) => {
                ArchiveNode::Link(target.into_owned(), attributes)
            }
            (EntryType::Link, Some(target)) => {
                let target = relative(&target).and_then(|target| base.on_host(&target));
                match target.and_then(|target| files.node(&target)) {
                    Some(ArchiveNode::File(file)) => {
                        file.links.set(file.links.get() + 1);
                        ArchiveNode::File(Rc::clone(file))
                    }
                    Some(node) => node.clone(),
                    None => return other("it is a hard link to a file outside the tree"),
                }
            }
            (EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse, _) => {
                ArchiveNode::File(Rc::new(self.stored(entry, attributes, left)?))
            }
            (EntryType::Char | EntryType::Block | EntryType::Fifo, _) => {
                return other("it is a FIFO, socket or device, want a file");
            }
            _ => return Ok(None),
        }))
    }

    /// Reads a file, unless it is larger than the limit for a file.
    fn stored(
        &self,
        entry: &mut Entry<'_, Metered<'_>>,
        attributes: Attributes,
        left: &mut u64,
    ) -> Result<StoredFile, FileError> {
        let size = entry.size();
        let mut bytes = None;
        if size <= MAX_FILE_SIZE {
            *left = left.checked_sub(size).ok_or_else(|| {
                let kept = self.limits.kept;
                self.damaged(format!("the files of its tree have more than {kept} bytes"))
            })?;
            // Large enough from the start, so that no copy of a key is left behind.
            let capacity = usize::try_from(size).unwrap_or(0) + 1;
            let mut read = Zeroizing::new(Vec::with_capacity(capacity));
            entry
                .take(size)
                .read_to_end(&mut read)
                .map_err(|_| self.damaged("it is truncated or damaged"))?;
            bytes = Some(read);
        }
        Ok(StoredFile {
            bytes,
            size,
            attributes,
            links: Cell::new(1),
        })
    }

    /// Returns why the archive could not be read. The libraries' own words may quote the archive.
    fn error(&self, error: &io::Error, meter: &Meter) -> FileError {
        if meter.is_exceeded.get() {
            let limit = self.limits.unpacked;
            return self.damaged(match meter.left.get() {
                0 => format!("it has more than {limit} bytes after decompression; make an archive of /etc/kubernetes alone"),
                _ => format!("the headers of a file in it have more than {MAX_HEADERS} bytes"),
            });
        }
        let is_truncated = error.kind() == io::ErrorKind::UnexpectedEof || meter.is_at_end.get();
        match is_truncated {
            true => self.damaged("it is truncated"),
            false => self.damaged("it is damaged, or is not a tar archive"),
        }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> FileError {
        FileError::unexpected("reading the archive", &self.path, what)
    }
}

/// Returns owner and mode. An owner that does not fit is not root either.
fn attributes(entry: &Entry<'_, Metered<'_>>) -> Attributes {
    let header = entry.header();
    let id = |id: io::Result<u64>| u32::try_from(id.unwrap_or(u64::MAX)).unwrap_or(u32::MAX);
    Attributes {
        mode: header.mode().unwrap_or(0) & 0o7777,
        uid: id(header.uid()),
        gid: id(header.gid()),
    }
}

/// Returns a path of an archive without `/` and `.` at its beginning; `None` if it has a `..`.
fn relative(path: &Path) -> Option<PathBuf> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(Some(name)),
        Component::ParentDir => Some(None),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect()
}

/// How much may still be read.
struct Meter {
    /// Bytes in all.
    left: Cell<u64>,
    /// Bytes before the next entry.
    allowed: Cell<u64>,
    is_exceeded: Cell<bool>,
    is_at_end: Cell<bool>,
    /// Whether the last bytes that were read are zeros, as at the end of an archive.
    ends_with_zeros: Cell<bool>,
}

impl Meter {
    fn new(left: u64) -> Meter {
        Meter {
            left: Cell::new(left),
            allowed: Cell::new(0),
            is_exceeded: Cell::new(false),
            is_at_end: Cell::new(false),
            ends_with_zeros: Cell::new(false),
        }
    }

    fn allow(&self, bytes: u64) {
        self.allowed.set(bytes);
    }

    fn record(&self, bytes: &[u8]) {
        let count = bytes.len() as u64;
        self.left.set(self.left.get().saturating_sub(count));
        self.allowed.set(self.allowed.get().saturating_sub(count));
        self.ends_with_zeros
            .set(bytes.iter().all(|byte| *byte == 0));
    }
}

/// The bytes of an archive after decompression.
pub(super) struct Metered<'a> {
    reader: Box<dyn Read + 'a>,
    meter: Rc<Meter>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = self.meter.left.get().min(self.meter.allowed.get());
        if limit == 0 {
            self.meter.is_exceeded.set(true);
            return Err(io::Error::other("the limit is reached"));
        }
        let count = self.reader.by_ref().take(limit).read(buffer)?;
        match buffer.get(..count) {
            Some(read) if count > 0 => self.meter.record(read),
            _ => self.meter.is_at_end.set(true),
        }
        Ok(count)
    }
}
