//! `tidegate publish`: platform events, one from the command line or many from a file.

mod fields;
mod input;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Map, Value as Json, json};
use tidegate_client::events::{NewEvent, PublishOutcome, Publisher};
use tidegate_client::{Client, Describe, Error};

use super::{interrupted, interruption, writing};
use crate::args::OrgArg;
use crate::config::{Config, closest};
use crate::failure::{Exit, Failure};
use crate::output::{counted, say};

use input::Input;

/// Events sent at once.
const BATCH: usize = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// The event, by its API name or channel.
    #[arg(value_name = "EVENT__e")]
    event: String,
    /// One event's fields. Typed as the event's definition says; nothing after the `=` is null.
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    #[command(flatten)]
    org: OrgArg,
    /// Events from a file (`-` for standard input): one JSON object a line, or a list of objects. A file is checked to
    /// its end before the first event is sent.
    #[arg(long, value_name = "FILE", conflicts_with = "fields")]
    json: Option<PathBuf>,
    /// By which door. REST fills defaults and checks values; Pub/Sub takes what it is given, and tells each event's
    /// position.
    #[arg(long, value_enum, default_value_t = Door::Rest)]
    by: Door,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Door {
    /// The REST API, 200 events a call.
    Rest,
    /// The Pub/Sub API, 200 events a request. Each event's UUID is known even when an answer is lost.
    Pubsub,
}

pub(super) async fn run(config: &Config, args: PublishArgs) -> Result<ExitCode, Failure> {
    if args.json.is_none() && args.fields.is_empty() {
        return Err(Failure::usage("no event is given")
            .hint("give its fields (Order_Number__c=7), or many events as JSON lines with --json FILE"));
    }
    let stop = interruption();
    let client = config.connect(args.org.org.as_deref()).await?;
    let describe = describe(&client, args.event.trim_start_matches("/event/")).await?;
    let door = match args.by {
        Door::Rest => Way::Rest(client.clone(), describe.name.clone()),
        Door::Pubsub => Way::Bus(client.events().publisher(&describe.name).await?),
    };
    let mut tally = Tally { text: io::stdout().is_terminal(), ..Tally::default() };
    match &args.json {
        None => {
            let event = fields::typed(&describe, &args.fields)?;
            tally.send(&door, vec![event]).await?;
        }
        Some(path) => {
            let mut input = Input::open(path)?;
            if input.is_repeatable() {
                while let Some(event) = input.next()? {
                    fields::check(&describe, &event.fields, event.line)?;
                }
                input = Input::open(path)?;
            }
            let mut batch = Vec::with_capacity(BATCH);
            loop {
                let event = input.next().map_err(|failure| tally.so_far(failure))?;
                let ended = event.is_none();
                if let Some(event) = event {
                    let checked = fields::check(&describe, &event.fields, event.line);
                    checked.map_err(|failure| tally.so_far(failure))?;
                    batch.push(event.fields);
                }
                if batch.len() == BATCH || (ended && !batch.is_empty()) {
                    tally.send(&door, std::mem::take(&mut batch)).await?;
                }
                if ended || tally.broken.is_some() {
                    break;
                }
                if stop.is_cancelled() {
                    say(tally.words());
                    return Ok(interrupted());
                }
            }
        }
    }
    tally.end()
}

/// Describes an event; an unknown one is refused with the name that was probably meant.
async fn describe(client: &Client, name: &str) -> Result<Describe, Failure> {
    let refused = match client.describe(name).await {
        Ok(describe) if describe.name.ends_with("__e") || describe.name.ends_with("Event") => return Ok(describe),
        Ok(describe) => format!("{} is an object, not a platform event", describe.name),
        Err(error) if error.status() == Some(404) => {
            format!("the org has no platform event `{name}` (or this user may not see it)")
        }
        Err(error) => return Err(error.into()),
    };
    let failure = Failure::failed(refused);
    let Ok(global) = client.describe_global().await else { return Err(failure) };
    let known: Vec<&str> =
        global.sobjects.iter().map(|object| object.name.as_str()).filter(|name| name.ends_with("__e")).collect();
    Err(match closest(name, &known) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => failure.hint("the org has none; they are made in Setup > Platform Events"),
        None => failure.hint(format!("the org's platform events: {}", known.join(", "))),
    })
}

