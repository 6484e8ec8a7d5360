//! What is known of checks: where they begin, since when they count as they do, and under which name it is kept.

use super::*;

#[tokio::test(start_paused = true)]
async fn check_begins_with_its_last_state_when_its_template_says_so() {
    let last = |verdict, since| CheckState { verdict, since, last_error: Some("gone".to_owned()) };
    for (initial, expect) in [
        (Initial::Last, [(Verdict::Failed, 7), (Verdict::Passing, 8), (Verdict::Passing, 0)]),
        (Initial::Up, [(Verdict::Passing, 0); 3]),
        (Initial::Down, [(Verdict::Failed, 0); 3]),
    ] {
        let template = Template { initial, ..template() };
        let begin = clock::wall();
        let known = Known::from([
            (identity_text(&address(0), &template), last(Verdict::Failed, 7)),
            (identity_text(&address(1), &template), last(Verdict::Passing, 8)),
        ]);
        let expect = expect.map(|(verdict, since)| match since {
            0 => CheckState { verdict, since: 0, last_error: None },
            since => last(verdict, since),
        });
        let unknown_since_0 = |states: Vec<CheckState>| -> Vec<CheckState> {
            let hide = |since| if (begin..=clock::wall()).contains(&since) { 0 } else { since };
            states.into_iter().map(|state| CheckState { since: hide(state.since), ..state }).collect()
        };
        let prober = Invented::new(Does::Hang);
        let (sender, _changes) = mpsc::channel(8);
        let mut scheduler = Scheduler::start(&[], &[], &Known::new(), Arc::clone(&prober), sender);
        let (sender, _changes) = mpsc::channel(8);
        scheduler.replace(&checks(0..3), std::slice::from_ref(&template), &known, sender).await;
        assert_eq!(unknown_since_0(scheduler.states()), expect, "{initial:?} replaced");

        let (sender, _changes) = mpsc::channel(8);
        let scheduler = Scheduler::start(&checks(0..3), &[template], &known, prober, sender);
        assert_eq!(unknown_since_0(scheduler.states()), expect, "{initial:?} started");
    }
}

#[tokio::test(start_paused = true)]
async fn since_moves_with_the_verdict_and_is_carried_over() {
    let prober = Invented::new(Does::Refuse);
    let template = Template { initial: Initial::Last, ..template() };
    let last = CheckState { verdict: Verdict::Passing, since: 7, last_error: None };
    let known = Known::from([(identity_text(&address(0), &template), last)]);
    let (sender, mut changes) = mpsc::channel(8);
    let mut scheduler =
        Scheduler::start(&checks([0]), std::slice::from_ref(&template), &known, Arc::clone(&prober), sender);
    let begin = clock::wall();
    // A first bad probe is no change.
    wait_until(Instant::now() + 30 * SECOND, || scheduler.states()[0].last_error.is_some()).await;
    assert_eq!(scheduler.states()[0].since, 7);
    assert_eq!(changes.recv().await, Some(change(0, Verdict::Failed, Some(CUT))));
    let failed = scheduler.state(CheckId(0)).unwrap();
    assert!((begin..=clock::wall()).contains(&failed.since), "{failed:?}");
    let (sender, _changes) = mpsc::channel(8);
    scheduler.replace(&checks([1, 0]), &[template], &known, sender).await;
    assert_eq!(scheduler.state(CheckId(1)), Some(failed));
    assert_eq!(scheduler.state(CheckId(2)), None);
}

#[test]
fn identity_text_is_the_same_in_every_version() {
    #[track_caller]
    fn one(kind: CheckKind, expect: &str) {
        assert_eq!(identity_text(&address(1), &Template { kind, ..template() }), expect);
    }
    let http =
        HttpCheck { tls: Tls::Off, port: 80, path: "/a \"b".to_owned(), host: None, expect_status: vec![] };
    let rest = "interval 10000 timeout 2000 failures 3 successes 2 initial up";
    one(CheckKind::Ping, &format!("10.0.0.1 ping {rest}"));
    one(CheckKind::Tcp { port: 80 }, &format!("10.0.0.1 tcp 80 {rest}"));
    one(CheckKind::Http(http.clone()), &format!("10.0.0.1 http 80 \"/a \\\"b\" host none expect [] {rest}"));
    let host = Some("none".to_owned());
    let expect_status = vec![200, 204];
    one(
        CheckKind::Http(HttpCheck { tls: Tls::Verify, host, expect_status, ..http.clone() }),
        &format!("10.0.0.1 https 80 \"/a \\\"b\" host \"none\" expect [200, 204] {rest}"),
    );
    one(
        CheckKind::Http(HttpCheck { tls: Tls::NoVerify, ..http }),
        &format!("10.0.0.1 https-unverified 80 \"/a \\\"b\" host none expect [] {rest}"),
    );
}

#[test]
fn identity_text_tells_apart_what_the_identity_does() {
    let base = template();
    let others = [
        Template { interval: 11 * SECOND, ..template() },
        Template { timeout: 3 * SECOND, ..template() },
        Template { failures: 4, ..template() },
        Template { successes: 4, ..template() },
        Template { initial: Initial::Last, ..template() },
        Template { initial: Initial::Down, ..template() },
        Template { kind: CheckKind::Tcp { port: 81 }, ..template() },
    ];
    let mut seen = BTreeSet::from([identity_text(&address(1), &base)]);
    assert!(seen.insert(identity_text(&address(2), &base)));
    for other in others {
        assert_ne!(identity(&address(1), &other), identity(&address(1), &base));
        assert!(seen.insert(identity_text(&address(1), &other)), "{other:?}");
    }
    let renamed = Template { name: "other".to_owned(), ..template() };
    assert!(!seen.insert(identity_text(&address(1), &renamed)));
}
