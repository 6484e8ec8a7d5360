//! A model test: whatever happens to the service, in whatever order, kernel maps, server and a plain slow reference agree
//! on what may be answered to whom.

#[cfg(test)]
mod check;
#[cfg(test)]
mod client;
#[cfg(test)]
mod configurations;
#[cfg(test)]
mod expected;
#[cfg(test)]
mod history;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod reply;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod step;
#[cfg(test)]
mod world;
