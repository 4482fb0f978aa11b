//! Seeded worlds in which everything happens at once: edits through every door, failures of every kind, crashes,
//! jumps of the clock. When it is quiet again, one run until caught up has to leave org and replica equal.
//!
//! `TIDEGATE_SIM_SEEDS=N` runs so many seeds (200 unless said otherwise), `TIDEGATE_SIM_SEED=123` this one alone.
//! With `TIDEGATE_TEST_POSTGRES` set, a few seeds replicate into Postgres as well.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use tidegate_e2e::replica::ReadError;
use tidegate_e2e::world::{Follower, OBJECTS};
use tidegate_e2e::{Editor, Edits, Place, World, WorldOptions};
use tidegate_emulator::events::{ChangeType, StreamFailure};
use tidegate_emulator::faults::{Action, Match, Plan};
use tidegate_emulator::schema::{Field, Schema};
use tidegate_sync::{Outcome, Progress};

/// Worlds that live at the same time.
const AT_ONCE: usize = 16;
/// The longest that one world may take, on a machine that is busy with others.
const WORLD_MAX: Duration = Duration::from_secs(120);
const HOUR: i64 = 3_600_000;

#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    edits: Edits,
    faults: u64,
    restarts: u64,
    crashes: u64,
    /// Positions that were lost and mended, and tables that were loaded again.
    mended: u64,
}

/// What happens in a world, and a log of it for whoever has to find out why it went wrong.
struct Simulation {
    world: World,
    editor: Editor,
    rng: StdRng,
    follower: Option<Follower>,
    figures: Figures,
    log: Vec<String>,
    columns: u32,
    /// Whether things happen that make the engine read whole tables again. That mends what was missed before, so in half
    /// of the worlds nothing of the kind happens.
    mends: bool,
}

impl Simulation {
    async fn start(seed: u64, postgres: Option<&str>) -> Result<Self, ReadError> {
        let mut rng = StdRng::seed_from_u64(seed);
        let count = rng.random_range(3..=OBJECTS.len());
        let mut objects: Vec<&str> = OBJECTS.choose_multiple(&mut rng, count).copied().collect();
        objects.shuffle(&mut rng);
        let mends = rng.random_bool(0.5);
        let mut options = WorldOptions::new(seed).objects(&objects).contacts(rng.random_range(20..150));
        options.settings.bulk_page_rows = *[7, 20, 40, 1000].choose(&mut rng).unwrap_or(&40);
        options.settings.merged_records = *[1, 3, 200].choose(&mut rng).unwrap_or(&200);
        options.settings.long_text_diffs = rng.random_bool(0.3);
        options.settings.overflow_changes = if mends { 30 } else { 100_000 };
        options.settings.max_event_bytes = *[2_000, 1_000_000].choose(&mut rng).unwrap_or(&1_000_000);
        options.settings.bulk_delay_ms = *[0, 0, 60].choose(&mut rng).unwrap_or(&0);
        let mut world = World::start(options).await?;
        if let Some(url) = postgres {
            world.place = Place::Postgres { url: url.to_owned(), schema: format!("sim_{}_{seed}", std::process::id()) };
        }
        let editor = world.editor(rng.random()).await?;
        let (follower, figures, log) = (None, Figures::default(), Vec::new());
        Ok(Self { world, editor, rng, follower, figures, log, columns: 0, mends })
    }

    fn note(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }

    async fn run(&mut self) -> Result<(), ReadError> {
        for _ in 0..self.rng.random_range(15..45) {
            self.step().await?;
            if self.rng.random_bool(0.4) {
                tokio::time::sleep(Duration::from_millis(self.rng.random_range(0..40))).await;
            }
        }
        self.calm_down().await
    }

    async fn step(&mut self) -> Result<(), ReadError> {
        if self.follower.as_ref().is_none_or(Follower::is_finished) && self.rng.random_bool(0.4) {
            return self.start_or_end().await;
        }
        if self.follower.is_some() && self.rng.random_bool(0.1) {
            return self.crash_at_work().await;
        }
        match self.rng.random_range(0..100) {
            0..40 => {
                let count = self.rng.random_range(1..8);
                self.note(format!("edit {count}"));
                self.editor.edit_many(count).await;
            }
            40..43 => {
                self.note("mass update");
                self.editor.mass_update();
            }
            43..66 => self.harm_requests(),
            66..76 => self.harm_events(),
            76..80 => {
                self.note("expire tokens");
                self.figures.faults += 1;
                let state = self.world.emulator.state();
                state.org.write().access.revoke_all();
                state.org.read().events.wake();
            }
            80..85 if self.mends => self.move_clock(),
            85..87 if self.mends => self.add_column().await?,
            _ => self.start_or_end().await?,
        }
        Ok(())
    }

