//! The README's commands do what it says. (Its Rust is compiled as doc tests of the e2e crate.)

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(unix)]

#[path = "cli/bench.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod bench;

use bench::Bench;
use regex::Regex;

/// A `$ …` line of a console block, and what the README shows below it.
struct Example {
    command: String,
    shown: Vec<String>,
}

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap()
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(Example { command: command.to_owned(), shown: Vec::new() }),
                (None, Some(example)) => example.shown.push(line.to_owned()),
                (None, None) => panic!("output before a command: {line}"),
            },
            _ => {}
        }
    }
    examples
}

/// A line without figures, paths and runs of blanks: what must be the same in every run.
fn shape(line: &str) -> String {
    let line = Regex::new(r"(sqlite:)?/\S*replica\.db").unwrap().replace_all(line, "[COPY]");
    let line = Regex::new(r"\d[\d,.]*").unwrap().replace_all(&line, "9");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn its_commands_work_and_print_what_it_shows() {
    let bench = Bench::new();
    let examples = examples(&readme());
    assert!(examples.len() >= 6, "{} commands", examples.len());
    for Example { command, shown } in &examples {
        // Smaller, and without waiting for somebody who presses Ctrl-C.
        let line = command
            .replace("cargo run --release -- demo", "tidegate demo --once --rows 200")
            .replace("cargo run --release --", "tidegate")
            .replace("tidegate watch", "tidegate watch --for 300ms")
            // The org of the tests, which the environment names.
            .replace(" --url acme--uat", "");
        let output = bench.run(&line);
        let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}\n{printed}");
        let mut lines = printed.lines().map(shape);
        for line in shown.iter().filter(|line| *line != "..." && !line.is_empty()) {
            let wanted = shape(line);
            assert!(lines.any(|line| line == wanted), "{command} does not print, in this order: {line}\n{printed}");
        }
    }
}

#[test]
fn its_other_command_and_its_links_are_there() {
    let text = readme();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    assert!(text.contains("\nscripts/test\n") && root.join("scripts/test").is_file());
    for link in Regex::new(r"\]\(([^)#:]+)\)").unwrap().captures_iter(&text) {
        assert!(root.join(&link[1]).exists(), "{}", &link[1]);
    }
}

#[test]
fn its_configuration_is_understood() {
    let bench = Bench::new();
    let text = readme();
    let toml = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write(bench.path("tidegate.toml"), toml).unwrap();
    // The key file is missing, and that is all that is wrong.
    let output = bench.run("unset TIDEGATE_LOGIN_URL; tidegate limits");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: cannot read prod.key.pem"), "{said}");
}
