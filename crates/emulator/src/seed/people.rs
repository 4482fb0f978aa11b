//! The organization, its profiles, roles, groups and users.

use super::sheet::{Audit, columns};
use super::{AddressColumns, DAY, Making, objects, one, pattern, person, phone};
use crate::{ApiError, Org, Value};

columns!(OrganizationColumns {
    name = "Name",
    locale = "DefaultLocaleSidKey",
    zone = "TimeZoneSidKey",
    language = "LanguageLocaleKey",
    kind = "OrganizationType",
    instance = "InstanceName",
    fiscal = "FiscalYearStartMonth",
    sandbox = "IsSandbox",
});
columns!(ProfileColumns { name = "Name", user_type = "UserType", description = "Description" });
columns!(RoleColumns {
    name = "Name",
    parent = "ParentRoleId",
    developer_name = "DeveloperName",
    rollup = "RollupDescription",
    opportunities = "OpportunityAccessForAccountOwner",
    cases = "CaseAccessForAccountOwner",
    contacts = "ContactAccessForAccountOwner",
    portal = "PortalType",
});
columns!(GroupColumns { name = "Name", developer_name = "DeveloperName", kind = "Type", owner = "OwnerId", email = "Email" });
columns!(RecordTypeColumns {
    name = "Name",
    developer_name = "DeveloperName",
    object = "SobjectType",
    active = "IsActive",
    description = "Description",
});
columns!(UserColumns {
    username = "Username",
    first = "FirstName",
    last = "LastName",
    name = "Name",
    email = "Email",
    alias = "Alias",
    nickname = "CommunityNickname",
    active = "IsActive",
    zone = "TimeZoneSidKey",
    locale = "LocaleSidKey",
    encoding = "EmailEncodingKey",
    language = "LanguageLocaleKey",
    profile = "ProfileId",
    role = "UserRoleId",
    manager = "ManagerId",
    user_type = "UserType",
    title = "Title",
    department = "Department",
    phone = "Phone",
    employee = "EmployeeNumber",
    small_photo = "SmallPhotoUrl",
    full_photo = "FullPhotoUrl",
});

/// Roles and the place of the one above: five levels.
const ROLES: [(&str, &str, Option<u64>); 8] = [
    ("CEO", "CEO", None),
    ("VP, Sales", "VP_Sales", Some(0)),
    ("VP, Service", "VP_Service", Some(0)),
    ("Vertrieb Süd", "Vertrieb_Sud", Some(1)),
    ("Sales East", "Sales_East", Some(1)),
    ("Team \"Night Shift\"", "Team_Night_Shift", Some(2)),
    ("東京営業所", "Tokyo", Some(3)),
    ("東京営業所・第二", "Tokyo_2", Some(6)),
];

const PROFILES: [(&str, &str); 3] =
    [("System Administrator", "May do everything"), ("Standard User", "What most people have"), ("Read Only", "")];

/// Public groups and queues. The queue is the second.
pub(super) const QUEUE: u64 = 1;
const GROUPS: [(&str, &str, &str); 2] =
    [("All of Sales", "All_of_Sales", "Regular"), ("Support, first line", "Support_1", "Queue")];

pub(super) fn fill(making: &Making, org: &mut Org) -> Result<(), ApiError> {
    let start = super::whole_second(making.now - super::AGE);
    let audit = Audit {
        created: start,
        created_by: making.admin,
        modified: start,
        modified_by: making.admin,
        stamp: start,
        deleted: None,
    };
    organization(making, org, &audit)?;
    profiles(making, org, &audit)?;
    roles(making, org, &audit)?;
    users(making, org)?;
    groups(making, org, &audit)?;
    record_types(making, org, &audit)
}

fn organization(making: &Making, org: &mut Org, audit: &Audit) -> Result<(), ApiError> {
    let mut sheet = making.sheet(org, "Organization")?;
    let c = OrganizationColumns::of(&sheet)?;
    let address = AddressParts::of(&sheet)?;
    sheet.text(c.name, "Tidegate Demo, Öre & Söner \"AB\"");
    sheet.text(c.locale, "en_US");
    sheet.text(c.zone, "GMT");
    sheet.text(c.language, "en_US");
    sheet.text(c.kind, "Developer Edition");
    sheet.text(c.instance, "TG1");
    sheet.set(c.fiscal, Value::Int(1));
    sheet.flag(c.sandbox, false);
    sheet.text(address.street, "1 Harbour Road");
    sheet.text(address.city, "Fairhaven");
    sheet.text(address.country, "United Kingdom");
    sheet.put(&mut org.store, audit);
    Ok(())
}

columns!(AddressParts { street = "Street", city = "City", country = "Country" });

