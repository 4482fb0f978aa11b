//! `tidegate watch`: events as they come, until enough came.

mod channels;
mod place;
mod show;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use tidegate_client::events::{Delivery, EventTransport, Listen, Position, Replay, Subscription};
use tidegate_client::{Client, Error, SubscriptionErrorKind};
use tokio::time::{Instant, sleep_until};

use super::{interrupted, interruption, writing};
use crate::args::OrgArg;
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::output::{counted, say};

use place::Place;

/// How long a position may wait to be written after its line was.
const PLACE_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// Channels (`/data/ChangeEvents`, `/event/Order_Event__e`, `/topic/Name`, `/u/Name`), or short: an object for its
    /// change events, a platform event, a PushTopic.
    #[arg(value_name = "CHANNEL", required = true)]
    channels: Vec<String>,
    #[command(flatten)]
    org: OrgArg,
    /// Where to begin: `latest` (only what comes now), `earliest` (what the org still keeps: three days, one for
    /// PushTopics), or a position as printed. A position file goes before it.
    #[arg(long, value_name = "PLACE", default_value = "latest", value_parser = from_where)]
    from: Begin,
    /// How the events come; without it Pub/Sub, or CometD where only that has the channel.
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// One JSON object a line, also on a terminal.
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// For reading, also where stdout is no terminal.
    #[arg(long, conflicts_with = "json")]
    text: bool,
    /// End after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time (`30s`, `10m`). With --count, fail when fewer came.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    time: Option<Duration>,
    /// Keep the place in this file: go on from it, and write it after each event that was printed.
    #[arg(long, value_name = "FILE")]
    position_file: Option<PathBuf>,
    /// What to do when the org no longer keeps the place to go on from: events are lost then.
    #[arg(long, value_enum, default_value_t = OnExpired::Fail, value_name = "WHAT")]
    on_expired: OnExpired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transport {
    /// Long polling, the Streaming API.
    Cometd,
    /// gRPC, the Pub/Sub API.
    Pubsub,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnExpired {
    /// Say so, and end.
    Fail,
    /// Go on with the oldest event that the org keeps.
    Earliest,
    /// Go on with what comes now.
    Latest,
}

#[derive(Debug, Clone)]
struct Begin(Replay);

fn from_where(text: &str) -> Result<Begin, String> {
    match text {
        "latest" => Ok(Begin(Replay::Latest)),
        "earliest" => Ok(Begin(Replay::Earliest)),
        text => text.parse::<Position>().map(|position| Begin(Replay::After(position))).map_err(|_| {
            "write latest, earliest, or a position like cometd:37904280 or pubsub:0000000000076f5b0000".to_owned()
        }),
    }
}

/// A duration in words; a day has 24 hours.
fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::Span = text.parse().map_err(|e| format!("{e}; write 30s, 10m or 2h"))?;
    let ms =
        span.total((jiff::Unit::Millisecond, jiff::SpanRelativeTo::days_are_24_hours())).map_err(|e| e.to_string())?;
    if ms > 0.0 { Ok(Duration::from_secs_f64(ms / 1000.0)) } else { Err("it must be longer than nothing".into()) }
}

impl OnExpired {
    fn replay(self) -> Option<Replay> {
        match self {
            OnExpired::Fail => None,
            OnExpired::Earliest => Some(Replay::Earliest),
            OnExpired::Latest => Some(Replay::Latest),
        }
    }
}

pub(super) async fn run(config: &Config, args: WatchArgs) -> Result<ExitCode, Failure> {
    let stop = interruption();
    let client = config.connect(args.org.org.as_deref()).await?;
    let channels = channels::resolve(&client, &args.channels).await?;
    let mut place = match &args.position_file {
        Some(path) => Some(Place::open(path, &client.org_id().await?)?),
        None => None,
    };
    let begin = channels
        .into_iter()
        .map(|channel| {
            let kept = place.as_ref().and_then(|place| place.get(&channel)).map(|kept| Replay::After(kept.clone()));
            let replay = kept.unwrap_or_else(|| args.from.0.clone());
            (channel, replay)
        })
        .collect();
    let transport = args.transport.map(|transport| match transport {
        Transport::Cometd => EventTransport::CometD,
        Transport::Pubsub => EventTransport::PubSub,
    });
    let mut watch =
        Watch { client, begin, args: &args, text: args.text || (!args.json && io::stdout().is_terminal()), transport };
    let opened = tokio::select! {
        opened = watch.open() => opened?,
        () = stop.cancelled() => return Ok(interrupted()),
    };
    let mut events = opened;
    say(format!(
        "listening to {} by {}; Ctrl-C ends it",
        events.channels().collect::<Vec<_>>().join(", "),
        events.transport()
    ));
    let ends = args.time.map(|time| Instant::now() + time);
    let mut seen = 0;
    let unread = nobody_reads();
    tokio::pin!(unread);
    let outcome = loop {
        let delivery = tokio::select! {
            // What was asked for first: to stop.
            biased;
            () = stop.cancelled() => break Ok(Ended::Interrupted),
            () = at(ends) => break Ok(Ended::Time),
            () = &mut unread => break Ok(Ended::Enough),
            () = at(place.as_ref().and_then(Place::due)) => {
                if let Err(failure) = place.as_mut().map_or(Ok(()), Place::write) {
                    break Err(failure);
                }
                continue;
            }
            delivery = events.next_delivery() => delivery,
        };
        match delivery {
            Ok(Some(Delivery::Event(event))) => {
                let line = if watch.text { show::text(&event) } else { show::json(&event) };
                match print(&line) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break Ok(Ended::Enough),
                    Err(error) => break Err(writing(error)),
                }
                if let (Some(place), Some(position)) = (&mut place, events.position(&event.channel)) {
                    place.set(&event.channel, position, PLACE_EVERY);
                }
                seen += 1;
                if args.count == Some(seen) {
                    break Ok(Ended::Enough);
                }
            }
            Ok(Some(Delivery::KeepAlive)) => {
                let Some(place) = &mut place else { continue };
                for channel in events.channels() {
                    if let Some(position) = events.position(channel) {
                        place.set(channel, position, PLACE_EVERY);
                    }
                }
            }
            Ok(Some(Delivery::MaybeMissed { channel })) => {
                say(format!("warning: {channel}: the connection was lost before the first event; some may be missed"));
            }
            Ok(Some(_)) => {}
            Ok(None) => break Ok(Ended::Enough),
            Err(error) => match watch.begin_again(&mut events, error).await {
                Ok(()) => {}
                Err(failure) => break Err(failure),
            },
        }
    };
    // What was printed counts, whatever came after it.
    let written = place.as_mut().map_or(Ok(()), Place::write);
    // The org remembers a client that does not take its leave for a while, and counts it.
    let _ = tokio::time::timeout(Duration::from_secs(2), events.close()).await;
    let ended = outcome?;
    written?;
    let short = args.count.is_some_and(|count| seen < count);
    match ended {
        Ended::Interrupted if short => Ok(interrupted()),
        Ended::Time if short => Err(Failure::failed(format!("only {} came in the time given", counted(seen, "event")))),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Why it ended.
enum Ended {
    /// As many as were asked for, or nobody reads any more.
    Enough,
    Time,
    Interrupted,
}

struct Watch<'a> {
    client: Client,
    begin: Vec<(String, Replay)>,
    args: &'a WatchArgs,
    text: bool,
    /// As it was settled at first: a place that is lost is no reason to take the other.
    transport: Option<EventTransport>,
}

