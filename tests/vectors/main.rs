//! The vectors: what is asked, of whom, and every byte of the answer, held against the server and the program.
//!
//! Each file is one behaviour, in the folder of its RFC, named by the section. A case is
//!
//! ```text
//! about   tests/parity/zones.toml  # the configuration, until the next such line; before the first one `example.toml`
//! ask     www.example.com A rd     # a query in the words of `gtm_tests::Query`, or `hex` and the message
//! over    udp                      # or `tcp`; without this line the answer is the same over both
//! from    11.1.2.3                 # the client; without this line one of IPv4 and one of IPv6, of class `default`
//! kernel  answers                  # or `passes`, to the server; without this line it may do either
//! answer  NOERROR aa rd            # in words (`answer.rs`), or `none`, or in hexadecimal, also over several lines
//!         answer www.example.com 30 A 192.0.2.10
//! ```
//!
//! What the program answers is always what the server answers. A `#` and what follows it is for the reader. Answers that
//! rotate may come in any rotation.

#[cfg(test)]
mod answer;
#[cfg(test)]
mod case;
#[cfg(test)]
mod tests;