enum Way {
    Rest(Client, String),
    Bus(Publisher),
}

impl Way {
    async fn publish(&self, events: Vec<NewEvent>) -> Result<Vec<PublishOutcome>, Error> {
        match self {
            Way::Rest(client, event) => client.events().publish(event, events).await,
            Way::Bus(publisher) => publisher.publish(&events).await,
        }
    }
}

/// What became of the events.
#[derive(Default)]
struct Tally {
    text: bool,
    at: u64,
    published: u64,
    rejected: u64,
    unknown: u64,
    not_sent: u64,
    /// The failure that ended it.
    broken: Option<Error>,
    /// Whether anybody reads what is printed.
    unread: bool,
}

impl Tally {
    async fn send(&mut self, way: &Way, events: Vec<Map<String, Json>>) -> Result<(), Failure> {
        let events: Vec<NewEvent> = events.into_iter().map(NewEvent::new).collect();
        let outcomes = way.publish(events).await.map_err(|error| self.so_far(error.into()))?;
        for outcome in outcomes {
            self.at += 1;
            self.tell(outcome)?;
        }
        Ok(())
    }

    /// A failure, with what was done before it.
    fn so_far(&self, failure: Failure) -> Failure {
        if self.at > 0 {
            say(self.words());
        }
        failure
    }

    fn tell(&mut self, outcome: PublishOutcome) -> Result<(), Failure> {
        let at = self.at;
        let (text, line) = match outcome {
            PublishOutcome::Published { uuid, position } => {
                self.published += 1;
                let id = uuid.clone().unwrap_or_default();
                let position = position.map(|position| position.to_string());
                let place = position.as_deref().map_or_else(String::new, |position| format!("  {position}"));
                (
                    format!("published  {id}{place}"),
                    json!({ "event": at, "outcome": "published", "uuid": uuid, "position": position }),
                )
            }
            PublishOutcome::Rejected { code, message } => {
                self.rejected += 1;
                (
                    format!("rejected   {code}: {message}"),
                    json!({ "event": at, "outcome": "rejected", "code": code, "message": message }),
                )
            }
            PublishOutcome::Unknown { uuid, error } => {
                self.unknown += 1;
                let id = uuid.clone().unwrap_or_default();
                let line = json!({ "event": at, "outcome": "unknown", "uuid": uuid, "message": error.to_string() });
                self.broken = Some(error);
                (format!("unknown    {id}"), line)
            }
            PublishOutcome::NotSent { error } => {
                self.not_sent += 1;
                let line = json!({ "event": at, "outcome": "not_sent", "message": error.to_string() });
                self.broken = Some(error);
                ("not sent".to_owned(), line)
            }
            _ => return Err(Failure::failed("the outcome of an event is not understood")),
        };
        let line = if self.text { text } else { line.to_string() };
        if self.unread {
            return Ok(());
        }
        match writeln!(io::stdout().lock(), "{line}") {
            // Nobody reads any more; the events are published all the same.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.unread = true;
                Ok(())
            }
            other => other.map_err(writing),
        }
    }

    fn words(&self) -> String {
        let mut words = vec![format!("{} published", counted(self.published, "event"))];
        for (count, word) in [(self.rejected, "rejected"), (self.unknown, "unknown"), (self.not_sent, "not sent")] {
            if count > 0 {
                words.push(format!("{count} {word}"));
            }
        }
        words.join(", ")
    }

    fn end(self) -> Result<ExitCode, Failure> {
        say(self.words());
        match self.broken {
            Some(error) if self.unknown > 0 => Err(Failure::new(
                Exit::Environment,
                format!("the answer for {} was lost: published or not, nobody here knows", counted(self.unknown, "event")),
            )
            .with_cause(&error)
            .hint("sent again, an event that was published comes twice; subscribers can tell by its EventUuid only when it was sent by Pub/Sub with the same one")),
            Some(error) => Err(error.into()),
            None if self.rejected > 0 => Ok(ExitCode::from(4)),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}
