//! `tidegate describe`: the fields of an object, its picklist values, children and record types, or the list of objects.

use std::io::IsTerminal;
use std::process::ExitCode;

use comfy_table::ContentArrangement;
use tidegate_client::{Client, Describe, DescribeField, SObject};

use super::{print_json, writing};
use crate::args::OrgArg;
use crate::config::{Config, closest};
use crate::failure::Failure;
use crate::output::{self, say};

#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// The object; without it every object is listed.
    #[arg(value_name = "OBJECT")]
    object: Option<String>,
    #[command(flatten)]
    org: OrgArg,
    /// Only what has this in its name or label. May be given several times.
    #[arg(short, long = "match", value_name = "TEXT")]
    matching: Vec<String>,
    /// Only fields of this type, such as reference or currency. May be given several times.
    #[arg(short, long = "type", value_name = "TYPE", requires = "object")]
    kinds: Vec<String>,
    /// The values of picklist fields, instead of the fields.
    #[arg(long, requires = "object", conflicts_with_all = ["children", "record_types"])]
    picklists: bool,
    /// The objects that refer to this one, and the names for subqueries.
    #[arg(long, requires = "object", conflicts_with = "record_types")]
    children: bool,
    /// The record types.
    #[arg(long, requires = "object")]
    record_types: bool,
    /// As JSON: everything that the org tells.
    #[arg(long)]
    json: bool,
}

impl DescribeArgs {
    /// Whether one of the names has what is looked for.
    fn wants(&self, names: &[&str]) -> bool {
        let holds = |text: &String| names.iter().any(|name| name.to_lowercase().contains(&text.to_lowercase()));
        self.matching.is_empty() || self.matching.iter().any(holds)
    }
}

