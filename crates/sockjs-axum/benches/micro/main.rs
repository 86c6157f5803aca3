//! What a request costs from the service's `call` to the end of its answer: which route it is, the
//! headers, the session. HTTP itself is no part of it.
//!
//! Run by `cargo bench`, it measures times; by `benches/instructions` of sockjs-core, instructions.

mod cases;
mod many;

use std::env;

use divan::Bencher;

use crate::cases::{Case, all};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["cases"] => all().iter().for_each(|case| println!("{}", case.name)),
        ["repeat", name, times] => {
            let mut case = find(name);
            for _ in 0..times.parse().expect("TIMES is a number") {
                (case.run)();
            }
        }
        _ => divan::main(),
    }
}

#[divan::bench(args = all().into_iter().map(|case| case.name))]
fn case(bencher: Bencher<'_, '_>, name: &str) {
    let mut case = find(name);
    bencher.bench_local(|| (case.run)());
}

fn find(name: &str) -> Case {
    let case = all().into_iter().find(|case| case.name == name);
    case.expect("`micro cases` lists the names")
}
