//! What of a selection is left for one client: the choices by client prefix are made, those by turn and weight stay open.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Answer, Member, key, picked};
use crate::decision::selection::{self, Selection};

/// The selection with each choice by client prefix replaced by the member of this client.
pub fn settled(selection: &Selection, client: IpAddr) -> Selection {
    match selection {
        Selection::Target(target) => Selection::Target(target.clone()),
        Selection::All(parts) => Selection::All(parts.iter().map(|part| settled(part, client)).collect()),
        Selection::Weighted(members) => {
            let settle = |member: &selection::Member| selection::Member {
                selection: settled(&member.selection, client),
                ..member.clone()
            };
            Selection::Weighted(members.iter().map(settle).collect())
        }
        Selection::Sticky(sticky, members) => {
            let mut names = HashMap::new();
            let draws: Vec<Member> = members
                .iter()
                .map(|member| {
                    let before = names.entry(&member.name).and_modify(|count| *count += 1).or_insert(0);
                    let (key, weight) = (key(&member.name, *before), member.weight.into());
                    Member { key, weight, answer: Answer::Zone }
                })
                .collect();
            let chosen = picked::sticky(*sticky, &draws, client).and_then(|(index, _)| members.get(index));
            chosen.map_or_else(|| Selection::All(Vec::new()), |member| settled(&member.selection, client))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Sticky, Target};
    use crate::decision::selection::Response;

    #[test]
    fn what_is_settled_is_what_is_picked() {
        let target = |last: u8| Selection::Target(Target::Ip([10, 0, 0, last].into()));
        let member = |last: u8, weight| selection::Member {
            name: format!("10.0.0.{last}"),
            weight,
            selection: target(last),
        };
        let selection =
            Selection::Sticky(Sticky::default(), (1..=5).map(|last| member(last, last)).collect());
        let response = Response::Answer { selection: selection.clone(), max_answers: None };
        let answer = Answer::compile(&response, 30, |_| false);
        for client in 0..200_u8 {
            let client = IpAddr::from([192, 0, client, 7]);
            let alone = Response::Answer { selection: settled(&selection, client), max_answers: None };
            let alone = Answer::compile(&alone, 30, |_| false);
            assert_eq!(answer.pick(client, |_| 0), alone.pick(client, |_| 0), "{client}");
        }
    }
}
