//! What processes use, from `/proc`.

use std::{fs, io, time::Duration};

use crate::script::Outcome;

/// Clock ticks in a second: what Linux shows to programs is the same on every machine.
const TICKS: u64 = 100;

/// Processor time that a process used so far. The scheduler counts it to the nanosecond, thread by thread,
/// and a thread that ended is counted no more; where it does not, ticks of 10 ms have to do.
///
/// # Errors
/// When there is no such process.
pub fn used(process: u32) -> Outcome<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // It may end while it is looked at.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
    }
    match nanoseconds {
        0 => Ok(stat(process)?.own),
        counted => Ok(Duration::from_nanos(counted)),
    }
}

/// Processor time that a process and its children used so far, those included that have ended.
///
/// # Errors
/// When there is no such process.
pub fn used_with_children(process: u32) -> Outcome<Duration> {
    let mut all = used(process)? + stat(process)?.gone_children;
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may end while it is looked at.
        if stat(child).is_ok_and(|stat| stat.parent == process) {
            all += used(child).unwrap_or_default();
        }
    }
    Ok(all)
}

/// The process that started another one.
///
/// # Errors
/// When there is no such process.
pub fn parent(process: u32) -> io::Result<u32> {
    Ok(stat(process)?.parent)
}

/// Bytes of a process that are in memory.
///
/// # Errors
/// When there is no such process.
pub fn resident(process: u32) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

struct Stat {
    parent: u32,
    own: Duration,
    gone_children: Duration,
}

fn stat(process: u32) -> io::Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name, in brackets, may hold anything: what follows begins behind the last one.
    let fields: Vec<&str> = text.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
    let field = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let ticks = |places: [usize; 2]| Duration::from_millis(places.map(field).iter().sum::<u64>() * 1000 / TICKS);
    Ok(Stat {
        parent: u32::try_from(field(1)).unwrap_or_default(),
        own: ticks([11, 12]),
        gone_children: ticks([13, 14]),
    })
}
