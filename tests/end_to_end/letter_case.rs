//! Letters in both cases, as resolvers mix them against forged answers (0x20): the question comes back as it was asked, and
//! owners point at it, whoever answers.

use gtm_tests::{Query, Random};

use crate::stage::{Stage, folder};
use crate::{beside_others, can_run};

/// Where the question begins, and what follows its name.
const QUESTION: usize = 12;
const QUESTION_FIXED_LEN: usize = 4;
/// How many mixtures of each name are asked.
const MIXTURES: usize = 8;

#[test]
fn question_comes_back_as_it_was_asked() {
    if !can_run("question_comes_back_as_it_was_asked", &[]) {
        return;
    }
    let _cpu = beside_others();
    let stage = Stage::build(1);
    let gtm = stage.run(folder());
    let mut random = Random::new(20);
    // The owner of the first record: the question's name, or the zone within it.
    let mut check = |question: &str, owner: [u8; 2]| {
        let query: Query = question.parse().unwrap();
        let (head, end) = (..QUESTION, QUESTION + query.qname.len() + QUESTION_FIXED_LEN);
        for (client, server) in stage.side().pairs() {
            let plain = client.send(server, &query.bytes()).unwrap().bytes;
            assert!(plain.get(end..).unwrap().starts_with(&owner), "{question}: {plain:02x?}");
            for _ in 0..MIXTURES {
                let mut mixed = query.clone();
                for letter in mixed.qname.iter_mut().filter(|_| random.one_in(2)) {
                    letter.make_ascii_uppercase();
                }
                let answer = client.send(server, &mixed.bytes()).unwrap().bytes;
                assert_eq!(answer.get(head), plain.get(head), "{question}: {answer:02x?}");
                assert!(
                    answer.get(QUESTION..).unwrap().starts_with(&mixed.qname),
                    "{question}: {answer:02x?}"
                );
                assert_eq!(answer.get(end..), plain.get(end..), "{question}: {answer:02x?}");
            }
        }
    };
    check("www.example.com A", [0xc0, 12]);
    check("www.example.com AAAA edns ecs=203.0.113.0/24", [0xc0, 12]);
    check("alias.example.com A", [0xc0, 12]);
    check("text.example.com TXT edns", [0xc0, 12]);
    check("text.example.com A", [0xc0, 17]);
    check("none.example.com A edns", [0xc0, 17]);
    gtm.stop().unwrap();
}
