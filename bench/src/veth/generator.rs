//! Our own traffic: queries that the kernel sends from prepared frames, as many as are answered, and every answer checked.

use std::ffi::c_int;
use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use aya::maps::{Array, MapData};
use aya::programs::xdp::{XdpLinkId, XdpMode};
use aya::programs::{ProgramError, TestRun as _, TestRunAttrs, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use gtm_tests::Namespace;
use nix::net::if_::if_nametoindex;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::unistd::Pid;

use super::questions::Question;
use crate::OBJECT;

/// Frames that the kernel hands over at a time; between two batches others may run.
const BATCH: u32 = 64;
/// From the first query until it is counted.
const WARM_UP: Duration = Duration::from_millis(200);
/// What ends the kernel's run of the program.
const STOP: Signal = Signal::SIGUSR1;
/// Length of a frame, its place in a value of the map, and the value: `Asked` of the program.
const FRAME: usize = 86;
const ADDRESS: usize = 92;
const VALUE: usize = 96;

/// The queries on one device, and the receiver of their answers.
#[derive(Debug)]
pub(crate) struct Generator {
    object: Ebpf,
    device: String,
    receiver: Option<XdpLinkId>,
}

/// What a run has counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic<T> {
    /// Queries that were sent.
    pub(crate) sent: u64,
    /// Right answers that came in.
    pub(crate) right: u64,
    /// How long it was counted.
    pub(crate) time: Duration,
    /// Processor times at the beginning and at the end.
    pub(crate) seconds: [T; 2],
}

impl Generator {
    /// Prepares these queries, one for each ID.
    pub(crate) fn new(namespace: &Namespace, device: &str, questions: &[Question]) -> anyhow::Result<Self> {
        let index = namespace.run(|| if_nametoindex(device))??;
        let mut object = EbpfLoader::new().override_global("DEVICE", &index, true).load(OBJECT)?;
        let mut asked =
            Array::<_, [u8; VALUE]>::try_from(object.map_mut("ASKED").context("the object has the map")?)?;
        for (question, number) in questions.iter().zip(0..) {
            let mut value = [0; VALUE];
            let (frame, rest) = value.split_at_mut_checked(FRAME).context("shorter than the value")?;
            ensure!(question.frame.len() == FRAME, "a frame of {} bytes", question.frame.len());
            frame.copy_from_slice(&question.frame);
            rest.get_mut(ADDRESS - FRAME..).context("within")?.copy_from_slice(&question.address.octets());
            asked.set(number, value, 0)?;
        }
        for name in ["generator", "receiver"] {
            program(&mut object, name)?.load()?;
        }
        Ok(Self { object, device: device.to_owned(), receiver: None })
    }

    /// Puts the receiver on the device.
    pub(crate) fn attach(&mut self, namespace: &Namespace) -> anyhow::Result<()> {
        let receiver = program(&mut self.object, "receiver")?;
        self.receiver = Some(namespace.run(|| receiver.attach(&self.device, XdpMode::Driver))??);
        Ok(())
    }

    /// Takes the receiver off the device.
    pub(crate) fn detach(&mut self) -> anyhow::Result<()> {
        let Some(receiver) = self.receiver.take() else { return Ok(()) };
        Ok(program(&mut self.object, "receiver")?.detach(receiver)?)
    }

    /// Asks, and counts for so long; an error if an answer is not right. `seconds` gives the processor times so far.
    pub(crate) fn run<T: Send>(
        &self,
        namespace: &Namespace,
        time: Duration,
        seconds: impl Fn() -> anyhow::Result<T>,
    ) -> anyhow::Result<Traffic<T>> {
        let program = self.object.program("generator").context("the object has a generator")?;
        let program: &Xdp = program.try_into()?;
        thread::scope(|scope| {
            let sending = scope.spawn(|| namespace.run(|| send(program)));
            let counted = self.count(time, seconds);
            kill(Pid::this(), STOP)?;
            sending.join().unwrap_or_else(|panic| resume_unwind(panic))??;
            counted
        })
    }

    fn count<T>(
        &self,
        time: Duration,
        seconds: impl Fn() -> anyhow::Result<T>,
    ) -> anyhow::Result<Traffic<T>> {
        thread::sleep(WARM_UP);
        let (start, [sent_before, right_before]) = (Instant::now(), self.counts()?);
        let before = seconds()?;
        thread::sleep(time);
        let after = seconds()?;
        let (time, [sent, right]) = (start.elapsed(), self.counts()?);
        Ok(Traffic { sent: sent - sent_before, right: right - right_before, time, seconds: [before, after] })
    }

    /// Queries and right answers so far.
    fn counts(&self) -> anyhow::Result<[u64; 2]> {
        let map = |name| self.object.map(name).with_context(|| format!("the object has no {name}"));
        let answers: Array<&MapData, u64> = Array::try_from(map("ANSWERS")?)?;
        let state: Array<&MapData, [u64; 4]> = Array::try_from(map("STATE")?)?;
        let (right, wrong) = (answers.get(&0, 0)?, answers.get(&1, 0)?);
        ensure!(wrong == 0, "{wrong} answers were not right, {right} were");
        let [sent, ..] = state.get(&0, 0)?;
        Ok([sent, right])
    }
}

/// Has the kernel run the program until [`STOP`] comes.
fn send(program: &Xdp) -> anyhow::Result<()> {
    SigSet::from(STOP).thread_unblock()?;
    let attrs = TestRunAttrs::new().xdp_live_frames(BATCH);
    let options =
        TestRunOptions { data_in: Some(&[0; FRAME]), repeat: u32::MAX / 2, attrs, ..TestRunOptions::new() };
    match program.test_run(options) {
        // Interrupted, as it should be.
        Err(ProgramError::SyscallError(error)) if error.io_error.kind() == ErrorKind::Interrupted => Ok(()),
        ran => bail!("the generator ended by itself: {ran:?}"),
    }
}

/// From now on [`STOP`] does no more than to interrupt the generator. To be called before any thread is started: threads inherit
/// what is blocked.
pub(crate) fn stop_on_signal() -> anyhow::Result<()> {
    extern "C" fn nothing(_signal: c_int) {}
    SigSet::from(STOP).thread_block()?;
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(STOP, &action) }?;
    Ok(())
}

fn program<'o>(object: &'o mut Ebpf, name: &str) -> anyhow::Result<&'o mut Xdp> {
    match object.program_mut(name) {
        Some(program) => Ok(program.try_into()?),
        None => bail!("the object has no {name}"),
    }
}
