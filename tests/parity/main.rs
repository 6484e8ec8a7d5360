//! Program and server side by side: for every query the program gives the bytes that the server would, or passes the
//! frame untouched (architecture, invariant 5).

#[cfg(test)]
mod choices;
#[cfg(test)]
mod location;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod shares;
