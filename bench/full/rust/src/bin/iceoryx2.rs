//! iceoryx2, publish and subscribe between two processes; arguments and output are those
//! of c/peer.h. ADDRESS names the service. A full subscriber makes the writer wait. The
//! reader is this program again.

use std::error::Error;
use std::process::{Command, Stdio};

use bench_full::{Samples, number, settle, ticks};
use iceoryx2::prelude::*;

/// Messages that a subscriber may have before it.
const QUEUE: usize = 4096;

#[derive(Debug, Clone, Copy, ZeroCopySend)]
#[repr(C)]
struct Message {
    /// 0 in the mark behind the last message.
    sent: i64,
    due: i64,
    rest: [i64; 14],
}

struct Job {
    address: String,
    count: usize,
    warm: u64,
    writer_cpu: usize,
    reader_cpu: usize,
    interval: i64,
}

fn job(args: &[String]) -> Result<Job, Box<dyn Error>> {
    let [address, count, warm, writer, reader, _helper, interval] = args else {
        return Err(
            "usage: iceoryx2-peer ADDRESS COUNT WARM WRITER_CPU READER_CPU HELPER_CPU INTERVAL"
                .into(),
        );
    };
    Ok(Job {
        address: address.clone(),
        count: number(count)?,
        warm: number(warm)?,
        writer_cpu: number(writer)?,
        reader_cpu: number(reader)?,
        interval: number(interval)?,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    set_log_level(LogLevel::Error);
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "--read" => read(&job(rest)?),
        _ => write(&job(&args)?, &args),
    }
}

type Service =
    iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, Message, ()>;

fn service(node: &Node<ipc::Service>, j: &Job) -> Result<Service, Box<dyn Error>> {
    Ok(node
        .service_builder(&j.address.as_str().try_into()?)
        .publish_subscribe::<Message>()
        .max_publishers(1)
        .max_subscribers(1)
        .subscriber_max_buffer_size(QUEUE)
        .enable_safe_overflow(false)
        .open_or_create()?)
}

fn write(j: &Job, args: &[String]) -> Result<(), Box<dyn Error>> {
    let node = NodeBuilder::new().create::<ipc::Service>()?;
    let service = service(&node, j)?;
    let publisher = service
        .publisher_builder()
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--read")
        .args(args)
        .stdin(Stdio::null())
        .spawn()?;
    while service.dynamic_config().number_of_subscribers() == 0 {
        if child.try_wait()?.is_some() {
            return Err("the reader ended".into());
        }
        std::thread::yield_now();
    }
    settle(j.writer_cpu)?;
    let send = |sent: i64, due: i64| -> Result<(), Box<dyn Error>> {
        let message = Message {
            sent,
            due,
            rest: [7; 14],
        };
        publisher.loan_uninit()?.write_payload(message).send()?;
        Ok(())
    };
    let mut due = ticks() + j.interval;
    for _ in 0..j.warm + j.count as u64 {
        let mut now = ticks();
        while j.interval > 0 && now < due {
            now = ticks();
        }
        send(now, if j.interval > 0 { due } else { now })?;
        due += j.interval;
    }
    send(0, 0)?;
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("the reader ended with {status}").into());
    }
    Ok(())
}

fn read(j: &Job) -> Result<(), Box<dyn Error>> {
    let mut samples = Samples::new(j.count, j.warm);
    let node = NodeBuilder::new().create::<ipc::Service>()?;
    let subscriber = service(&node, j)?.subscriber_builder().create()?;
    settle(j.reader_cpu)?;
    loop {
        let Some(message) = subscriber.receive()? else {
            continue;
        };
        if message.sent == 0 {
            break;
        }
        let (sent, due) = (message.sent, message.due);
        samples.take([sent, due, ticks()]);
    }
    Ok(samples.print(j.warm + j.count as u64 - samples.seen())?)
}
