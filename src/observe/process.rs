//! What Linux says of this process, under the names that Prometheus has for it; nothing elsewhere.

use std::{fs, path::Path};

/// The unit of time in `/proc`, the same on every Linux that programs see.
const TICKS: f64 = 100.0;

/// What the process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    /// Seconds of processor time.
    pub cpu: f64,
    /// Bytes in memory.
    pub resident: u64,
    /// Bytes of address space.
    pub virtual_memory: u64,
    /// Threads.
    pub threads: u64,
    /// Open files and sockets.
    pub files: u64,
    /// Most of these.
    pub most_files: u64,
    /// When it began, in seconds since 1970.
    pub began: f64,
}

impl Process {
    /// Reads it.
    pub(super) fn read() -> Option<Self> {
        let text = |name: &str| fs::read_to_string(Path::new("/proc").join(name)).ok();
        let files = fs::read_dir("/proc/self/fd").ok()?.count();
        Self::parse(&text("self/stat")?, &text("self/status")?, &text("self/limits")?, &text("stat")?)
            .map(|process| Self { files: u64::try_from(files).unwrap_or_default(), ..process })
    }

    fn parse(stat: &str, status: &str, limits: &str, machine: &str) -> Option<Self> {
        // The name of the program may hold blanks and brackets.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
        let kilobytes = |name: &str| Some(number_behind(status, name)? * 1024);
        Some(Self {
            cpu: (ticks(11)? + ticks(12)?) / TICKS,
            resident: kilobytes("VmRSS:")?,
            virtual_memory: kilobytes("VmSize:")?,
            threads: number_behind(status, "Threads:")?,
            files: 0,
            most_files: number_behind(limits, "Max open files").unwrap_or(u64::MAX),
            began: f64::from(u32::try_from(number_behind(machine, "btime")?).ok()?) + ticks(19)? / TICKS,
        })
    }
}

/// The number that follows a name at the beginning of a line.
fn number_behind(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_is_understood() {
        let stat =
            "42 (a (strange) name) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 500 1000 25 18446744073709551615";
        let status = "Name:\tsesame\nVmSize:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t9\n";
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 4096                 files\n";
        let process = Process::parse(stat, status, limits, "cpu 1 2\nbtime 1000\n").unwrap();
        assert_eq!(
            process,
            Process {
                cpu: 2.0,
                resident: 1 << 20,
                virtual_memory: 2 << 20,
                threads: 9,
                files: 0,
                most_files: 1024,
                began: 1005.0
            }
        );
        assert_eq!(Process::parse("nothing", status, limits, ""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_takes_something() {
        let process = Process::read().unwrap();
        assert!(process.resident > 0 && process.files > 2 && process.began > 1.7e9, "{process:?}");
    }
}
