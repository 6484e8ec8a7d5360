//! What the program costs before it sees a packet: the kernel's figures for it, and the stack that its object needs.
//!
//! They are printed (`cargo test -p gtm-tests --test prog_run size:: -- --nocapture`), and bounded where growth should be
//! a decision.
#![expect(
    clippy::print_stdout,
    reason = "a test prints where it is captured, and shown when it fails or when asked for"
)]

use std::collections::BTreeMap;

use gtm_tests::Service;
use gtm_userspace::dataplane::Generation;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionKind, SymbolKind};

use crate::program::can_run;

/// The kernel gives up at a million, and of those tried one counts nearly twice as much as another (decision 11): what
/// one kernel takes half of it for, the others still take.
const MAX_VERIFIED: u32 = 500_000;
/// What serves has to stay near its core: the second-level caches of the smallest servers hold 256 KiB.
const MAX_MACHINE_CODE: u32 = 256 << 10;
/// What the kernel allows along any chain of calls (`MAX_BPF_STACK`).
const MAX_STACK: u64 = 512;
/// It rounds the stack of each function up to this; newer releases to half of it.
const STACK_UNIT: u64 = 32;

/// Everything that the settings can turn on, the longest identifier, and subnets that are heeded by the sender.
#[test]
fn the_program_is_verified_and_compiled_within_bounds() {
    if !can_run() {
        return;
    }
    let config = format!(
        "version = 1
        service = {{ listen = ['198.51.100.53', '2001:db8::53'], interfaces = ['none'] }}
        dns = {{ nsid = '{}', extended_errors = true, ecs = ['192.0.2.0/24', '2001:db8:1::/48'] }}
        zone.example.file = 'zone'",
        "n".repeat(64)
    );
    let zone = "$ORIGIN example.\n$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";
    let generation = Service::from_text(&config, zone).unwrap().generation().unwrap();
    let info = generation.program_info().unwrap();
    let translated = info.size_translated().map(|bytes| bytes / 8);
    let (verified, machine_code) = (info.verified_instruction_count(), info.size_jitted());
    println!("verified instructions: {verified:?}, at most {MAX_VERIFIED}");
    println!("translated instructions: {translated:?}");
    println!("bytes of machine code: {machine_code}, at most {MAX_MACHINE_CODE}");
    // Kernels before 5.16 do not tell the first.
    assert!(verified.is_none_or(|count| (1..=MAX_VERIFIED).contains(&count)), "{verified:?}");
    assert!(machine_code <= MAX_MACHINE_CODE, "{machine_code}");
}

/// The kernel that runs has accepted the program; an older one rounds each function up to more.
#[test]
fn the_stack_is_enough_for_kernels_that_round_it_up() {
    let functions = functions(Generation::object());
    for function in functions.values() {
        println!("{:>5} bytes of stack: {}", function.stack, function.name);
    }
    let (place, _) = functions.iter().find(|(_, function)| function.name == "gtm").unwrap();
    let deepest = deepest(&functions, *place);
    println!("{deepest:>5} along the deepest chain of calls, at most {MAX_STACK}");
    assert!((STACK_UNIT + 1..=MAX_STACK).contains(&deepest), "{deepest}");
}

/// Section and address in it.
type Place = (usize, u64);

struct Function {
    name: String,
    /// Bytes below the frame pointer that it uses.
    stack: u64,
    calls: Vec<Place>,
}

/// The stack of a function with what it calls, as the kernel counts it.
fn deepest(functions: &BTreeMap<Place, Function>, place: Place) -> u64 {
    let function = &functions[&place];
    let below = function.calls.iter().map(|callee| deepest(functions, *callee)).max();
    function.stack.max(1).next_multiple_of(STACK_UNIT) + below.unwrap_or_default()
}

/// The functions of an object, by where they begin.
fn functions(object: &[u8]) -> BTreeMap<Place, Function> {
    let object = object::File::parse(object).unwrap();
    let mut functions = BTreeMap::new();
    for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        let section = object.section_by_index(symbol.section_index().unwrap()).unwrap();
        assert_eq!(section.kind(), SectionKind::Text);
        let range = symbol.address()..symbol.address() + symbol.size();
        let code = section.data_range(range.start, symbol.size()).unwrap().unwrap();
        let code: Vec<Instruction> = code.chunks(8).map(Instruction::read).collect();
        let relocated: BTreeMap<u64, Place> = section
            .relocations()
            .filter_map(|(at, relocation)| {
                let RelocationTarget::Symbol(index) = relocation.target() else { return None };
                let target = object.symbol_by_index(index).unwrap();
                Some((at, (target.section_index()?.0, target.address())))
            })
            .collect();
        let calls = (range.start..).step_by(8).zip(&code).filter(|(_, instruction)| instruction.is_call());
        let calls = calls.map(|(at, instruction)| match relocated.get(&at) {
            // The number counts instructions, less one, from the place of the symbol or from the call.
            Some((section, address)) => (*section, address.strict_add_signed(8 * (instruction.number + 1))),
            None => (section.index().0, at.strict_add_signed(8 * (instruction.number + 1))),
        });
        let (calls, name) = (calls.collect(), symbol.name().unwrap().to_owned());
        functions.insert((section.index().0, range.start), Function { name, stack: stack(&code), calls });
    }
    functions
}

/// The lowest place of the stack that is accessed, or of which the address is taken.
fn stack(code: &[Instruction]) -> u64 {
    let accessed = code.iter().filter_map(Instruction::accessed);
    let addressed = code.windows(2).filter_map(|pair| pair[1].added_to(pair[0].pointer()?));
    accessed.chain(addressed).filter(|at| *at < 0).map(i64::unsigned_abs).max().unwrap_or_default()
}

/// An instruction (RFC 9669 section 3), as far as it touches the stack or calls.
struct Instruction {
    code: u8,
    destination: u8,
    source: u8,
    offset: i64,
    number: i64,
}

impl Instruction {
    const FRAME_POINTER: u8 = 10;

    fn read(bytes: &[u8]) -> Self {
        let [code, registers, low, high, number @ ..]: [u8; 8] = bytes.try_into().unwrap();
        Self {
            code,
            destination: registers & 15,
            source: registers >> 4,
            offset: i16::from_le_bytes([low, high]).into(),
            number: i32::from_le_bytes(number).into(),
        }
    }

    /// Offset from the frame pointer that it loads from or stores to.
    fn accessed(&self) -> Option<i64> {
        let base = match self.code & 7 {
            1 => self.source,
            2 | 3 => self.destination,
            _ => return None,
        };
        (base == Self::FRAME_POINTER).then_some(self.offset)
    }

    /// The register that becomes a copy of the frame pointer.
    fn pointer(&self) -> Option<u8> {
        (self.code == 0xbf && self.source == Self::FRAME_POINTER).then_some(self.destination)
    }

    /// The number that it adds to a register.
    fn added_to(&self, register: u8) -> Option<i64> {
        (self.code == 0x07 && self.destination == register).then_some(self.number)
    }

    /// Of a function of the program, not of a helper of the kernel.
    fn is_call(&self) -> bool {
        self.code == 0x85 && self.source == 1
    }
}
