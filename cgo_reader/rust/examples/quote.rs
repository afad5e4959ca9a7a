//! Prints the best bid and ask of one instrument as they change.
//!
//!     cargo run --release --example quote -- gateio BTC/USDT

use std::time::Duration;
use tickring::{Answer, Body, Reader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(feed), Some(symbol)) = (args.next(), args.next()) else {
        return Err("usage: quote FEED SYMBOL".into());
    };
    let mut reader = Reader::attach(None, &feed)?;
    let wanted = reader.find(&symbol).ok_or("no such instrument")?;
    reader.seek_latest();
    loop {
        match reader.next() {
            Answer::Record(record) if record.instrument == wanted => {
                let Body::BookTicker(best) = record.body() else {
                    continue;
                };
                if let Some((bid, ask)) = record
                    .price(best.bid_price)
                    .zip(record.price(best.ask_price))
                {
                    println!("{symbol} {bid} / {ask}");
                }
            }
            Answer::Record(_) => {}
            Answer::Overrun(lost) => eprintln!("too slow: {lost} records lost"),
            Answer::Empty | Answer::Stale => {
                reader.wait(Duration::from_secs(1));
            }
            ended => return Err(format!("{ended:?}").into()),
        }
    }
}
