//! `gtm import`: the configuration of another DNS server, as ours.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::import::{ImportError, Imported, Setting, gdnsd};

/// Exit code when something has no equal here.
const NO_EQUAL: u8 = 3;

/// Arguments of `gtm import`.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    #[command(subcommand)]
    server: Server,
}

#[derive(Debug, clap::Subcommand)]
enum Server {
    /// From gdnsd: its configuration, and the zones beside it. Exit code 0: everything has an equal here; 3: something has
    /// not, and is listed; 2: the files cannot be read.
    Gdnsd(GdnsdArgs),
}

/// Arguments of `gtm import gdnsd`.
#[derive(Debug, clap::Args)]
struct GdnsdArgs {
    /// gdnsd's configuration, or the folder it is in.
    #[arg(default_value = "/etc/gdnsd")]
    file: PathBuf,
    /// Write gtm.toml and the zone files into this folder; without it, the configuration is printed.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replace files that are there already.
    #[arg(long, requires = "output")]
    force: bool,
    /// An interface whose queries the kernel is to answer; may be given several times. Without any, the daemon answers
    /// everything.
    #[arg(long, value_name = "NAME")]
    interface: Vec<String>,
    /// Print one JSON object in place of the configuration: `settings` that have no equal, each with `file`, `line`, `key`
    /// and `reason`, and the `files` that were written.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    settings: &'a [Setting],
    files: &'a [PathBuf],
}

/// Why the files were not written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("{} is there already; --force replaces it", .0.display())]
    Exists(PathBuf),
    #[error("{file} cannot be written: {error}", file = .0.display(), error = .1)]
    Io(PathBuf, io::Error),
}

/// Imports, and prints or writes what comes out.
pub(super) fn run(args: &ImportArgs) -> ExitCode {
    let Server::Gdnsd(args) = &args.server;
    let imported = match gdnsd::import(&args.file, &args.interface) {
        Ok(imported) => imported,
        Err(ImportError::Input(problems)) => {
            super::print_problems("error", &problems);
            return ExitCode::from(super::UNUSABLE_INPUT);
        }
        Err(error) => {
            super::print_error(&format!("error: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let files = match args.output.as_deref().map(|folder| write(&imported, folder, args.force)) {
        Some(Ok(files)) => files,
        Some(Err(error)) => {
            super::print_error(&format!("error: {error}"));
            return ExitCode::FAILURE;
        }
        None => Vec::new(),
    };
    let settings = imported.settings.as_slice();
    if args.json {
        match serde_json::to_string_pretty(&Report { settings, files: &files }) {
            Ok(json) => super::print(&json),
            Err(error) => {
                super::print_error(&format!("error: the report cannot be written as JSON: {error}"));
                return ExitCode::FAILURE;
            }
        }
    } else {
        print_result(args, &imported, &files);
    }
    if settings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NO_EQUAL) }
}

fn print_result(args: &GdnsdArgs, imported: &Imported, files: &[PathBuf]) {
    if args.output.is_none() {
        super::print(imported.config.trim_end());
        if !imported.zones.is_empty() {
            super::print_error("note: the zone files that this names are written with --output DIR");
        }
    }
    for file in files {
        super::print(&format!("written: {}", file.display()));
    }
    if !imported.settings.is_empty() {
        super::print_error("has no equal here:");
        for setting in &imported.settings {
            super::print_error(&format!("  {setting}"));
        }
    }
}

/// Writes everything into a folder, or nothing when something is there that must stay.
fn write(imported: &Imported, folder: &Path, force: bool) -> Result<Vec<PathBuf>, WriteError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |error| WriteError::Io(path, error)
    };
    let zones = imported.zones.iter().map(|zone| (folder.join(&zone.file_name), zone.text.as_str()));
    // The configuration last: it names the others.
    let config = (folder.join(gdnsd::OUTPUT), imported.config.as_str());
    let files: Vec<(PathBuf, &str)> = zones.chain([config]).collect();
    if !force && let Some((path, _)) = files.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
        return Err(WriteError::Exists(path.clone()));
    }
    fs::create_dir_all(folder).map_err(io(folder))?;
    for (path, text) in &files {
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        let options = if force { options.truncate(true) } else { options.create_new(true) };
        let mut file = options.open(path).map_err(io(path))?;
        file.write_all(text.as_bytes()).map_err(io(path))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::ZoneFile;

    fn imported(config: &str) -> Imported {
        let zones = vec![ZoneFile { file_name: "example.com.zone".to_owned(), text: "zone\n".to_owned() }];
        Imported { config: config.to_owned(), zones, settings: Vec::new() }
    }

    #[test]
    fn files_are_replaced_only_by_force() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let files = write(&imported("one"), &folder, false).unwrap();
        assert_eq!(files, [folder.join("example.com.zone"), folder.join("gtm.toml")]);
        fs::remove_file(folder.join("example.com.zone")).unwrap();
        let error = write(&imported("two"), &folder, false).unwrap_err();
        assert!(error.to_string().ends_with("gtm.toml is there already; --force replaces it"), "{error}");
        assert!(!folder.join("example.com.zone").exists(), "nothing is written when something must stay");
        assert_eq!(fs::read_to_string(folder.join("gtm.toml")).unwrap(), "one");
        write(&imported("2"), &folder, true).unwrap();
        assert_eq!(fs::read_to_string(folder.join("gtm.toml")).unwrap(), "2");
    }

    #[test]
    fn json_keys_are_stable() {
        let setting = Setting {
            file: "config".into(),
            line: 3,
            key: "options.nsid".to_owned(),
            reason: "no".to_owned(),
        };
        let report = serde_json::to_value(Report { settings: &[setting], files: &["gtm.toml".into()] });
        let expect = serde_json::json!({
            "settings": [{ "file": "config", "line": 3, "key": "options.nsid", "reason": "no" }],
            "files": ["gtm.toml"]
        });
        assert_eq!(report.unwrap(), expect);
    }
}
