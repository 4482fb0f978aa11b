//! Metadata: components at once, packages there and back, and deployments that fail, are validated, or are cancelled.

use std::io::Cursor;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_client::bulk::Wait;
use tidegate_client::metadata::{
    ComponentWrite, DeployOptions, DeployState, Manifest, MetadataComponent, Package, PackageBuilder, SoapCancelDeploy,
    SoapDeployStatus, unpack,
};
use tidegate_client::{Create, Error};
use tidegate_emulator::server::Config;
use tidegate_emulator::settings::Settings;

use crate::support::{world, world_of};

const WAIT: Wait =
    Wait { first: Duration::from_millis(50), cap: Duration::from_millis(500), deadline: Duration::from_secs(60) };

fn object(name: &str) -> MetadataComponent {
    let body = json!({
        "deploymentStatus": "Deployed", "sharingModel": "ReadWrite", "label": "Thing", "pluralLabel": "Things",
        "nameField": {"label": "Name", "type": "Text"}
    });
    MetadataComponent::new("CustomObject", name, body).unwrap()
}

fn field(name: &str, body: Value) -> MetadataComponent {
    MetadataComponent::new("CustomField", name, body).unwrap()
}

/// A package of an object, with a field of this XML.
fn package(object: &str, field: &str) -> Package {
    let mut builder = PackageBuilder::new();
    let manifest = Manifest::new(66.into_version()).with("CustomObject", object);
    builder.add_manifest("package.xml", &manifest).unwrap();
    let content = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CustomObject xmlns=\"http://soap.sforce.com/2006/04/metadata\">\n    <deploymentStatus>Deployed</deploymentStatus>\n    \
         <fields>{field}</fields>\n    <label>Box</label>\n    <nameField><label>Name</label><type>Text</type></nameField>\n    <pluralLabel>Boxes</pluralLabel>\n    \
         <sharingModel>ReadWrite</sharingModel>\n</CustomObject>\n"
    );
    builder.add(&format!("objects/{object}.object"), &mut content.as_bytes()).unwrap();
    builder.finish().unwrap()
}

trait IntoVersion {
    fn into_version(self) -> tidegate_client::ApiVersion;
}

impl IntoVersion for u16 {
    fn into_version(self) -> tidegate_client::ApiVersion {
        tidegate_client::ApiVersion::new(self)
    }
}

const GOOD: &str =
    "<fullName>Weight__c</fullName><label>Weight</label><precision>8</precision><scale>1</scale><type>Number</type>";
