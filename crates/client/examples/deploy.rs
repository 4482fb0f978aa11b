//! Deploys a field together with the permission to see it, which a field does not have by itself, and reads it back.
//!
//! ```text
//! Succeeded: ... components
//! Legacy Id: Text(40), external id
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use tidegate_client::{
    Client, ClientConfig,
    bulk::Wait,
    metadata::{DeployOptions, Manifest, PackageBuilder},
};

const FIELD: &str = r#"<CustomObject xmlns="http://soap.sforce.com/2006/04/metadata">
    <fields><fullName>Legacy_Id__c</fullName><externalId>true</externalId><label>Legacy Id</label><length>40</length><type>Text</type></fields>
</CustomObject>"#;
const PERMISSION: &str = r#"<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">
    <fieldPermissions><editable>true</editable><field>Account.Legacy_Id__c</field><readable>true</readable></fieldPermissions>
    <label>Integration</label>
</PermissionSet>"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;
    let manifest = Manifest::new(org.api_version())
        .with("CustomField", "Account.Legacy_Id__c")
        .with("PermissionSet", "Integration");
    let mut package = PackageBuilder::new();
    package.add_manifest("package.xml", &manifest)?;
    package.add("objects/Account.object", &mut FIELD.as_bytes())?;
    package.add("permissionsets/Integration.permissionset", &mut PERMISSION.as_bytes())?;

    let metadata = org.metadata();
    let id = metadata.deploy(&package.finish()?, &DeployOptions::default()).await?;
    let result = metadata.wait_for_deploy(&id, Wait::default(), |_| ()).await?;
    for failure in &result.details.component_failures {
        println!("{}", failure.line());
    }
    println!("{}: {} components", result.status, result.number_components_deployed);

    let field = metadata.read("CustomField", &["Account.Legacy_Id__c".to_owned()]).await?.remove(0);
    let field = field.ok_or("the field is not there")?;
    let member = |name: &str| field.body.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    println!("{}: {}({}), external id", member("label"), member("type"), member("length"));
    Ok(())
}
