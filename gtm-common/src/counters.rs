//! What became of a packet: one counter for every outcome, each a past event.

macro_rules! outcomes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What the program did with a packet. The discriminant is the index of its counter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum Outcome {
            $($(#[$doc])* $variant,)*
        }

        impl Outcome {
            /// Every outcome, in the order of the counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The counter's name in logs and on screens.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// True when the query got an answer.
            pub const fn is_answer(self) -> bool {
                matches!(self, Self::Answered | Self::AnsweredTruncated | Self::AnsweredError)
            }
        }
    };
}

outcomes! {
    /// The query was answered: with records, or with what says that there are none.
    Answered = "answered",
    /// The answer is larger than the client takes, and was told so.
    AnsweredTruncated = "answered_truncated",
    /// An error was answered: any response code but NOERROR and NXDOMAIN.
    AnsweredError = "answered_error",
    /// Neither IPv4 nor IPv6 behind at most two VLAN tags, or not sent to one host.
    PassedNotIp = "passed_not_ip",
    /// An IP packet that is not UDP, is a fragment, has options or extension headers, lies in several buffers,
    /// or is damaged.
    PassedNotUdp = "passed_not_udp",
    /// UDP, but not to an address and port that we serve.
    PassedNotServed = "passed_not_served",
    /// The sender's address or port cannot be answered.
    PassedBadSender = "passed_bad_sender",
    /// A response, cut short within the header, or with records beside the question and one additional record.
    PassedNotQuery = "passed_not_query",
    /// The question is not one whole uncompressed name.
    PassedBadQuestion = "passed_bad_question",
    /// The additional section is not one OPT record at the end of the message.
    PassedBadEdns = "passed_bad_edns",
    /// The OPT record has more options than are looked through.
    PassedManyOptions = "passed_many_options",
    /// The answer is left to the server.
    PassedNoBlock = "passed_no_block",
    /// The frame could not be made long enough.
    PassedNoRoom = "passed_no_room",
    /// A bound that holds by construction did not: dropped, and a defect.
    DroppedInternal = "dropped_internal",
}

// The per-CPU value has room for this many.
const _: () = assert!(Outcome::ALL.len() <= 32);
