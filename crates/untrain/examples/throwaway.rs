//! Throw-away.
#![allow(clippy::print_stdout, clippy::unwrap_used)]
use std::time::Instant;
use untrain::import::{Roles, dataset, like};
fn main() {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap();
    let roles: Roles = serde_json::from_str(&args.next().unwrap_or("{}".into())).unwrap();
    let t = Instant::now();
    let d = match dataset(path.as_ref(), &roles) { Ok(d) => d, Err(e) => { println!("{e}\n  hint: {:?} {:?}", e.hint(), t.elapsed()); return } };
    println!("{} records, {} columns, {:?}", d.len(), d.schema().columns.len(), t.elapsed());
    for c in d.schema().columns.iter().take(60) { print!("{}:{}{} ", c.name, c.kind.name(), if c.declared {"!"} else {""}) }
    println!("\nfirst id {}", d.id(0));
    let t = Instant::now();
    match like(path.as_ref(), d.schema(), &roles) { Ok(e) => println!("like: equal columns {} {:?}", e.columns() == d.columns(), t.elapsed()), Err(e) => println!("like: {e}") }
    for e in args {
        let t = Instant::now();
        match untrain::select::by_expression(&d, &e) { Ok(ids) => println!("{e}: {} {:?}", ids.len(), t.elapsed()), Err(x) => println!("{e}: {x}\n  hint: {:?}", x.hint()) }
    }
}