pub(super) async fn run(config: &Config, args: DescribeArgs) -> Result<ExitCode, Failure> {
    let client = config.connect(args.org.org.as_deref()).await?;
    match &args.object {
        Some(name) => {
            let mut describe = describe(&client, name).await?;
            check_kinds(&describe, &args.kinds)?;
            let kind = |field: &DescribeField| {
                args.kinds.is_empty() || args.kinds.iter().any(|kind| kind.eq_ignore_ascii_case(&field.kind))
            };
            describe.fields.retain(|field| kind(field) && args.wants(&[&field.name, &field.label]));
            if args.picklists {
                describe.fields.retain(|field| !field.picklist_values.is_empty());
            }
            if args.children {
                let names = |child: &tidegate_client::ChildRelationship| {
                    args.wants(&[&child.child_object, &child.field, child.relationship_name.as_deref().unwrap_or("")])
                };
                describe.child_relationships.retain(names);
            }
            print_object(&describe, &args)?;
        }
        None => {
            let mut objects = client.describe_global().await?.sobjects;
            objects.retain(|object| args.wants(&[&object.name, &object.label]));
            if args.json {
                print_json(&objects)?;
            } else {
                print_objects(&objects)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where describes are kept between runs.
fn cache_folder() -> Option<std::path::PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(std::path::PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(caches.join("tidegate").join("describes"))
}

fn check_kinds(describe: &Describe, kinds: &[String]) -> Result<(), Failure> {
    let mut known: Vec<&str> = describe.fields.iter().map(|field| field.kind.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    for kind in kinds {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            let failure = Failure::usage(format!("{} has no fields of type `{kind}`", describe.name));
            return Err(match closest(kind, &known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("it has {}", known.join(", "))),
            });
        }
    }
    Ok(())
}

fn print_object(describe: &Describe, args: &DescribeArgs) -> Result<(), Failure> {
    if args.json {
        return match (args.picklists, args.children, args.record_types) {
            (true, ..) => {
                let values = |field: &DescribeField| (field.name.clone(), serde_json::json!(field.picklist_values));
                print_json(&describe.fields.iter().map(values).collect::<serde_json::Map<_, _>>())
            }
            (_, true, _) => print_json(&describe.child_relationships),
            (_, _, true) => print_json(&describe.record_type_infos),
            _ => print_json(describe),
        };
    }
    let table = match (args.picklists, args.children, args.record_types) {
        (true, ..) => picklists(describe),
        (_, true, _) => children(describe),
        (_, _, true) => record_types(describe),
        _ => fields(describe),
    };
    if table.row_count() == 0 {
        say("nothing of this kind");
        return Ok(());
    }
    print_fitted(table)
}

/// A table as wide as it is, or on a terminal as wide as that.
fn print_fitted(mut table: comfy_table::Table) -> Result<(), Failure> {
    if std::io::stdout().is_terminal()
        && let Some((terminal_size::Width(width), _)) = terminal_size::terminal_size()
    {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
    }
    output::print(output::table_text(&table)).map_err(writing)
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "" }
}

fn print_objects(objects: &[SObject]) -> Result<(), Failure> {
    let mut table = output::table(["OBJECT", "LABEL", "PREFIX", "QUERY", "CREATE", "UPDATE", "DELETE"]);
    for object in objects {
        table.add_row([
            object.name.as_str(),
            object.label.as_str(),
            object.key_prefix.as_deref().unwrap_or(""),
            yes(object.queryable),
            yes(object.createable),
            yes(object.updateable),
            yes(object.deletable),
        ]);
    }
    print_fitted(table)
}

fn picklists(describe: &Describe) -> comfy_table::Table {
    let mut table = output::table(["FIELD", "VALUE", "LABEL", "DEFAULT", "ACTIVE", "DEPENDS ON"]);
    for field in &describe.fields {
        for value in &field.picklist_values {
            let label = value.label.as_deref().filter(|label| *label != value.value);
            let controller = field.controller_name.as_deref().filter(|_| field.dependent_picklist);
            table.add_row([
                field.name.as_str(),
                value.value.as_str(),
                label.unwrap_or(""),
                yes(value.default_value),
                if value.active { "yes" } else { "no" },
                controller.unwrap_or(""),
            ]);
        }
    }
    table
}

fn children(describe: &Describe) -> comfy_table::Table {
    let mut table = output::table(["CHILD", "FIELD", "SUBQUERY NAME", "WHEN THE PARENT IS DELETED"]);
    for child in &describe.child_relationships {
        let on_delete = match (child.cascade_delete, child.restricted_delete) {
            (true, _) => "deleted, too",
            (_, true) => "forbids it",
            _ => "",
        };
        let name = child.relationship_name.as_deref().unwrap_or("");
        table.add_row([child.child_object.as_str(), child.field.as_str(), name, on_delete]);
    }
    table
}

fn record_types(describe: &Describe) -> comfy_table::Table {
    let mut table = output::table(["RECORD TYPE", "NAME", "ID", "ACTIVE", "AVAILABLE", "DEFAULT"]);
    for info in &describe.record_type_infos {
        table.add_row([
            info.developer_name.as_deref().unwrap_or(""),
            info.name.as_str(),
            info.record_type_id.as_str(),
            yes(info.active),
            yes(info.available),
            yes(info.default_record_type_mapping),
        ]);
    }
    table
}

/// Describes an object; an unknown one is refused with the name that was probably meant.
pub(crate) async fn describe(client: &Client, name: &str) -> Result<Describe, Failure> {
    // Several hundred kilobytes each: kept, and the org only asked whether they still hold.
    if let Some(folder) = cache_folder() {
        client.keep_describes_in(folder);
    }
    match client.describe_cached(name).await.map(std::sync::Arc::unwrap_or_clone) {
        Err(error) if error.status() == Some(404) => {
            let failure = Failure::failed(format!("the org has no object `{name}` (or this user may not see it)"));
            let Ok(global) = client.describe_global().await else { return Err(failure) };
            let known: Vec<&str> = global.sobjects.iter().map(|o| o.name.as_str()).collect();
            Err(match closest(name, &known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`tidegate describe` lists the objects; custom ones end in __c"),
            })
        }
        other => Ok(other?),
    }
}

fn fields(describe: &Describe) -> comfy_table::Table {
    let mut table = output::table(["FIELD", "TYPE", "REQUIRED", "WRITABLE", "KEY", "LABEL"]);
    for field in &describe.fields {
        let writable = match (field.createable, field.updateable) {
            (true, true) => "yes",
            (true, false) => "create only",
            (false, true) => "update only",
            (false, false) => "",
        };
        let key = match (field.external_id, field.id_lookup, field.unique) {
            (true, _, true) => "external id, unique",
            (true, _, false) => "external id",
            (false, true, _) => "lookup",
            (false, false, true) => "unique",
            _ => "",
        };
        table.add_row([
            field.name.as_str(),
            &type_of(field),
            if field.is_required() { "yes" } else { "" },
            writable,
            key,
            field.label.as_str(),
        ]);
    }
    table
}

fn type_of(field: &DescribeField) -> String {
    match field.kind.as_str() {
        "double" | "currency" | "percent" => format!("{}({},{})", field.kind, field.precision, field.scale),
        "reference" => {
            let targets = match field.reference_to.as_slice() {
                few if few.len() <= 3 => few.join(", "),
                many => format!("{}, … {} in all", many[..2].join(", "), many.len()),
            };
            format!("reference → {targets}")
        }
        "string" | "textarea" | "email" | "phone" | "url" | "encryptedstring" if field.length > 0 => {
            format!("{}({})", field.kind, field.length)
        }
        kind => kind.to_owned(),
    }
}
