//! The file of the store: where the database writes, and what is put under its bytes so that damage cannot go unseen.
//!
//! ```text
//! 0 ....... 4096 ....... 8192 ......................
//! frame A   frame B      the database, from its byte 384 on at 8192 + 384
//! ```
//!
//! The database's own head (its first bytes: which commit counts, where its tree begins, how large the file is) is only
//! partly under its checksums, and one wrong bit in it goes back to the commit before, without an error. So the head
//! lies in the frames: each has a checksum over all of it, and the number of the last commit that was acknowledged.
//!
//! A frame is never written over one that may be the only whole one: writes go to the frame that is not known to be
//! on the disk, and the other becomes free with the next `sync_data`. Of two whole frames the later one counts.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of the database that lie in the frames; its head has 320 of them. A frame fits one sector of 512 bytes.
const HEAD: usize = 384;
/// Where frame B begins.
const FRAME_B: u64 = 4096;
/// Where byte 0 of the database would lie.
const START: u64 = 8192;
/// How a frame begins; the digit is the number of this layout.
const MAGIC: [u8; 16] = *b"gtm store 1\r\n\x1a\n\0";
/// What frames of every layout begin with.
const ANY_LAYOUT: &[u8] = b"gtm store ";
const FRAME: usize = 16 + 8 + 8 + HEAD + 8;

/// Why a file is not an image.
#[derive(Debug)]
pub(super) enum ImageError {
    /// It cannot be read or written.
    Io(io::Error),
    /// It is something else.
    Foreign,
    /// It is a store of another layout.
    OtherLayout,
    /// Both frames are bad.
    Frames,
}

/// What one frame holds.
#[derive(Clone)]
struct Frame {
    sequence: u64,
    acknowledged: u64,
    head: [u8; HEAD],
}

/// The file as the database sees it.
pub(super) struct Image {
    file: Arc<File>,
    state: Mutex<State>,
}

struct State {
    frame: Frame,
    /// Where the frame lies that is on the disk for certain: 0 or [`FRAME_B`].
    durable: u64,
    /// Whether the other one was written since.
    is_unsynced: bool,
    /// Where writes go instead of to the file.
    overlay: Option<Overlay>,
}

impl Image {
    /// Begins an image in an empty file.
    pub(super) fn create(file: Arc<File>) -> io::Result<Self> {
        file.set_len(START)?;
        let frame = Frame { sequence: 0, acknowledged: 0, head: [0; HEAD] };
        Ok(Self {
            file,
            state: Mutex::new(State { frame, durable: FRAME_B, is_unsynced: false, overlay: None }),
        })
    }

    /// Takes an image that exists; the file is only read. Sync it before the first write: the frame that is read may not
    /// be on the disk yet.
    pub(super) fn load(file: Arc<File>) -> Result<Self, ImageError> {
        let [a, b] = [0, FRAME_B].map(|place| {
            let mut bytes = [0; FRAME];
            read_part(&file, place, &mut bytes).map(|()| bytes).map_err(ImageError::Io)
        });
        let (a, b) = (a?, b?);
        let (frame, durable) = match (Frame::read(&a), Frame::read(&b)) {
            (Some(a), Some(b)) if b.sequence > a.sequence => (b, FRAME_B),
            (Some(a), _) => (a, 0),
            (None, Some(b)) => (b, FRAME_B),
            (None, None) if a.starts_with(&MAGIC) || b.starts_with(&MAGIC) => return Err(ImageError::Frames),
            (None, None) if a.starts_with(ANY_LAYOUT) || b.starts_with(ANY_LAYOUT) => {
                return Err(ImageError::OtherLayout);
            }
            (None, None) => return Err(ImageError::Foreign),
        };
        Ok(Self { file, state: Mutex::new(State { frame, durable, is_unsynced: false, overlay: None }) })
    }

    /// From now on writes go to memory, and the file stays as it is.
    pub(super) fn on_trial(self) -> io::Result<Self> {
        let len = self.length()?;
        self.state().overlay = Some(Overlay { len, base: len, pages: BTreeMap::new() });
        Ok(self)
    }

    /// Bytes of the database.
    pub(super) fn length(&self) -> io::Result<u64> {
        if let Some(overlay) = &self.state().overlay {
            return Ok(overlay.len);
        }
        Ok(self.file.metadata()?.len().saturating_sub(START))
    }