    /// Starts following, or ends it: half of the time without a word.
    async fn start_or_end(&mut self) -> Result<(), ReadError> {
        match self.follower.take().filter(|follower| !follower.is_finished()) {
            None => {
                self.note("start");
                if self.rng.random_bool(0.3)
                    && let Ok(client) = self.world.new_client().await
                {
                    self.world.client = client;
                }
                // Beneath failures that do not pass, starting may fail: then another start is tried later.
                self.follower = if self.rng.random_bool(0.4) {
                    let calls = if self.rng.random_bool(0.6) { 6 } else { 80 };
                    let (calls, after) = (self.rng.random_range(1..=calls), self.rng.random_bool(0.5));
                    self.note(format!("until it crashes at call {calls} of the destination"));
                    self.figures.crashes += 1;
                    self.world.follow_until_crash(calls, after).await.ok()
                } else {
                    self.world.follow().await.ok()
                };
                self.figures.restarts += 1;
                if self.rng.random_bool(0.6) {
                    self.let_it_get_there().await;
                }
            }
            Some(follower) if self.rng.random_bool(0.6) => {
                self.note("crash");
                self.figures.crashes += 1;
                follower.crash().await;
            }
            Some(follower) => {
                self.note("stop");
                // What ended it may be one of the failures.
                if let Err(error) = follower.stop().await {
                    self.note(format!("it had ended: {}", chain(error.as_ref())));
                }
            }
        }
        Ok(())
    }