const BAD: &str = "<fullName>Weight__c</fullName><label>Weight</label><type>Nonsense</type>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn components() {
    let world = world(10).await;
    let metadata = world.org.metadata();
    let described = metadata.describe().await.unwrap();
    let objects = described.metadata_objects.iter().find(|kind| kind.xml_name == "CustomObject").unwrap();
    assert_eq!((objects.directory_name.as_str(), objects.suffix.as_deref()), ("objects", Some("object")));

    // Twelve fields go over two calls, behind their object.
    let mut components = vec![object("Thing__c")];
    components.extend((0..12).map(|n| {
        field(&format!("Thing__c.F{n}__c"), json!({"label": format!("F{n}"), "type": "Text", "length": 40 + n}))
    }));
    components.push(field("Thing__c.Bad__c", json!({"label": "Bad", "type": "Nonsense"})));
    let results = metadata.write(ComponentWrite::Create, &components).await;
    let results = match results {
        Ok(results) => results,
        // A value that the type does not have may also fail its whole call.
        Err(error) => {
            assert!(matches!(error, Error::Api { .. }), "{error:?}");
            components.pop();
            metadata.write(ComponentWrite::Upsert, &components).await.unwrap()
        }
    };
    assert!(results[..13].iter().all(|result| result.success), "{results:?}");
    assert!(results.get(13).is_none_or(|result| !result.success && !result.errors.is_empty()));

    let names: Vec<String> =
        (0..12).map(|n| format!("Thing__c.F{n}__c")).chain(["Thing__c.None__c".to_owned()]).collect();
    let read = metadata.read("CustomField", &names).await.unwrap();
    assert_eq!(read.iter().filter(|component| component.is_some()).count(), 12);
    assert!(read[12].is_none());
    assert_eq!(read[11].as_ref().unwrap().body["length"], "51");

    // What was read can be changed and written back.
    let mut changed = read[0].clone().unwrap();
    changed.body.insert("label".into(), json!("Erstes & <zweites>"));
    let results = metadata.write(ComponentWrite::Upsert, &[changed]).await.unwrap();
    assert_eq!((results[0].success, results[0].created), (true, Some(false)), "{results:?}");
    let read = metadata.read("CustomField", &names[..1]).await.unwrap();
    assert_eq!(read[0].as_ref().unwrap().body["label"], "Erstes & <zweites>");

    let listed = metadata.list(["CustomObject", "CustomField", "PermissionSet", "ApexClass"]).await.unwrap();
    assert!(listed.iter().any(|file| file.kind == "CustomObject" && file.full_name == "Thing__c"));
    assert!(listed.iter().any(|file| file.full_name == "Thing__c.F3__c"));

    world.control("tokens/expire", json!({})).await;
    let results = metadata.delete("CustomField", &names).await.unwrap();
    assert_eq!(results.iter().filter(|result| result.success).count(), 12, "{results:?}");
    assert!(!results[12].success && !results[12].errors.is_empty());
    let error = metadata.list(["Nonsense"]).await;
    assert!(error.is_err() || error.unwrap().is_empty());
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployments() {
    let world = world(10).await;
    let metadata = world.org.metadata();

    // Validated, deployed by REST, and again by SOAP; both ways tell the same.
    let good = package("Box__c", GOOD);
    let check = DeployOptions { check_only: true, ..DeployOptions::default() };
    let id = metadata.deploy(&good, &check).await.unwrap();
    let mut seen = vec![];
    let result = metadata.wait_for_deploy(&id, WAIT, |result| seen.push(result.status.clone())).await.unwrap();
    assert!(result.success && result.check_only, "{result:?}");
    assert_eq!(seen.last(), Some(&DeployState::Succeeded));
    let create = Create { object: "Box__c".into(), fields: json!({"Name": "b"}) };
    assert!(world.org.send(&create).await.is_err(), "a validation changes nothing");
    for by_soap in [false, true] {
        let options = DeployOptions::default();
        let id = if by_soap {
            metadata.deploy_by_soap(&good, &options).await.unwrap()
        } else {
            metadata.deploy(&good, &options).await.unwrap()
        };
        let result = metadata.wait_for_deploy(&id, WAIT, |_| ()).await.unwrap();
        assert!(result.success && result.number_component_errors == 0, "{result:?}");
        let again = metadata.send(&SoapDeployStatus { id, details: true }).await.unwrap();
        assert_eq!(again.details.component_successes.len(), result.details.component_successes.len());
        assert_eq!(again, result);
    }
    world.org.send(&create).await.unwrap();

    // One that fails says where.
    let id = metadata.deploy(&package("Crate__c", BAD), &DeployOptions::default()).await.unwrap();
    let result = metadata.wait_for_deploy(&id, WAIT, |_| ()).await.unwrap();
    assert_eq!((result.status, result.success), (DeployState::Failed, false));
    let failures = &result.details.component_failures;
    assert!(!failures.is_empty());
    assert!(failures[0].file_name.ends_with("objects/Crate__c.object"), "{failures:?}");
    assert!(failures[0].problem.is_some());

    // A start whose answer is lost is not made twice.
    let lose = json!({"match": {"path": "/metadata/deployRequest"}, "action": {"lose_answer": true}});
    world.control("faults", lose).await;
    let before = metadata.recent_deployments(50).await.unwrap();
    assert!(matches!(metadata.deploy(&good, &DeployOptions::default()).await, Err(Error::Transport { .. })));
    // The list of the latest tells that it was, and where to wait for it.
    let after = metadata.recent_deployments(50).await.unwrap();
    assert_eq!(after.len(), before.len() + 1);
    assert!(metadata.wait_for_deploy(&after[0].id, WAIT, |_| ()).await.unwrap().success, "{after:?}");
    assert!(before.iter().any(|deployment| deployment.check_only));

    let error = metadata.deploy_status("0Afxx0000000000AAA").await.unwrap_err();
    assert!(matches!(error, Error::Api { .. }), "{error:?}");
    let error = metadata.deploy_validated("0Afxx0000000000AAA").await.unwrap_err();
    assert!(matches!(error, Error::Api { .. }), "{error:?}");
    world.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_and_back() {
    let world = world(10).await;
    let metadata = world.org.metadata();
    let id = metadata.deploy(&package("Box__c", GOOD), &DeployOptions::default()).await.unwrap();
    assert!(metadata.wait_for_deploy(&id, WAIT, |_| ()).await.unwrap().success);

    let manifest =
        Manifest::new(world.org.api_version()).with("CustomObject", "Box__c").with("CustomField", "Account.None__c");
    let id = metadata.retrieve(&manifest).await.unwrap();
    // The session ends while the package is made.
    world.control("tokens/expire", json!({})).await;
    let result = metadata.wait_for_retrieve(&id, WAIT, |_| ()).await.unwrap();
    assert!(result.files.iter().any(|file| file.full_name == "Box__c"), "{result:?}");
    assert_eq!(result.messages.len(), 1, "{result:?}");
    let zip = result.zip.unwrap().into_bytes().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let files = unpack(Cursor::new(&zip), dir.path()).unwrap();
    assert!(files.iter().any(|file| file.ends_with("objects/Box__c.object")), "{files:?}");
    let text = std::fs::read_to_string(dir.path().join("objects/Box__c.object")).unwrap();
    assert!(text.contains("Weight__c"), "{text}");

    // What came is what another org takes.
    let other = crate::support::world(10).await;
    let package = Package::read(dir.path()).unwrap();
    let there = other.org.metadata();
    let id = there.deploy(&package, &DeployOptions::default()).await.unwrap();
    let result = there.wait_for_deploy(&id, WAIT, |_| ()).await.unwrap();
    assert!(result.success, "{result:?}");
    let described = other.org.describe("Box__c").await.unwrap();
    assert_eq!(described.label, "Box");
    world.emulator.stop().await.unwrap();
    other.emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_cancelling_and_deploying_what_was_validated() {
    let settings = Settings { deploy_delay_ms: 3_600_000, ..Settings::default() };
    let world = world_of(Config { settings, ..Config::default() }, |_| ()).await;
    let metadata = world.org.metadata();
    let good = package("Box__c", GOOD);
    let check = DeployOptions { check_only: true, ..DeployOptions::default() };
    let short = Wait { deadline: Duration::from_millis(200), ..WAIT };

    // The time is over before the deployment is; waiting again with its id goes on.
    let validation = metadata.deploy(&good, &check).await.unwrap();
    let error = metadata.wait_for_deploy(&validation, short, |_| ()).await.unwrap_err();
    assert!(matches!(&error, Error::JobDeadline { id, .. } if *id == validation), "{error:?}");
    assert!(error.is_retryable() && error.to_string().contains("Pending"), "{error}");
    world.control("clock", json!({"advance_ms": 3_600_001})).await;
    assert!(metadata.wait_for_deploy(&validation, WAIT, |_| ()).await.unwrap().success);

    // One that is cancelled does nothing.
    let id = metadata.deploy(&good, &DeployOptions::default()).await.unwrap();
    metadata.cancel_deploy(&id).await.unwrap();
    world.control("clock", json!({"advance_ms": 3_600_001})).await;
    let result = metadata.wait_for_deploy(&id, WAIT, |_| ()).await.unwrap();
    assert_eq!((result.status, result.success), (DeployState::Canceled, false));
    assert!(world.org.describe("Box__c").await.is_err());

    // What was validated is deployed under an id of its own, by either door.
    let quick = metadata.deploy_validated(&validation).await.unwrap();
    assert_ne!(quick, validation);
    world.control("clock", json!({"advance_ms": 3_600_001})).await;
    let result = metadata.wait_for_deploy(&quick, WAIT, |_| ()).await.unwrap();
    assert!(result.success && !result.check_only, "{result:?}");
    assert_eq!(world.org.describe("Box__c").await.unwrap().name, "Box__c");
    let cancelled = metadata.send(&SoapCancelDeploy { id: quick }).await;
    assert!(cancelled.is_err() || cancelled.unwrap(), "it has ended");
    world.emulator.stop().await.unwrap();
}