    /// The last commit that was acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.state().frame.acknowledged
    }

    /// Remembers that this commit was acknowledged. Not synced: after a power loss an older number only means that less
    /// can be checked, and what was committed is there anyway.
    pub(super) fn acknowledge(&self, commit: u64) -> io::Result<()> {
        let mut state = self.state();
        state.frame.acknowledged = state.frame.acknowledged.max(commit);
        self.put_frame(&mut state)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is one assignment, so a poisoned lock still holds a good one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_frame(&self, state: &mut State) -> io::Result<()> {
        state.frame.sequence += 1;
        if state.overlay.is_some() {
            return Ok(());
        }
        state.is_unsynced = true;
        self.file.write_all_at(&state.frame.to_bytes(), FRAME_B - state.durable)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let (in_head, rest) = out.split_at_mut(head_part(offset, out.len()));
        let begin = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(head) = state.frame.head.get(begin..begin.saturating_add(in_head.len())) {
            in_head.copy_from_slice(head);
        }
        if rest.is_empty() {
            return Ok(());
        }
        let offset = offset.saturating_add(to_u64(in_head.len()));
        if let Some(overlay) = &state.overlay {
            return overlay.read(&self.file, offset, rest);
        }
        drop(state);
        self.file.read_exact_at(rest, offset.saturating_add(START))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let (in_head, rest) = data.split_at(head_part(offset, data.len()));
        let begin = usize::try_from(offset).unwrap_or(usize::MAX);
        let after = offset.saturating_add(to_u64(in_head.len()));
        if !rest.is_empty() {
            match &mut state.overlay {
                Some(overlay) => overlay.write(&self.file, after, rest)?,
                None => self.file.write_all_at(rest, after.saturating_add(START))?,
            }
        }
        if let Some(head) = state.frame.head.get_mut(begin..begin.saturating_add(in_head.len()))
            && !in_head.is_empty()
        {
            head.copy_from_slice(in_head);
            self.put_frame(&mut state)?;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match &mut self.state().overlay {
            Some(overlay) => {
                overlay.set_len(len);
                Ok(())
            }
            None => self.file.set_len(len.saturating_add(START)),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let sequence = {
            let state = self.state();
            if state.overlay.is_some() {
                return Ok(());
            }
            state.frame.sequence
        };
        self.file.sync_data()?;
        let mut state = self.state();
        // A frame that was written meanwhile is not known to be on the disk.
        if state.is_unsynced && state.frame.sequence == sequence {
            state.durable = FRAME_B - state.durable;
            state.is_unsynced = false;
        }
        Ok(())
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").finish_non_exhaustive()
    }
}

/// An image in the hands of the database.
#[derive(Debug)]
pub(super) struct Backend(pub(super) Arc<Image>);

impl redb::StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

impl Frame {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FRAME);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.acknowledged.to_le_bytes());
        bytes.extend_from_slice(&self.head);
        bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; FRAME]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<8>()?;
        let (magic, rest) = body.split_first_chunk::<16>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (acknowledged, rest) = rest.split_first_chunk::<8>()?;
        let (head, _) = rest.split_first_chunk::<HEAD>()?;
        (*magic == MAGIC && checksum(body) == u64::from_le_bytes(*sum)).then(|| Self {
            sequence: u64::from_le_bytes(*sequence),
            acknowledged: u64::from_le_bytes(*acknowledged),
            head: *head,
        })
    }
}

/// FNV-1a of 64 bits: every change of a single byte changes it.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// How many of `len` bytes from `offset` on lie in the head.
fn head_part(offset: u64, len: usize) -> usize {
    let left = usize::try_from(offset).map_or(0, |offset| HEAD.saturating_sub(offset));
    left.min(len)
}

/// Reads as much as there is; the rest stays as it was.
fn read_part(file: &File, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
    while !out.is_empty() {
        match file.read_at(out, offset) {
            Ok(0) => break,
            Ok(count) => {
                offset += to_u64(count);
                out = out.get_mut(count..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

const PAGE: usize = 4096;
const PAGE_LEN: u64 = 4096;

/// Pages in memory in place of those of the file.
struct Overlay {
    len: u64,
    /// So much of the file still shows.
    base: u64,
    pages: BTreeMap<u64, [u8; PAGE]>,
}

impl Overlay {
    fn read(&self, file: &File, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(to_u64(out.len())) > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (index, begin, out) in pages(offset, out) {
            let page = self.page(file, index)?;
            if let Some(page) = page.get(begin..begin + out.len()) {
                out.copy_from_slice(page);
            }
        }
        Ok(())
    }

    fn write(&mut self, file: &File, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut data = data.to_vec();
        for (index, begin, data) in pages(offset, &mut data) {
            let mut page = self.page(file, index)?;
            if let Some(page) = page.get_mut(begin..begin + data.len()) {
                page.copy_from_slice(data);
            }
            self.pages.insert(index, page);
        }
        self.len = self.len.max(offset.saturating_add(to_u64(data.len())));
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        self.base = self.base.min(len);
        self.len = len;
        drop(self.pages.split_off(&len.div_ceil(PAGE_LEN)));
        let rest = usize::try_from(len % PAGE_LEN).unwrap_or(0);
        if let Some(beyond) = self.pages.get_mut(&(len / PAGE_LEN)).and_then(|page| page.get_mut(rest..)) {
            beyond.fill(0);
        }
    }

    fn page(&self, file: &File, index: u64) -> io::Result<[u8; PAGE]> {
        if let Some(page) = self.pages.get(&index) {
            return Ok(*page);
        }
        let mut page = [0; PAGE];
        let begin = index.saturating_mul(PAGE_LEN);
        let shown = usize::try_from(self.base.saturating_sub(begin)).unwrap_or(PAGE).min(PAGE);
        if let Some(shown) = page.get_mut(..shown) {
            read_part(file, begin.saturating_add(START), shown)?;
        }
        Ok(page)
    }
}

/// The parts of `bytes` by page: index, where in the page, the part.
fn pages(offset: u64, bytes: &mut [u8]) -> Vec<(u64, usize, &mut [u8])> {
    let mut parts = Vec::new();
    let (mut offset, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let begin = usize::try_from(offset % PAGE_LEN).unwrap_or(0);
        let (part, after) = rest.split_at_mut((PAGE - begin).min(rest.len()));
        let index = offset / PAGE_LEN;
        offset = offset.saturating_add(to_u64(part.len()));
        rest = after;
        parts.push((index, begin, part));
    }
    parts
}

#[cfg(test)]
mod tests;
