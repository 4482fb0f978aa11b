//! `metadata deploy`, `status` and `cancel`: progress on stderr, what failed on stdout, a line each as compilers write it.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tidegate_client::bulk::Wait;
use tidegate_client::metadata::{
    DeployOptions, DeployResult, DeployState, Manifest, Metadata, Package, RetrieveStatus, TestLevel,
};
use tidegate_client::{Client, Error};

use super::args::{CancelArgs, DeleteArgs, DeployArgs, StatusArgs, Tests};
use crate::commands::{interrupted, interruption, print_json, writing};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, counted, program, say};

pub(super) async fn deploy(config: &Config, args: DeployArgs) -> Result<ExitCode, Failure> {
    // What is wrong is found before anybody signs in.
    match args.test_level {
        Some(Tests::Specified) if args.tests.is_empty() => {
            return Err(
                Failure::usage("--test-level specified needs the classes").hint("name them: --tests FooTest,BarTest")
            );
        }
        Some(level) if level != Tests::Specified && !args.tests.is_empty() => {
            return Err(Failure::usage("--tests names classes, and this --test-level runs others")
                .hint("leave --test-level out"));
        }
        _ => {}
    }
    let package = match &args.package {
        Some(path) => Some(Package::read(path)?),
        None => None,
    };
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    let id = match (&package, &args.quick) {
        (Some(package), _) => {
            let options = options(&args, package);
            say(format!("{}, {} bytes", counted(package.files() as u64, "file"), output::grouped(package.bytes() as u64)));
            let started = if args.soap {
                metadata.deploy_by_soap(package, &options).await
            } else {
                metadata.deploy(package, &options).await
            };
            started.map_err(lost_start)?
        }
        (None, Some(validation)) => metadata.deploy_validated(validation).await.map_err(|error| {
            let gone = error.status() == Some(404);
            let failure = lost_start(error);
            if gone {
                failure.hint("a validation can be deployed for ten days, once, if its tests ran and covered enough: validate again")
            } else {
                failure
            }
        })?,
        (None, None) => return Err(Failure::usage("nothing to deploy was named")),
    };
    say(format!("deployment {id}{}", if args.check_only { " (validates only)" } else { "" }));
    if args.wait.no_wait {
        if args.json {
            print_json(&json!({ "id": id }))?;
        } else {
            output::print(&id).map_err(writing)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(result) = follow(&metadata, &id, args.wait.wait).await? else { return Ok(interrupted()) };
    report(&result, args.json)
}

fn options(args: &DeployArgs, package: &Package) -> DeployOptions {
    let test_level = match args.test_level {
        None if !args.tests.is_empty() => Some(TestLevel::RunSpecifiedTests),
        level => level.map(Tests::level),
    };
    DeployOptions {
        check_only: args.check_only,
        ignore_warnings: args.ignore_warnings,
        rollback_on_error: args.rollback_on_error,
        purge_on_delete: args.purge_on_delete,
        run_tests: args.tests.clone(),
        test_level,
        single_package: package.is_single(),
        ..DeployOptions::default()
    }
}

/// `metadata delete --deploy`.
pub(super) async fn delete(client: &Client, args: &DeleteArgs) -> Result<ExitCode, Failure> {
    let mut manifest = Manifest::new(client.api_version());
    for name in &args.names {
        manifest.add(&args.kind, name);
    }
    let package = Package::of_deletions(&manifest, client.api_version())?;
    let metadata = client.metadata();
    let id = metadata.deploy(&package, &DeployOptions::default()).await.map_err(lost_start)?;
    say(format!("deployment {id}"));
    let Some(result) = follow(&metadata, &id, Duration::from_secs(3600)).await? else { return Ok(interrupted()) };
    report(&result, args.json)
}

/// A start whose answer was lost may have happened.
fn lost_start(error: Error) -> Failure {
    let lost = matches!(&error, Error::Transport { how, .. }
        if !matches!(how, tidegate_client::LostHow::Unreachable | tidegate_client::LostHow::Untrusted));
    let failure = Failure::from(error);
    if lost {
        failure
            .hint("the org may have started it all the same; see Setup, Deployment Status, before you start it again")
    } else {
        failure
    }
}

/// Waits and tells; `None` when Ctrl-C ended that.
async fn follow(metadata: &Metadata, id: &str, deadline: Duration) -> Result<Option<DeployResult>, Failure> {
    let stop = interruption();
    let mut told = String::new();
    let wait = Wait { first: Duration::from_millis(500), cap: Duration::from_secs(10), deadline };
    let waiting = metadata.wait_for_deploy(id, wait, |result| {
        let now = progress(result);
        if now != told {
            say(&now);
            told = now;
        }
    });
    let again =
        || format!("it goes on in the org: `{} metadata status {id} --wait 30m`, or `metadata cancel {id}`", program());
    tokio::select! {
        result = waiting => match result {
            Err(error @ Error::JobDeadline { .. }) => Err(Failure::from(error).hint(again())),
            other => Ok(Some(other?)),
        },
        () = stop.cancelled() => {
            say(again());
            Ok(None)
        }
    }
}

/// `InProgress: 3 of 12 components, 1 failed; 2 of 9 tests`.
fn progress(result: &DeployResult) -> String {
    let failed = |n: u64| if n > 0 { format!(", {n} failed") } else { String::new() };
    let mut text = result.status.to_string();
    if result.number_components_total > 0 {
        text.push_str(&format!(
            ": {} of {}{}",
            result.number_components_deployed,
            counted(result.number_components_total, "component"),
            failed(result.number_component_errors)
        ));
    }
    if result.number_tests_total > 0 {
        text.push_str(&format!(
            "; {} of {}{}",
            result.number_tests_completed,
            counted(result.number_tests_total, "test"),
            failed(result.number_test_errors)
        ));
    }
    if let Some(detail) = result.state_detail.as_deref().filter(|detail| !detail.is_empty()) {
        text.push_str(&format!(" ({})", output::one_line(detail)));
    }
    text
}

/// What a deployment came to, and the exit code for it.
fn report(result: &DeployResult, json: bool) -> Result<ExitCode, Failure> {
    if json {
        print_json(result)?;
    } else {
        print_messages(result)?;
    }
    let verb = if result.check_only { "validated" } else { "deployed" };
    if !result.done {
        return Ok(ExitCode::SUCCESS);
    }
    if result.success && result.number_component_errors == 0 {
        say(format!("{verb}: {}", counted(result.number_components_deployed, "component")));
        let tests = &result.details.run_test_result;
        if result.check_only && result.run_tests_enabled && tests.num_tests_run > 0 {
            say(format!(
                "to deploy it without running the tests again: `{} metadata deploy --quick {}`",
                program(),
                result.id
            ));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if result.status == DeployState::SucceededPartial {
        say(format!(
            "{verb} in part: {} of {}, {} failed",
            result.number_components_deployed,
            counted(result.number_components_total, "component"),
            result.number_component_errors
        ));
        return Ok(ExitCode::from(4));
    }
    let mut failure = Failure::failed(match result.status {
        DeployState::Canceled => format!("the deployment {} was cancelled", result.id),
        _ => format!("the deployment {} failed, and nothing was changed", result.id),
    });
    if let Some(message) = result.error_message.as_deref().filter(|message| !message.is_empty()) {
        failure = failure.with_cause(&Words(message.to_owned()));
    }
    Err(failure)
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Words(String);

/// Failures of components and tests, and warnings, a line each.
fn print_messages(result: &DeployResult) -> Result<(), Failure> {
    let details = &result.details;
    for message in &details.component_failures {
        output::print(output::one_line(&message.line())).map_err(writing)?;
    }
    for message in details.component_successes.iter().filter(|message| message.problem.is_some()) {
        let kind = message.problem_type.as_deref().unwrap_or("Warning").to_lowercase();
        output::print(output::one_line(&format!("{kind}: {}", message.line()))).map_err(writing)?;
    }
    let tests = &details.run_test_result;
    for test in &tests.failures {
        let method = test.method_name.as_deref().map(|method| format!(".{method}")).unwrap_or_default();
        let message = test.message.as_deref().unwrap_or("no reason was given");
        output::print(output::one_line(&format!("{}{method}: {message}", test.name))).map_err(writing)?;
        for line in test.stack_trace.as_deref().unwrap_or_default().lines() {
            output::print(format!("    {}", output::one_line(line))).map_err(writing)?;
        }
    }
    for warning in &tests.code_coverage_warnings {
        let name = warning.name.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
        output::print(output::one_line(&format!("{name}{}", warning.message))).map_err(writing)?;
    }
    if !tests.code_coverage.is_empty() {
        let mut table = output::table(["COVERAGE", "LINES", "NOT COVERED", "CLASS"]);
        for class in &tests.code_coverage {
            table.add_row([
                format!("{:.0} %", class.percent()),
                class.num_locations.to_string(),
                class.num_locations_not_covered.to_string(),
                class.name.clone(),
            ]);
        }
        output::print(output::table_text(&table)).map_err(writing)?;
    }
    Ok(())
}

pub(super) async fn status(config: &Config, args: StatusArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    let Some(id) = args.id else { return latest(&metadata, args.json).await };
    if id.starts_with("09S") {
        let result = client.send(&RetrieveStatus { id, zip: false }).await?;
        if args.json {
            let messages: Vec<_> =
                result.messages.iter().map(|(file, problem)| json!({"fileName": file, "problem": problem})).collect();
            print_json(
                &json!({ "id": result.id, "status": result.status, "done": result.done, "success": result.success,
                "errorMessage": result.error_message, "messages": messages }),
            )?;
        } else {
            output::print(&result.status).map_err(writing)?;
        }
        return Ok(if result.done && !result.success { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let result = match args.wait {
        Some(deadline) => match follow(&metadata, &id, deadline).await? {
            Some(result) => result,
            None => return Ok(interrupted()),
        },
        None => {
            let result = metadata.deploy_status(&id).await?;
            if !args.json {
                say(progress(&result));
            }
            result
        }
    };
    report(&result, args.json)
}

/// The latest deployments of the org, whoever started them.
async fn latest(metadata: &Metadata, json: bool) -> Result<ExitCode, Failure> {
    let deployments = metadata.recent_deployments(20).await?;
    if json {
        print_json(&deployments)?;
        return Ok(ExitCode::SUCCESS);
    }
    if deployments.is_empty() {
        say("there are none");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(["ID", "STATUS", "COMPONENTS", "FAILED", "FAILED TESTS", "STARTED", ""]);
    for deployment in &deployments {
        let started = deployment.created_date.map(|date| date.strftime("%Y-%m-%d %H:%M:%S").to_string());
        table.add_row([
            deployment.id.clone(),
            deployment.status.to_string(),
            format!("{} of {}", deployment.number_components_deployed, deployment.number_components_total),
            deployment.number_component_errors.to_string(),
            deployment.number_test_errors.to_string(),
            started.unwrap_or_default(),
            if deployment.check_only { "validation".to_owned() } else { String::new() },
        ]);
    }
    output::print(output::table_text(&table)).map_err(writing)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn cancel(config: &Config, args: CancelArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    let metadata = client.metadata();
    metadata.cancel_deploy(&args.id).await?;
    let Some(result) = follow(&metadata, &args.id, args.wait).await? else { return Ok(interrupted()) };
    if args.json {
        print_json(&result)?;
    }
    if result.status == DeployState::Canceled {
        say(format!("cancelled {}", args.id));
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::failed(format!("{} had ended before it could be cancelled: {}", args.id, result.status)))
}