impl Watch<'_> {
    fn listen(&self) -> Option<Listen> {
        let bus = self.client.events();
        let mut begin = self.begin.iter().cloned();
        let (channel, replay) = begin.next()?;
        let mut listen = bus.listen(channel).from(replay);
        for (channel, replay) in begin {
            listen = listen.and(channel).from(replay);
        }
        Some(match self.transport {
            Some(transport) => listen.by(transport),
            None => listen,
        })
    }

    async fn open(&mut self) -> Result<Subscription, Failure> {
        loop {
            let Some(listen) = self.listen() else { return Err(Failure::usage("no channel is named")) };
            self.transport = Some(listen.transport());
            match listen.open().await {
                Ok(events) => return Ok(events),
                Err(error) => {
                    let (channel, replay) = self.elsewhere(error).await?;
                    if let Some(begin) = self.begin.iter_mut().find(|(known, _)| *known == channel) {
                        begin.1 = replay;
                    }
                }
            }
        }
    }

    /// After an error in the middle.
    async fn begin_again(&self, events: &mut Subscription, error: Error) -> Result<(), Failure> {
        let (channel, replay) = self.elsewhere(error).await?;
        events.begin_again(&channel, replay).await.map_err(Failure::from)
    }

    /// Where to begin when a position was lost; the failure for anything else.
    async fn elsewhere(&self, error: Error) -> Result<(String, Replay), Failure> {
        let lost = match &error {
            Error::Subscription(told)
                if matches!(
                    told.kind,
                    SubscriptionErrorKind::ReplayIdExpired | SubscriptionErrorKind::ReplayIdInvalid
                ) =>
            {
                told.channel.clone()
            }
            Error::Subscription(told) if told.kind == SubscriptionErrorKind::ChannelNotFound => {
                return Err(channels::unknown(&self.client, told.channel.as_deref(), error.clone()).await);
            }
            _ => None,
        };
        let Some(channel) = lost else { return Err(error.into()) };
        let Some(replay) = self.args.on_expired.replay() else {
            return Err(Failure::new(
                Exit::Failed,
                format!("the org no longer keeps the place to go on from in {channel}"),
            )
            .hint(
                "events were lost: read what changed since, then go on with --on-expired earliest (what is still \
                     kept, some of it again) or --on-expired latest (only what comes now)",
            ));
        };
        let from = if replay == Replay::Earliest { "the oldest event that the org keeps" } else { "what comes now" };
        say(format!("warning: {channel}: the place to go on from is lost, and events with it; going on with {from}"));
        Ok((channel, replay))
    }
}

/// Sleeps until then; for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Comes when standard output is a pipe whose reader has gone (`| head -1`): the next event, which would tell, may be
/// hours away.
#[cfg(unix)]
async fn nobody_reads() {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    use tokio::io::Interest;
    use tokio::net::unix::pipe::Sender;
    let pipe = || {
        let out = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
        let is_pipe = out.metadata().ok()?.file_type().is_fifo();
        // Only listened to; written to as before, and so left blocking.
        is_pipe.then(|| Sender::from_file_unchecked(out).ok())?
    };
    match pipe() {
        Some(out) => drop(out.ready(Interest::ERROR).await),
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn nobody_reads() {
    std::future::pending().await
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_typed() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for wrong in ["0s", "-1m", "soon", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(from_where("earliest"), Ok(Begin(Replay::Earliest))));
        assert!(matches!(from_where("cometd:7"), Ok(Begin(Replay::After(_)))));
        assert!(from_where("yesterday").unwrap_err().contains("a position like"));
    }
}
