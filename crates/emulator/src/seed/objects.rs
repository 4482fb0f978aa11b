//! The custom objects and fields of the seeded org: between them they have every type of field.

use crate::schema::{Field, LONG_TEXT, NameField, ObjectType, RecordType, Schema};
use crate::{Millis, RecordId};

/// Developer names and names of Account's record types.
pub(super) const ACCOUNT_RECORD_TYPES: [(&str, &str); 2] = [("Business", "Business"), ("Partner", "Partner, Reseller")];

/// Adds them.
pub(super) fn add(schema: &mut Schema, instance: [u8; 2], now: Millis) {
    schema.add_fields(
        "Account",
        [
            Field::external_id("Ext_Id__c", "External Id", 40, false),
            Field::number("Score__c", "Score", 5, 2),
            Field::picklist("Tier__c", "Tier", &["Gold", "Silver", "Bronze", "Möbius ∞"], true),
            Field::currency("Credit_Limit__c", "Credit Limit", 18, 2),
            Field::rich_text_area("Terms__c", "Terms", 32_768),
        ],
    );
    schema.add_fields("Account", Field::geolocation("Headquarters__c", "Headquarters", 6));
    schema.add_fields(
        "Contact",
        [
            Field::external_id("Ext_Id__c", "External Id", 40, true),
            Field::number("Score__c", "Score", 5, 2),
            Field::text("Nickname__c", "Nickname", 255),
            Field::multi_picklist(
                "Languages__c",
                "Languages",
                &["English", "Deutsch", "Français", "العربية", "日本語"],
                false,
            ),
            Field::checkbox("Newsletter__c", "Newsletter", true),
            Field::datetime("Last_Seen__c", "Last Seen"),
            Field::time("Call_Before__c", "Call Before"),
            Field::percent("Discount__c", "Discount", 5, 2),
            Field::long_text_area("Biography__c", "Biography", LONG_TEXT),
        ],
    );
    schema.put(
        ObjectType::platform_event("Order_Event__e", "Order Event", "Order Events", *b"e00")
            .with(Field::text("Order_Number__c", "Order Number", 80).required())
            .with(Field::number("Total__c", "Total", 18, 2))
            .with(Field::checkbox("Has_Shipped__c", "Has Shipped", false))
            .with(Field::datetime("Ordered__c", "Ordered"))
            .with(Field::date("Due__c", "Due"))
            .with(Field::long_text_area("Note__c", "Note", LONG_TEXT)),
    );
    schema.put(
        ObjectType::custom("Shipment__c", "Shipment", "Shipments", *b"a00", NameField::auto_number("SHP-{000000}"))
            .with(Field::lookup("Account__c", "Account", "Account", "Shipments"))
            .with(Field::lookup("Contact__c", "Contact", "Contact", "Shipments"))
            .with(
                Field::picklist("Status__c", "Status", &["Packed", "On its way", "Delivered", "Lost"], true).required(),
            )
            .with(Field::date("Due__c", "Due"))
            .with(Field::datetime("Delivered__c", "Delivered"))
            .with(Field::number("Weight__c", "Weight (kg)", 18, 6))
            .with(Field::currency("Value__c", "Value", 18, 2))
            .with(Field::external_id_number("Tracking_Number__c", "Tracking Number", 18, 0))
            .with(Field::url("Tracking_Page__c", "Tracking Page"))
            .with_all(Field::geolocation("Position__c", "Position", 8)),
    );
    schema.put(
        ObjectType::custom("Shipment_Line__c", "Shipment Line", "Shipment Lines", *b"a01", NameField::Text)
            .with(Field::master_detail("Shipment__c", "Shipment", "Shipment__c", "Lines", 0))
            .with(Field::number("Quantity__c", "Quantity", 18, 0))
            .with(Field::currency("Price__c", "Price", 16, 4))
            .with(Field::percent("Discount__c", "Discount", 5, 2))
            .with(Field::text_area("Remark__c", "Remark")),
    );
    schema.put(
        ObjectType::custom("Product_Note__c", "Product Note", "Product Notes", *b"a02", NameField::Text)
            .with(Field::lookup("Account__c", "Account", "Account", "Product_Notes"))
            .with(Field::lookup("Author__c", "Author", "User", "Product_Notes"))
            .with(Field::lookup("Answers__c", "Answers", "Product_Note__c", "Answers"))
            .with(Field::rich_text_area("Body__c", "Body", LONG_TEXT))
            .with(Field::email("Reply_To__c", "Reply To"))
            .with(Field::phone("Hotline__c", "Hotline"))
            .with(Field::checkbox("Published__c", "Published", false))
            .with(Field::auto_number("Number__c", "Number", "N{00000}"))
            .with(Field::external_id("Ext_Id__c", "External Id", 80, true)),
    );
    if let Some((_, account)) = schema.find("Account") {
        let mut account = ObjectType::clone(account);
        let types = ACCOUNT_RECORD_TYPES.iter().enumerate().map(|(at, (developer_name, name))| RecordType {
            id: RecordId::new(*b"012", instance, at as u64 + 1),
            developer_name: (*developer_name).to_owned(),
            name: (*name).to_owned(),
            active: true,
            default: at == 0,
        });
        account.record_types = types.collect();
        schema.put(account);
    }
    schema.touch(now);
}
