//! Talking to the controls of an emulator that runs: plain HTTP on this machine.

use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value as Json, json};
use url::Url;

use super::args::{ClockArgs, EmulatorUrl, FaultArgs, LoadArgs, RequestsArgs, ResetArgs, SnapshotArgs};
use super::files;
use crate::commands::{print_json, writing};
use crate::failure::{Exit, Failure};
use crate::output::{self, say};

/// How many names of what was left out are printed.
const LEFT_OUT_SHOWN: usize = 8;
/// The exit code of work that is done but for some of its input.
const SOME_REFUSED: u8 = 4;

struct Controls {
    base: Url,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Controls {
    fn new(emulator: EmulatorUrl) -> Result<Self, Failure> {
        if emulator.url.scheme() != "http" {
            return Err(Failure::usage(format!("{} is not the emulator's plain HTTP address", emulator.url))
                .hint("`tidegate emulator serve` tells it: http://127.0.0.1:PORT"));
        }
        Ok(Self { base: emulator.url, http: Client::builder(TokioExecutor::new()).build_http() })
    }

    /// Asks for `/__emulator/…`; a refusal is a failure with the emulator's words.
    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Bytes, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push("__emulator").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let unreachable = |error: &(dyn std::error::Error + 'static)| {
            Failure::new(Exit::Environment, format!("no emulator answers at {}", self.base)).with_cause(error)
        };
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| unreachable(&e))?;
        let answer = self.http.request(request).await.map_err(|e| unreachable(&e))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|e| unreachable(&e))?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        let said = serde_json::from_slice::<Json>(&body).ok();
        let said = said.as_ref().and_then(|json| json.get("error")).and_then(Json::as_str);
        Err(match said {
            Some(text) => Failure::failed(text.to_owned()),
            None if status == StatusCode::NOT_FOUND => Failure::failed(format!("{} is no emulator", self.base)),
            None => Failure::failed(format!("the emulator answered {status}")),
        })
    }

    async fn json(&self, method: Method, path: &[&str], body: &Json) -> Result<Json, Failure> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.ask(method, path, &[], body).await?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Json::Null))
    }
}

pub(super) async fn load(args: LoadArgs) -> Result<ExitCode, Failure> {
    let controls = Controls::new(args.emulator)?;
    let files = files::read(&args.paths)?;
    let (name, body) = match files.as_slice() {
        [] => return Err(Failure::usage("there is no .json, .csv or .zip file in these folders")),
        [one] => (one.name.clone(), one.bytes.clone()),
        many => ("files.zip".to_owned(), files::archive(many)?),
    };
    let mut query = vec![("name", name)];
    query.extend(args.object.map(|object| ("object", object)));
    query.extend(args.external_id.map(|field| ("external_id", field)));
    let answer = controls.ask(Method::POST, &["load"], &query, body).await?;
    let done: Json = serde_json::from_slice(&answer).unwrap_or(Json::Null);
    if args.json {
        print_json(&done)?;
        return Ok(ExitCode::SUCCESS);
    }
    let texts = |member: &str| -> Vec<String> {
        done[member].as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let objects = texts("objects");
    if !objects.is_empty() {
        say(format!("objects: {}", objects.join(", ")));
    }
    for word in ["created", "updated"] {
        for (object, count) in done[word].as_object().into_iter().flatten() {
            say(format!("{object}: {count} {word}"));
        }
    }
    let left_out = texts("left_out");
    match left_out.len() {
        0 => {}
        n if n > LEFT_OUT_SHOWN => say(format!("left out: {n} files and columns (--json names them)")),
        _ => say(format!("left out: {}", left_out.join(", "))),
    }
    let problems = texts("problems");
    for problem in &problems {
        say(format!("refused: {problem}"));
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SOME_REFUSED) })
}

