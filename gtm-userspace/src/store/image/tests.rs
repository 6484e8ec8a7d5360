//! The image by itself: its frames, and its trials.

use proptest::prelude::*;

use super::*;

fn frames(file: &File) -> [Vec<u8>; 2] {
    [0, FRAME_B].map(|place| {
        let mut bytes = vec![0; FRAME];
        read_part(file, place, &mut bytes).unwrap();
        bytes
    })
}

#[test]
fn frame_that_is_on_the_disk_is_not_written_over() {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let mut image = Image::create(Arc::clone(&file)).unwrap();
    let mut durable = None;
    for round in 0..20_u8 {
        for step in 0..3 {
            let before = frames(&file);
            if step == 1 {
                image.acknowledge(u64::from(round)).unwrap();
            } else {
                image.write(1, &[round, step]).unwrap();
            }
            let after = frames(&file);
            let changed = usize::from(before[0] == after[0]);
            assert_eq!(before[1 - changed], after[1 - changed], "one frame is written");
            assert_ne!(Some(changed), durable, "round {round}: the frame on the disk was written over");
        }
        let latest = image.state().frame.to_bytes();
        image.sync_data().unwrap();
        let place = frames(&file).iter().position(|frame| *frame == latest);
        assert_ne!(place, durable);
        durable = place;
        // Nothing new: what is on the disk stays that.
        image.sync_data().unwrap();
        if round % 3 == 0 {
            image = Image::load(Arc::clone(&file)).unwrap();
            assert_eq!(image.state().frame.to_bytes(), latest);
            assert_eq!(image.acknowledged(), u64::from(round));
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Read(u64, usize),
    Write(u64, Vec<u8>),
    SetLen(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..20_000_u64, 0..9000_usize).prop_map(|(offset, len)| Step::Read(offset, len)),
        (0..20_000_u64, 1..9000_usize, any::<u8>())
            .prop_map(|(offset, len, byte)| Step::Write(offset, vec![byte; len])),
        (0..20_000_u64).prop_map(Step::SetLen),
    ]
}

proptest! {
    /// On trial and not, an image gives back what was written to it, and a trial writes nothing to the file.
    #[test]
    fn image_is_as_it_was_written(
        base in proptest::collection::vec(any::<u8>(), 384..12_000),
        steps in proptest::collection::vec(step(), 1..20),
        is_trial in any::<bool>(),
    ) {
        let mut file = tempfile::tempfile().unwrap();
        let image = Image::create(Arc::new(file.try_clone().unwrap())).unwrap();
        image.write(0, &base).unwrap();
        let all = |file: &mut File| {
            let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        };
        let before = all(&mut file);
        let image = if is_trial { image.on_trial().unwrap() } else { image };
        let mut model = base;
        for step in steps {
            match step {
                Step::Read(offset, len) => {
                    let mut out = vec![0xaa; len];
                    let begin = usize::try_from(offset).unwrap();
                    match model.get(begin..begin + len) {
                        Some(expect) => {
                            image.read(offset, &mut out).unwrap();
                            prop_assert!(out == expect);
                        }
                        // The database's head is there also where the file is too short; it never reads it then.
                        None if begin < HEAD => {}
                        None => prop_assert!(len == 0 || image.read(offset, &mut out).is_err()),
                    }
                }
                Step::Write(offset, data) => {
                    image.write(offset, &data).unwrap();
                    let begin = usize::try_from(offset).unwrap();
                    model.resize(model.len().max(begin + data.len()), 0);
                    model[begin..begin + data.len()].copy_from_slice(&data);
                }
                Step::SetLen(len) if len >= 384 => {
                    image.set_len(len).unwrap();
                    model.resize(usize::try_from(len).unwrap(), 0);
                }
                Step::SetLen(_) => {}
            }
            let len = u64::try_from(model.len()).unwrap();
            prop_assert_eq!(image.length().unwrap(), len);
        }
        let mut out = vec![0; model.len()];
        image.read(0, &mut out).unwrap();
        prop_assert!(out == model);
        prop_assert!(!is_trial || all(&mut file) == before, "the trial wrote to the file");
    }
}
