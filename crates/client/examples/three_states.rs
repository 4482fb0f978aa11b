//! Changes one field, clears another, and leaves the rest of a record as it is.
//!
//! ```text
//! phone: Value("+1 555 0100"), email: Null, title: Value("Buyer")
//! ```

#![allow(clippy::print_stdout, reason = "an example prints")]

use serde::{Deserialize, Serialize};
use tidegate_client::{Client, ClientConfig, Field};

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contact {
    #[serde(default, skip_serializing_if = "Field::is_unset")]
    last_name: Field<String>,
    #[serde(default, skip_serializing_if = "Field::is_unset")]
    phone: Field<String>,
    #[serde(default, skip_serializing_if = "Field::is_unset")]
    email: Field<String>,
    #[serde(default, skip_serializing_if = "Field::is_unset")]
    title: Field<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let org = Client::connect(ClientConfig::from_env()?).await?;

    let new = Contact {
        last_name: "Ng".into(),
        email: "ng@acme.example".into(),
        title: "Buyer".into(),
        ..Contact::default()
    };
    let id = org.create("Contact", new).await?.id;

    let change = Contact { phone: "+1 555 0100".into(), email: Field::Null, ..Contact::default() };
    org.update("Contact", &id, change).await?;

    let now: Contact = org.get_as("Contact", &id).await?;
    println!("phone: {:?}, email: {:?}, title: {:?}", now.phone, now.email, now.title);
    Ok(())
}
