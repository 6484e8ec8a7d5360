//! gdnsd.
