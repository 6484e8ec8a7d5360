//! The wrapper: gives a program the next of many frames, again and again, and tells what it takes.

use anyhow::{Context as _, bail, ensure};
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, Map, ProgramArray};
use aya::programs::{ProgramFd, TestRun as _, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};

use super::FRAMES;
use crate::OBJECT;
use crate::prefixes::Prefixes;

/// A wrapper with its frames.
#[derive(Debug)]
pub(crate) struct Wrapper {
    object: Ebpf,
    name: &'static str,
    longest: usize,
}

impl Wrapper {
    /// Loads one for these frames, a power of two many; the trie beside it holds the prefixes, if any.
    pub(crate) fn new(frames: &[Vec<u8>], trie: Option<Prefixes>) -> anyhow::Result<Self> {
        ensure!(frames.len().is_power_of_two(), "a power of two many frames");
        let longest = frames.iter().map(Vec::len).max().unwrap_or_default();
        let (name, map) =
            if longest <= 120 { ("wrapper", "FRAMES") } else { ("long_wrapper", "LONG_FRAMES") };
        let count = u32::try_from(frames.len())?;
        let mut object = EbpfLoader::new()
            .map_max_entries(map, count)
            .map_max_entries("TRIE", trie.map_or(1, |prefixes| prefixes.count))
            .override_global("FRAME_MASK", &(count - 1), true)
            .load(OBJECT)?;
        let values = object.map_mut(map).context("the object has the map")?;
        match map {
            "FRAMES" => write::<128>(values, frames)?,
            _ => write::<512>(values, frames)?,
        }
        if let Some(prefixes) = trie {
            fill_trie(&mut object, prefixes)?;
        }
        for name in [name, "nothing", "reflect", "trie"] {
            program(&mut object, name)?.load()?;
        }
        Ok(Self { object, name, longest })
    }

    /// Nanoseconds that one run of the wrapper with a program takes, in the mean of so many, after as many for each frame once.
    pub(crate) fn time(&mut self, subject: &Subject<'_>, runs: u32) -> anyhow::Result<f64> {
        let fd = match subject {
            Subject::Own(name) => program(&mut self.object, name)?.fd()?.try_clone()?,
            Subject::Other(fd) => fd.try_clone()?,
        };
        let mut array =
            ProgramArray::try_from(self.object.map_mut("SUBJECT").context("the object has the map")?)?;
        array.set(0, &fd, 0)?;
        // As long as the longest: then there is room for each.
        let frame = vec![0; self.longest];
        let options = |repeat| TestRunOptions { data_in: Some(&frame), repeat, ..TestRunOptions::new() };
        let wrapper = program(&mut self.object, self.name)?;
        wrapper.test_run(options(FRAMES))?;
        let result = wrapper.test_run(options(runs))?;
        ensure!(result.return_value != 0, "a frame could not be put in place");
        Ok(result.duration.as_secs_f64() * 1e9)
    }
}

/// A program under test.
#[derive(Debug)]
pub(crate) enum Subject<'s> {
    /// One of those beside the wrapper.
    Own(&'static str),
    /// Another.
    Other(&'s ProgramFd),
}

fn program<'o>(object: &'o mut Ebpf, name: &str) -> anyhow::Result<&'o mut Xdp> {
    Ok(object.program_mut(name).with_context(|| format!("the object has {name}"))?.try_into()?)
}

/// Writes each frame behind its length.
fn write<const BYTES: usize>(map: &mut Map, frames: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut array = Array::<_, [u8; BYTES]>::try_from(map)?;
    for (frame, number) in frames.iter().zip(0..) {
        let mut value = [0; BYTES];
        let Some((len, place)) = value.split_at_mut_checked(8) else { bail!("no room for a length") };
        len.copy_from_slice(&u64::try_from(frame.len())?.to_ne_bytes());
        place.get_mut(..frame.len()).context("the frame is too long")?.copy_from_slice(frame);
        array.set(number, value, 0)?;
    }
    Ok(())
}

/// Gives the kernel's own longest prefix match its prefixes, so that each sender is in one.
fn fill_trie(object: &mut Ebpf, prefixes: Prefixes) -> anyhow::Result<()> {
    let map = object.map_mut("TRIE").context("the object has the map")?;
    let mut trie = LpmTrie::<_, [u8; 4], u32>::try_from(map)?;
    for (address, length) in prefixes.prefixes_v4() {
        trie.insert(&Key::new(length, address.to_be_bytes()), 1, 0)?;
    }
    Ok(())
}
