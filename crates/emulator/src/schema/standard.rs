//! The standard objects that this org has.

use std::sync::OnceLock;

use super::{Schema, facts};

/// The facts of each object, in the order of their places in the schema. A file whose first line says so was made by
/// `cargo run -p tidegate-e2e --bin describe-facts -- <recordings> crates/emulator/data/objects`; the others were
/// written by hand and say from what.
pub(super) const FACTS: &[(&str, &str)] = &[
    ("Account", include_str!("../../data/objects/Account.txt")),
    ("Contact", include_str!("../../data/objects/Contact.txt")),
    ("Lead", include_str!("../../data/objects/Lead.txt")),
    ("Opportunity", include_str!("../../data/objects/Opportunity.txt")),
    ("Case", include_str!("../../data/objects/Case.txt")),
    ("Task", include_str!("../../data/objects/Task.txt")),
    ("Event", include_str!("../../data/objects/Event.txt")),
    ("User", include_str!("../../data/objects/User.txt")),
    ("Organization", include_str!("../../data/objects/Organization.txt")),
    ("Profile", include_str!("../../data/objects/Profile.txt")),
    ("UserRole", include_str!("../../data/objects/UserRole.txt")),
    ("Group", include_str!("../../data/objects/Group.txt")),
    ("RecordType", include_str!("../../data/objects/RecordType.txt")),
    ("Name", include_str!("../../data/objects/Name.txt")),
    ("PushTopic", include_str!("../../data/objects/PushTopic.txt")),
    ("StreamingChannel", include_str!("../../data/objects/StreamingChannel.txt")),
    ("LeadStatus", include_str!("../../data/objects/LeadStatus.txt")),
    ("Product2", include_str!("../../data/objects/Product2.txt")),
    ("Pricebook2", include_str!("../../data/objects/Pricebook2.txt")),
    ("PricebookEntry", include_str!("../../data/objects/PricebookEntry.txt")),
    ("OpportunityLineItem", include_str!("../../data/objects/OpportunityLineItem.txt")),
    ("OpportunityContactRole", include_str!("../../data/objects/OpportunityContactRole.txt")),
    ("Campaign", include_str!("../../data/objects/Campaign.txt")),
    ("CampaignMember", include_str!("../../data/objects/CampaignMember.txt")),
    ("Contract", include_str!("../../data/objects/Contract.txt")),
    ("Order", include_str!("../../data/objects/Order.txt")),
    ("OrderItem", include_str!("../../data/objects/OrderItem.txt")),
    ("Asset", include_str!("../../data/objects/Asset.txt")),
    ("CaseComment", include_str!("../../data/objects/CaseComment.txt")),
    ("Attachment", include_str!("../../data/objects/Attachment.txt")),
    ("Document", include_str!("../../data/objects/Document.txt")),
    ("Folder", include_str!("../../data/objects/Folder.txt")),
    ("Note", include_str!("../../data/objects/Note.txt")),
    ("ContentDocument", include_str!("../../data/objects/ContentDocument.txt")),
    ("ContentVersion", include_str!("../../data/objects/ContentVersion.txt")),
    ("ContentDocumentLink", include_str!("../../data/objects/ContentDocumentLink.txt")),
    ("EmailMessage", include_str!("../../data/objects/EmailMessage.txt")),
    ("Solution", include_str!("../../data/objects/Solution.txt")),
    ("PermissionSet", include_str!("../../data/objects/PermissionSet.txt")),
    ("PermissionSetAssignment", include_str!("../../data/objects/PermissionSetAssignment.txt")),
    ("FieldPermissions", include_str!("../../data/objects/FieldPermissions.txt")),
    ("ObjectPermissions", include_str!("../../data/objects/ObjectPermissions.txt")),
    ("RecentlyViewed", include_str!("../../data/objects/RecentlyViewed.txt")),
];

/// Facts of newer API versions than the recording that the object's own file was made from.
pub(super) const ADDED: &[(&str, &str)] = &[("User", include_str!("../../data/objects/User.added.txt"))];

/// The standard objects. An object that a field points to and that is not here is not emulated: its records do not
/// exist, so no such reference can be written.
pub fn standard() -> Schema {
    static PARSED: OnceLock<Schema> = OnceLock::new();
    PARSED.get_or_init(|| read().expect("the embedded facts can be read; a test reads them")).clone()
}

fn read() -> Result<Schema, facts::FactsError> {
    let mut schema = Schema::default();
    for (name, text) in FACTS {
        let mut object = facts::parse(text)?;
        for (_, more) in ADDED.iter().filter(|(of, _)| of == name) {
            object.fields.extend(facts::parse(more)?.fields);
        }
        schema.put(object);
    }
    Ok(schema)
}
