//! The harness of the test tiers: namespaces, links and processes as guards that clean up after themselves.
