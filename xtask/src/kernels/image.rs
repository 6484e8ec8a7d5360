//! The files of a guest as one archive, which the kernel unpacks into memory and starts from: `newc` of cpio, as
//! Documentation/driver-api/early-userspace/buffer-format.rst of Linux describes it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Folders in which the guest mounts and makes what it needs.
const FOLDERS: [&str; 4] = ["/dev", "/proc", "/sys", "/tmp"];
const FOLDER_MODE: u32 = 0o04_0755;
const FILE_MODE: u32 = 0o10_0755;
/// Name of the entry behind the last one.
const TRAILER: &str = "TRAILER!!!";

/// Writes an archive of these files, and of all in those that are folders, at their own absolute paths.
pub(super) fn write(archive: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    let mut found = BTreeSet::new();
    for file in files {
        collect(file, &mut found)?;
    }
    let above = found.iter().flat_map(|file| file.ancestors().skip(1).map(Path::to_path_buf));
    // Sorted, a folder comes before what is in it.
    let folders: BTreeSet<PathBuf> = above.chain(FOLDERS.map(PathBuf::from)).collect();

    let file = File::create(archive).with_context(|| format!("cannot write {}", archive.display()))?;
    let mut out = BufWriter::new(file);
    for folder in folders.iter().filter(|folder| **folder != Path::new("/")) {
        entry(&mut out, &name(folder), FOLDER_MODE, &[])?;
    }
    for file in &found {
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        entry(&mut out, &name(file), FILE_MODE, &content)?;
    }
    entry(&mut out, TRAILER, 0, &[])?;
    out.flush().with_context(|| format!("cannot write {}", archive.display()))
}

fn collect(path: &Path, found: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        found.insert(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        collect(&entry?.path(), found)?;
    }
    Ok(())
}

/// Names in an archive are relative to its root.
fn name(path: &Path) -> String {
    path.strip_prefix("/").unwrap_or(path).display().to_string()
}

fn entry(out: &mut impl Write, name: &str, mode: u32, content: &[u8]) -> anyhow::Result<()> {
    let size = u32::try_from(content.len()).with_context(|| format!("{name} is too large for an archive"))?;
    let name_size = u32::try_from(name.len() + 1).with_context(|| format!("{name} is too long"))?;
    // Number, mode, user, group, links, time, size, four device numbers, length of the name, checksum.
    let fields = [0, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
    let fields = fields.map(|field| format!("{field:08x}")).concat();
    padded(out, format!("070701{fields}{name}\0").as_bytes())?;
    padded(out, content)?;
    Ok(())
}

/// Everything begins at a multiple of four bytes.
fn padded(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    let rest = bytes.len().next_multiple_of(4) - bytes.len();
    out.write_all([0; 3].get(..rest).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_padded_after_name_and_content() {
        let mut out = Vec::new();
        entry(&mut out, "etc/a", FILE_MODE, b"12345").unwrap();
        let expect = "070701\
                      00000000 000081ed 00000000 00000000 00000001 00000000 00000005 \
                      00000000 00000000 00000000 00000000 00000006 00000000"
            .replace(' ', "");
        assert_eq!(String::from_utf8(out).unwrap(), format!("{expect}etc/a\012345\0\0\0"));
    }
}