    /// Waits for a while until it follows, so that what comes next meets it there.
    async fn let_it_get_there(&mut self) {
        let (since, following) =
            (Instant::now(), |world: &World| world.told().iter().filter(|p| matches!(p, Progress::Following)).count());
        let before = following(&self.world);
        while self.follower.as_ref().is_some_and(|f| !f.is_finished())
            && following(&self.world) == before
            && since.elapsed() < Duration::from_secs(4)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A crash shortly after edits, while they are on their way in.
    async fn crash_at_work(&mut self) -> Result<(), ReadError> {
        for _ in 0..self.rng.random_range(1..4) {
            self.editor.transaction();
        }
        let after = Duration::from_micros(self.rng.random_range(0..40_000));
        self.note(format!("edits, and a crash {after:?} later"));
        tokio::time::sleep(after).await;
        if let Some(follower) = self.follower.take() {
            follower.crash().await;
            self.figures.crashes += 1;
        }
        self.start_or_end().await
    }

    fn harm_requests(&mut self) {
        let rng = &mut self.rng;
        let paths =
            ["/jobs/query*results*", "/jobs/query", "/describe", "/query", "Subscribe", "GetSchema", "", "/oauth2"];
        let path = *paths.choose(rng).unwrap_or(&"");
        let busy = || Action {
            headers: BTreeMap::from([("Retry-After".to_owned(), "0".to_owned())]),
            ..Action::answer(503, r#"[{"errorCode":"SERVER_UNAVAILABLE","message":"busy"}]"#)
        };
        let action = match rng.random_range(0..10) {
            0 => busy(),
            1 => Action::answer(500, r#"[{"errorCode":"UNKNOWN_EXCEPTION","message":"planned"}]"#),
            2 => Action { status: Some(429), ..busy() },
            3 => Action::lose_answer(),
            4 => Action::delay_ms(rng.random_range(1..60)),
            5 => Action::cut_after_bytes(rng.random_range(0..4000)),
            6 => Action::truncate_rows(rng.random_range(1..5)),
            7 => Action::expire_token(),
            8 => Action::grpc_status(14),
            _ => Action::cut_after_messages(rng.random_range(0..3)),
        };
        let matching = Match {
            path: (!path.is_empty())
                .then(|| format!("*{}", path.trim_start_matches('*')) + if path.ends_with('*') { "" } else { "*" }),
            after: rng.random_range(0..4),
            times: Some(rng.random_range(1..4)),
            ..Match::default()
        };
        // A gRPC status means something to gRPC calls only, a status of HTTP to the others.
        let matching = match action.grpc_status {
            Some(_) => Match { path: Some("*eventbus*".into()), ..matching },
            None => matching,
        };
        self.note(format!("{} for {:?} after {}", action.describe(), matching.path, matching.after));
        self.world.emulator.faults().plan(Plan { matching, action });
    }

    fn harm_events(&mut self) {
        let (rng, state) = (&mut self.rng, self.world.emulator.state());
        let name = self.world.objects().choose(rng).cloned().unwrap_or_default();
        let now = state.now();
        let mut guard = state.org.write();
        let org = &mut *guard;
        let Some((object, _)) = org.schema.find(&name) else { return };
        let ids: Vec<_> = org.store.table(object).into_iter().flat_map(|t| t.rows()).map(|(id, _)| id).collect();
        let (events, schema, settings) = (&mut org.events, &org.schema, &org.settings);
        let what = match rng.random_range(0..if self.mends { 13 } else { 9 }) {
            0 | 1 => {
                events.duplicate_next(rng.random_range(1..10));
                "the next events twice"
            }
            2 | 3 => {
                events.duplicate_last(rng.random_range(1..10));
                "the last events again"
            }
            4 | 5 => {
                events.gap_next(rng.random_range(1..6));
                "gap events"
            }
            6 if !ids.is_empty() => {
                let some: Vec<_> = ids.choose_multiple(rng, 3).copied().collect();
                let change = *[ChangeType::Update, ChangeType::Create, ChangeType::Delete, ChangeType::Undelete]
                    .choose(rng)
                    .unwrap_or(&ChangeType::Update);
                events.inject_gap(schema, settings, now, &name, &some, change).ok();
                "a gap event from nowhere"
            }
            9 => {
                events.inject_overflow(schema, settings, now, &name).ok();
                "an overflow event"
            }
            10 => {
                events.inject_wildcard(schema, settings, now, &name).ok();
                "a wildcard event"
            }
            6..9 => {
                let failure = *[StreamFailure::Unavailable, StreamFailure::Auth, StreamFailure::Internal]
                    .choose(rng)
                    .unwrap_or(&StreamFailure::Unavailable);
                events.fail_stream_after(rng.random_range(0..5), failure);
                "a stream that fails"
            }
            11 => {
                events.expire_replay_ids(None);
                "replay ids expire"
            }
            _ => {
                events.reset_positions();
                "positions begin anew"
            }
        };
        drop(guard);
        self.figures.faults += 1;
        self.note(format!("{what} ({name})"));
    }

    fn move_clock(&mut self) {
        let hours = *[1, 1, 3, 13, 25, 73, 80, 16 * 24].choose(&mut self.rng).unwrap_or(&1);
        let ms = hours * HOUR + self.rng.random_range(0..HOUR);
        self.note(format!("{hours} hours pass"));
        self.figures.faults += 1;
        let state = self.world.emulator.state();
        state.clock.advance(ms);
        let now = state.now();
        let mut guard = state.org.write();
        let org = &mut *guard;
        org.events.advance(now, &org.settings);
        state.bulk_wake.notify_one();
    }

    /// An administrator adds a field. Whoever replicates learns of it at the next start.
    async fn add_column(&mut self) -> Result<(), ReadError> {
        let name = self.world.objects().choose(&mut self.rng).cloned().unwrap_or_default();
        self.columns += 1;
        let (field, label) = (format!("Added_{}__c", self.columns), format!("Added {}", self.columns));
        let field = match self.rng.random_range(0..3) {
            0 => Field::text(&field, &label, 80),
            1 => Field::number(&field, &label, 12, 3),
            _ => Field::datetime(&field, &label),
        };
        self.note(format!("{name} gets {}", field.name));
        let state = self.world.emulator.state();
        {
            let now = state.now();
            let mut org = state.org.write();
            let mut schema = Schema::clone(&org.schema);
            schema.add_fields(&name, [field]);
            schema.touch(now);
            org.schema = schema.into();
        }
        if let Some(follower) = self.follower.take() {
            follower.crash().await;
            self.figures.crashes += 1;
        }
        Ok(())
    }

    /// No failures, no edits: now it has to become equal.
    async fn calm_down(&mut self) -> Result<(), ReadError> {
        if let Some(follower) = self.follower.take() {
            if self.rng.random_bool(0.5) {
                follower.crash().await;
                self.figures.crashes += 1;
            } else if let Err(error) = follower.stop().await {
                self.note(format!("it had ended: {}", chain(error.as_ref())));
            }
        }
        let state = self.world.emulator.state();
        self.figures.faults += state.faults.list().iter().map(|p| p.served).sum::<u64>();
        state.faults.clear();
        {
            let mut org = state.org.write();
            org.events.duplicate_next(0);
            org.events.gap_next(0);
        }
        self.note("calm");
        let outcome = self.world.once().await.map_err(|e| chain(&e))?;
        if outcome != Outcome::Done {
            return Err(format!("it ended with {outcome:?}").into());
        }
        self.world.equal().await?;
        let lost = |p: &Progress| matches!(p, Progress::ReplayLost { .. });
        if !self.mends && self.world.was_told(lost) {
            return Err("a position was lost, although all were kept".into());
        }
        Ok(())
    }
}

/// An error with its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

async fn simulate(seed: u64, postgres: Option<String>) -> Result<Figures, String> {
    let mut log = Vec::new();
    let work = async {
        let mut simulation = Simulation::start(seed, postgres.as_deref()).await?;
        let outcome = simulation.run().await;
        log = std::mem::take(&mut simulation.log);
        if outcome.is_err() {
            log.push(format!("told: {:#?}", simulation.world.told().iter().rev().take(40).rev().collect::<Vec<_>>()));
        }
        let mut figures = simulation.figures;
        figures.edits += simulation.editor.edits;
        let mended = |p: &&Progress| matches!(p, Progress::ReplayLost { .. } | Progress::Reloading { .. });
        figures.mended = simulation.world.told().iter().filter(mended).count() as u64;
        if let Place::Postgres { url, schema } = &simulation.world.place {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute(&format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE")).await?;
        }
        outcome.map(|()| figures)
    };
    let outcome: Result<Figures, ReadError> = match tokio::time::timeout(WORLD_MAX, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("not done after {WORLD_MAX:?}").into()),
    };
    outcome.map_err(|error| {
        let place = if postgres.is_some() { " into Postgres" } else { "" };
        format!(
            "seed {seed}{place}: {error}\n  replay it: TIDEGATE_SIM_SEED={seed} cargo test -p tidegate-e2e --test \
             simulation -- --nocapture\n  what happened:\n    {}",
            log.join("\n    ")
        )
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_end_equal() {
    let since = Instant::now();
    let seeds: Vec<u64> = match number("TIDEGATE_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("TIDEGATE_SIM_SEEDS").unwrap_or(200)).collect(),
    };
    let postgres = std::env::var("TIDEGATE_TEST_POSTGRES").ok();
    let also = seeds.iter().take(5).filter_map(|seed| postgres.clone().map(|url| (*seed, Some(url))));
    let all: Vec<(u64, Option<String>)> = seeds.iter().map(|seed| (*seed, None)).chain(also).collect();
    let count = all.len();
    let outcomes: Vec<Result<Figures, String>> = futures::stream::iter(all)
        .map(|(seed, postgres)| async move { tokio::spawn(simulate(seed, postgres)).await.unwrap() })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut total = Figures::default();
    let mut failures = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(figures) => {
                total.edits += figures.edits;
                total.faults += figures.faults;
                total.restarts += figures.restarts;
                total.crashes += figures.crashes;
                total.mended += figures.mended;
            }
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "{} of {count} seeds failed\n{}", failures.len(), failures.join("\n"));
    println!(
        "simulation: {count} seeds, {} edits, {} faults, {} restarts ({} crashes), {} positions or tables mended, all equal, {:.0?}",
        total.edits.saved,
        total.faults,
        total.restarts,
        total.crashes,
        total.mended,
        since.elapsed()
    );
    // Edits that are all refused would prove nothing.
    assert!(total.edits.saved > total.edits.refused, "{total:?}");
}
