//! Who gets the room for probes where there is not enough of it.

use super::*;

/// All probes that one can want to see: no jitter makes two starts lie farther apart than this.
const IN_TIME: Duration = Duration::from_millis(10_502);

#[tokio::test(start_paused = true)]
async fn checks_that_hang_leave_room_to_the_others() {
    // A tenth of what it takes: those that hang could hold all of it, and for ever.
    let prober = Invented::with_capacity(Does::Hang, 20);
    for answers in 1000..1010 {
        prober.set(answers, Does::Answer);
    }
    let (sender, _changes) = mpsc::channel(2000);
    let scheduler =
        Scheduler::start(&checks(0..1010), &[template()], &Known::new(), Arc::clone(&prober), sender);
    // Nobody can tell before they have hung.
    wait_until(Instant::now() + 1000 * SECOND, || {
        scheduler.states().iter().take(1000).all(|state| state.last_error.is_some())
    })
    .await;
    let before = prober.starts_of(1000).len();
    wait_until(Instant::now() + 200 * SECOND, || prober.starts_of(1000).len() > before + 10).await;
    for answers in 1000..1010 {
        for start in prober.starts_of(answers).windows(2).rev().take(9) {
            assert!(start[1] - start[0] <= IN_TIME, "{answers} was late: {:?}", start[1] - start[0]);
        }
    }
    // The others have what is left, and each of them its turn.
    let after = prober.starts.lock().unwrap().len();
    wait_until(Instant::now() + 1000 * SECOND, || prober.starts.lock().unwrap().len() > after + 1200).await;
    let later: std::collections::HashSet<_> =
        prober.starts.lock().unwrap().iter().skip(after).map(|(target, _)| target.clone()).collect();
    assert_eq!(later.len(), 1010);
    assert_eq!(prober.most_running.load(Ordering::SeqCst), 20);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_answers_again_is_in_time_again() {
    let prober = Invented::with_capacity(Does::Hang, 4);
    let (sender, _changes) = mpsc::channel(200);
    let scheduler =
        Scheduler::start(&checks(0..100), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(Instant::now() + 1000 * SECOND, || {
        scheduler.states().iter().all(|state| state.verdict == Verdict::Failed)
    })
    .await;
    prober.set(7, Does::Answer);
    wait_until(Instant::now() + 1000 * SECOND, || {
        scheduler.state(CheckId(7)).is_some_and(|state| state.verdict == Verdict::Passing)
    })
    .await;
    let before = prober.starts_of(7).len();
    wait_until(Instant::now() + 100 * SECOND, || prober.starts_of(7).len() > before + 5).await;
    for start in prober.starts_of(7).windows(2).rev().take(5) {
        assert!(start[1] - start[0] <= IN_TIME, "{:?}", start[1] - start[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_for_room_are_carried_over() {
    let prober = Invented::with_capacity(Does::Hang, 4);
    let (sender, _changes) = mpsc::channel(200);
    let mut scheduler =
        Scheduler::start(&checks(0..100), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(Instant::now() + 1000 * SECOND, || {
        scheduler.states().iter().all(|state| state.verdict == Verdict::Failed)
    })
    .await;
    let (sender, _changes) = mpsc::channel(200);
    scheduler.replace(&checks((0..100).rev()), &[template()], &Known::new(), sender).await;
    let before = prober.starts.lock().unwrap().len();
    wait_until(Instant::now() + 1000 * SECOND, || prober.starts.lock().unwrap().len() > before + 200).await;
    for target in 0..100 {
        let starts = prober.starts.lock().unwrap();
        assert!(starts.iter().skip(before).any(|(to, _)| *to == address(target)), "{target} was lost");
    }
}

#[tokio::test(start_paused = true)]
async fn room_is_made_again_by_checks_that_are_no_more() {
    let prober = Invented::with_capacity(Does::Hang, 4);
    let (sender, _changes) = mpsc::channel(200);
    let mut scheduler =
        Scheduler::start(&checks(0..100), &[template()], &Known::new(), Arc::clone(&prober), sender);
    wait_until(Instant::now() + 1000 * SECOND, || {
        scheduler.states().iter().all(|state| state.verdict == Verdict::Failed)
    })
    .await;
    for targets in [100..200, 200..300, 300..400] {
        let (sender, _changes) = mpsc::channel(200);
        scheduler.replace(&checks(targets), &[template()], &Known::new(), sender).await;
        wait_until(Instant::now() + 1000 * SECOND, || {
            scheduler.states().iter().all(|state| state.verdict == Verdict::Failed)
        })
        .await;
    }
    assert_eq!(prober.most_running.load(Ordering::SeqCst), 4);
}
