//! `all_down`: what an access domain answers when every pool of it is down.

use super::model::{AllDownAction, SteeredType};
use super::reader::{At, Node};
use super::targets::read_fixed;

/// Keys of the action as a table; exactly one of them.
const KEYS: &[&str] = &["pool", "fixed"];

const WORDS: &[(&str, AllDownAction)] = &[
    ("default-pool", AllDownAction::DefaultPool),
    ("as-if-up", AllDownAction::AsIfUp),
    ("last-good", AllDownAction::LastGood),
    ("nodata", AllDownAction::NoData),
    ("servfail", AllDownAction::ServFail),
    ("refused", AllDownAction::Refused),
];

/// The action as it is written.
pub(super) enum AllDownSpec {
    /// One that is whole as it stands.
    Action(AllDownAction),
    /// The name of a pool.
    Pool(At<String>),
}

/// Reads the action of an access domain of this type; an unknown type has been reported.
pub(super) fn read(node: &Node<'_>, steered: Option<SteeredType>) -> Option<AllDownSpec> {
    if !node.is_table() {
        let word =
            node.text_or("a word like \"default-pool\", { pool = \"NAME\" } or { fixed = [\"ADDRESS\"] }")?;
        let found = WORDS.iter().find(|(allowed, _)| *allowed == word);
        if found.is_none() {
            let words: Vec<_> = WORDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            node.reject(&format!(
                "not one of the choices; allowed {}, {{ pool = \"NAME\" }} or {{ fixed = [\"ADDRESS\"] }}",
                words.join(", ")
            ));
        }
        return found.map(|(_, action)| AllDownSpec::Action(action.clone()));
    }
    let table = node.table()?.with_keys(KEYS);
    match (table.get("pool"), table.get("fixed")) {
        (Some(pool), None) => pool.text().map(|name| AllDownSpec::Pool(pool.at(name.to_owned()))),
        (None, Some(fixed)) => {
            read_fixed(fixed, steered?).map(|targets| AllDownSpec::Action(AllDownAction::Fixed(targets)))
        }
        (Some(_), Some(_)) => {
            node.report.error(&node.place, "both \"pool\" and \"fixed\"; leave one of the two out");
            None
        }
        (None, None) => {
            node.report
                .error(&node.place, "neither \"pool\" nor \"fixed\" is there; one of the two is expected");
            None
        }
    }
}
