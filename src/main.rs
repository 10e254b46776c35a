//! The `log-monitor` program.

fn main() {}