pub(super) async fn snapshot(args: SnapshotArgs) -> Result<ExitCode, Failure> {
    let controls = Controls::new(args.emulator)?;
    if let Some(name) = args.hold {
        controls.ask(Method::PUT, &["snapshots", &name], &[], Vec::new()).await?;
        say(format!("held; `emulator reset --to {}` goes back to it", output::quoted(&name)));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(file) = args.file else { return Err(Failure::usage("name a file, or --hold NAME")) };
    let bytes = controls.ask(Method::GET, &["snapshot"], &[], Vec::new()).await?;
    // Beside it first: a full disk must not leave half of an org under the name of a whole one.
    let partial = file.with_extension("partial");
    std::fs::write(&partial, &bytes).and_then(|()| std::fs::rename(&partial, &file)).map_err(|e| {
        let _ = std::fs::remove_file(&partial);
        Failure::new(Exit::Environment, format!("cannot write {}", file.display())).with_cause(&e)
    })?;
    say(format!("{}: {} bytes; `emulator serve --from` starts from it", file.display(), bytes.len()));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn reset(args: ResetArgs) -> Result<ExitCode, Failure> {
    let controls = Controls::new(args.emulator)?;
    let mut body = Json::Null;
    match (args.to, args.rows) {
        (Some(to), _) => {
            let held = controls.json(Method::GET, &["snapshots"], &Json::Null).await?;
            if held.get(&to).is_some() {
                body = json!({ "snapshot": to });
            } else if Path::new(&to).is_file() {
                let bytes = std::fs::read(&to)
                    .map_err(|e| Failure::new(Exit::Environment, format!("cannot read {to}")).with_cause(&e))?;
                controls.ask(Method::PUT, &["snapshot"], &[], bytes).await?;
            } else {
                let names: Vec<&String> = held.as_object().into_iter().flat_map(Map::keys).collect();
                return Err(Failure::usage(format!("{to} is neither a snapshot that is held nor a file"))
                    .hint(format!("held are: {names:?}")));
            }
        }
        (None, Some(rows)) => body = json!({ "seed": { "number": args.seed, "contacts": rows } }),
        (None, None) => {}
    }
    controls.json(Method::POST, &["reset"], &body).await?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn fault(args: FaultArgs) -> Result<ExitCode, Failure> {
    let controls = Controls::new(args.emulator)?;
    if args.list {
        print_json(&controls.json(Method::GET, &["faults"], &Json::Null).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.clear {
        controls.ask(Method::DELETE, &["faults"], &[], Vec::new()).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = match args.plan {
        Some(text) => serde_json::from_str(&text).map_err(|e| Failure::usage(format!("--plan is no JSON: {e}")))?,
        None => {
            let given = |members: [(&str, Json); 6]| -> Map<String, Json> {
                members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.to_owned(), v)).collect()
            };
            let flag = |set: bool| if set { Json::Bool(true) } else { Json::Null };
            let matching = given([
                ("method", json!(args.method)),
                ("path", json!(args.path)),
                ("after", json!(args.after)),
                ("times", json!(args.times)),
                ("for_ms", json!(args.storm)),
                ("percent", json!(args.percent)),
            ]);
            let action = given([
                ("refuse", json!(args.refuse)),
                ("status", json!(args.status)),
                ("delay_ms", json!(args.delay)),
                ("lose_answer", flag(args.lose_answer)),
                ("expire_token", flag(args.expire_token)),
                ("cut_after_bytes", json!(args.cut_after_bytes)),
            ]);
            json!({ "match": matching, "action": action })
        }
    };
    let planned = controls.json(Method::POST, &["faults"], &plan).await?;
    say(format!("planned as number {}", planned["id"]));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn clock(args: ClockArgs) -> Result<ExitCode, Failure> {
    let controls = Controls::new(args.emulator)?;
    let freeze = if args.freeze { Some(true) } else { args.run.then_some(false) };
    let set = args.set.map(jiff::Timestamp::as_millisecond);
    let shown = if args.advance.is_none() && set.is_none() && freeze.is_none() {
        controls.json(Method::GET, &["clock"], &Json::Null).await?
    } else {
        let body = json!({ "advance_ms": args.advance, "set": set, "freeze": freeze });
        controls.json(Method::POST, &["clock"], &body).await?
    };
    let state = if shown["frozen"] == true { " (stopped)" } else { "" };
    output::print(format!("{}{state}", shown["now"].as_str().unwrap_or_default())).map_err(writing)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn requests(args: RequestsArgs) -> Result<ExitCode, Failure> {
    let controls = Controls::new(args.emulator)?;
    let mut query = vec![("last", args.last.to_string())];
    query.extend(args.path.map(|path| ("path", path)));
    query.extend(args.status.map(|status| ("status", status)));
    if args.faulty {
        query.push(("faulty", "true".into()));
    }
    let answer = controls.ask(Method::GET, &["requests"], &query, Vec::new()).await?;
    let shown: Json = serde_json::from_slice(&answer).unwrap_or(Json::Null);
    if args.json {
        print_json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(["NUMBER", "STATUS", "MS", "METHOD", "PATH", "FAULT"]);
    for request in shown.as_array().into_iter().flatten() {
        let text = |name: &str| match &request[name] {
            Json::Null => "-".to_owned(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let path = match request["query"].as_str() {
            Some(query) => format!("{}?{query}", text("path")),
            None => text("path"),
        };
        table.add_row([text("number"), text("status"), text("took_ms"), text("method"), path, text("fault")]);
    }
    output::print(table.to_string()).map_err(writing)?;
    Ok(ExitCode::SUCCESS)
}