fn profiles(making: &Making, org: &mut Org, audit: &Audit) -> Result<(), ApiError> {
    let mut sheet = making.sheet(org, "Profile")?;
    let c = ProfileColumns::of(&sheet)?;
    for (name, description) in PROFILES {
        sheet.text(c.name, name);
        sheet.text(c.user_type, "Standard");
        sheet.text(c.description, description);
        sheet.put(&mut org.store, audit);
    }
    Ok(())
}

fn roles(making: &Making, org: &mut Org, audit: &Audit) -> Result<(), ApiError> {
    let mut sheet = making.sheet(org, "UserRole")?;
    let c = RoleColumns::of(&sheet)?;
    for (name, developer_name, parent) in ROLES {
        sheet.text(c.name, name);
        sheet.text(c.developer_name, developer_name);
        sheet.link(c.parent, parent.map(|place| making.id(b"00E", place)));
        sheet.text(c.rollup, name);
        for access in [c.opportunities, c.cases, c.contacts] {
            sheet.text(access, "Edit");
        }
        sheet.text(c.portal, "None");
        sheet.put(&mut org.store, audit);
    }
    Ok(())
}

fn users(making: &Making, org: &mut Org) -> Result<(), ApiError> {
    let mut sheet = making.sheet(org, "User")?;
    let c = UserColumns::of(&sheet)?;
    let address = AddressColumns::of(&sheet, "")?;
    for place in 0..making.counts.users {
        let rng = &mut making.rng(&sheet, place);
        let admin = place == 0;
        let language = making.words.language(rng);
        let (first, last) = if admin { ("Ada", "Admin") } else { person(language, rng) };
        let name = if admin { "admin".to_owned() } else { format!("user{place:02}") };
        sheet.text(c.username, format!("{name}@tidegate.example"));
        sheet.text(c.email, format!("{name}@tidegate.example"));
        sheet.text(c.alias, name.clone());
        sheet.text(c.nickname, format!("{name}.{place}"));
        sheet.text(c.first, first);
        sheet.text(c.last, last);
        sheet.text(c.name, format!("{first} {last}"));
        sheet.flag(c.active, place + super::INACTIVE < making.counts.users);
        sheet.text(c.encoding, "UTF-8");
        if admin {
            // Whoever signs in first should find TODAY where everybody else has it.
            sheet.text(c.zone, "GMT");
        } else {
            sheet.pick(c.zone, rng);
        }
        sheet.pick(c.locale, rng);
        sheet.pick(c.language, rng);
        sheet.link(c.profile, Some(making.id(b"00e", if admin { 0 } else { 1 + rng.below(2) })));
        sheet.link(c.role, Some(making.id(b"00E", if admin { 0 } else { rng.below(ROLES.len() as u64) })));
        // A binary tree of managers, the administrator on top.
        sheet.link(c.manager, place.checked_sub(1).map(|below| making.id(b"005", below / 2)));
        sheet.text(c.user_type, "Standard");
        sheet.text(c.title, one(&language.title, rng));
        sheet.text(c.department, one(&making.words.department, rng));
        sheet.text(c.phone, phone(rng));
        sheet.text(c.employee, pattern("E-99999", rng));
        let id = sheet.id(place);
        sheet.text(c.small_photo, format!("/profilephoto/{}/T", id.as_15()));
        sheet.text(c.full_photo, format!("/profilephoto/{}/F", id.as_15()));
        if !admin {
            address.fill(&mut sheet, language, rng);
        }
        let created = super::whole_second(making.now - super::AGE + place as i64 * DAY);
        let audit = Audit {
            created,
            created_by: making.admin,
            modified: created,
            modified_by: making.admin,
            stamp: created,
            deleted: None,
        };
        sheet.put(&mut org.store, &audit);
    }
    Ok(())
}

fn groups(making: &Making, org: &mut Org, audit: &Audit) -> Result<(), ApiError> {
    let mut sheet = making.sheet(org, "Group")?;
    let c = GroupColumns::of(&sheet)?;
    for (name, developer_name, kind) in GROUPS {
        sheet.text(c.name, name);
        sheet.text(c.developer_name, developer_name);
        sheet.text(c.kind, kind);
        sheet.link(c.owner, Some(making.admin));
        if kind == "Queue" {
            sheet.text(c.email, "support@tidegate.example");
        }
        sheet.put(&mut org.store, audit);
    }
    Ok(())
}

fn record_types(making: &Making, org: &mut Org, audit: &Audit) -> Result<(), ApiError> {
    let mut sheet = making.sheet(org, "RecordType")?;
    let c = RecordTypeColumns::of(&sheet)?;
    for (developer_name, name) in objects::ACCOUNT_RECORD_TYPES {
        sheet.text(c.name, name);
        sheet.text(c.developer_name, developer_name);
        sheet.text(c.object, "Account");
        sheet.flag(c.active, true);
        sheet.text(c.description, format!("{name} accounts"));
        sheet.put(&mut org.store, audit);
    }
    Ok(())
}
