//! Nodes of any length in pages of one size: nothing straddles a page's end.

use gtm_common::abi::{PAGE_SLACK_WORDS, PAGE_WORDS, PageRef};

use super::DataplaneError;

/// Words of one page, slack included.
#[expect(clippy::as_conversions, reason = "conversions of constants cannot be done otherwise in a constant")]
pub(super) const STRIDE_WORDS: usize = (PAGE_WORDS + PAGE_SLACK_WORDS) as usize;

/// Pages that references reach; the last one's are left to those that stand for nothing.
const MAX_PAGES: u32 = u32::MAX / PAGE_WORDS;

/// Pages in the making, as the map will have them.
#[derive(Debug, Default)]
pub(super) struct Pages {
    cursor: PageCursor,
    bytes: Vec<u8>,
}

impl Pages {
    /// Writes these parts one behind the other, and tells where.
    pub(super) fn write(&mut self, parts: &[&[u8]]) -> Result<PageRef, DataplaneError> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let place = self.cursor.take(len.div_ceil(8))?;
        self.bytes.resize(offset(place)?, 0);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        Ok(place)
    }

    /// What is written from a place on.
    pub(super) fn at(&self, place: PageRef) -> &[u8] {
        offset(place).ok().and_then(|start| self.bytes.get(start..)).unwrap_or_default()
    }

    /// Everything, from the first page on.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the next goes.
    pub(super) fn cursor(&self) -> PageCursor {
        self.cursor
    }
}

/// Hands out room from the front of page after page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PageCursor {
    page: u32,
    word: u32,
}

impl PageCursor {
    /// Room for this many words; they begin in a page's first [`PAGE_WORDS`] and may end in its slack.
    pub(super) fn take(&mut self, words: usize) -> Result<PageRef, DataplaneError> {
        if self.word >= PAGE_WORDS {
            self.page += 1;
            self.word = 0;
        }
        if self.page >= MAX_PAGES {
            return Err(DataplaneError::TooLarge { what: "answer blocks", limit: u64::from(u32::MAX) * 8 });
        }
        let taken = PageRef::new(self.page, self.word);
        self.word = self.word.saturating_add(u32::try_from(words).unwrap_or(u32::MAX));
        Ok(taken)
    }

    /// Number of pages in use.
    pub(super) fn pages(self) -> u32 {
        self.page + 1
    }
}

/// Offset in bytes of what a reference stands for.
pub(super) fn offset(reference: PageRef) -> Result<usize, DataplaneError> {
    let too_large = DataplaneError::TooLarge { what: "pages", limit: u64::from(u32::MAX) };
    match (usize::try_from(reference.page()), usize::try_from(reference.word())) {
        (Ok(page), Ok(word)) => Ok((page * STRIDE_WORDS + word) * size_of::<u64>()),
        _ => Err(too_large),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_in_a_page_ends_in_it() {
        let mut cursor = PageCursor::default();
        let mut end = 0;
        for words in (1..=usize::try_from(PAGE_SLACK_WORDS).unwrap()).cycle().take(5_000) {
            let start = offset(cursor.take(words).unwrap()).unwrap() / 8;
            assert!(start >= end, "{start} overlaps what ends at {end}");
            end = start + words;
            assert_eq!(start / STRIDE_WORDS, (end - 1) / STRIDE_WORDS);
        }
        assert!(cursor.pages() > 1);
    }
}
