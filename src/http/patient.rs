//! A connection that is given up when its other end does not read what is sent to it, or only drop by drop.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

/// A stream whose writes may wait only so long: whoever reads at a certain speed may take all the time.
#[derive(Debug)]
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Bytes a second.
    slowest: u64,
    /// How long writing has waited since the other end last read fast enough, and what it read meanwhile.
    waited: Duration,
    read: u64,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Patient<S> {
    /// A stream that waits no longer than `patience` for an other end that reads fewer than `slowest` bytes
    /// a second.
    pub const fn new(stream: S, patience: Duration, slowest: u64) -> Self {
        Self { stream, patience, slowest, waited: Duration::ZERO, read: 0, waiting: None }
    }

    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
        bytes: fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match &done {
            Poll::Ready(Ok(written)) => {
                self.hear_of(bytes(written));
                done
            }
            Poll::Ready(Err(_)) => done,
            Poll::Pending => {
                let left = self.patience.saturating_sub(self.waited);
                let begin = || (Instant::now(), Box::pin(tokio::time::sleep(left)));
                let (_, waiting) = self.waiting.get_or_insert_with(begin);
                ready!(waiting.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Something got through: time in which nothing waited does not count, neither for nor against.
    fn hear_of(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        if self.waited.is_zero() {
            return;
        }
        self.read = self.read.saturating_add(bytes as u64);
        let least = self.waited.as_secs_f64() * self.slowest as f64;
        if self.read as f64 >= least {
            (self.waited, self.read) = (Duration::ZERO, 0);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written, |bytes| *bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, flushed, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, shut, |()| 0)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, written, |bytes| *bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::{Instant, sleep},
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);
    /// Bytes a second: eight in the time of patience.
    const SLOWEST: u64 = 80;

    #[tokio::test]
    async fn a_slow_reader_is_waited_for() {
        let (near, mut far) = duplex(4);
        let mut near = Patient::new(near, PATIENCE, SLOWEST);
        let reading = tokio::spawn(async move {
            let mut read = [0; 4];
            for _ in 0..8 {
                sleep(PATIENCE / 4).await;
                far.read_exact(&mut read).await.unwrap();
            }
        });
        near.write_all(&[7; 32]).await.unwrap();
        reading.await.unwrap();
    }

    #[tokio::test]
    async fn who_reads_drop_by_drop_is_given_up() {
        let (near, mut far) = duplex(4);
        let mut near = Patient::new(near, PATIENCE, SLOWEST);
        let reading = tokio::spawn(async move {
            let mut read = [0; 1];
            loop {
                sleep(PATIENCE * 9 / 10).await;
                if far.read_exact(&mut read).await.is_err() {
                    break;
                }
            }
        });
        let error = near.write_all(&[7; 1000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        reading.abort();
    }

    #[tokio::test]
    async fn who_rests_between_answers_is_not_given_up() {
        let (near, mut far) = duplex(64);
        let mut near = Patient::new(near, PATIENCE, SLOWEST);
        for _ in 0..6 {
            near.write_all(&[7; 48]).await.unwrap();
            sleep(PATIENCE * 3).await;
            far.read_exact(&mut [0; 48]).await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_does_not_read_is_given_up() {
        let (near, _far) = duplex(4);
        let mut near = Patient::new(near, PATIENCE, SLOWEST);
        let begun = Instant::now();
        let error = near.write_all(&[7; 32]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= PATIENCE);
    }
}
