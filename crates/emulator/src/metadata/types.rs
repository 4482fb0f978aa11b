//! The metadata types that this org takes: where their files live, and what it does with them.

/// What the org does with the components of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// It changes the schema or the channels.
    Acts,
    /// It is kept as it came and acts on nothing; a real org acts on it only in its pages.
    Kept,
    /// It is kept as it came, and a deployment says as a warning that nothing of it is run.
    NotRun,
}

/// One metadata type, as `describeMetadata` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeInfo {
    /// `xmlName`.
    pub name: &'static str,
    /// `directoryName`: the folder of a package in which its files are.
    pub directory: &'static str,
    /// `suffix`, without the dot; empty where a component is a folder of files.
    pub suffix: &'static str,
    /// Whether components are in folders of their own.
    pub in_folder: bool,
    /// Whether a second file, `NAME.SUFFIX-meta.xml`, holds what is told about the first.
    pub meta_file: bool,
    /// `childXmlNames`.
    pub children: &'static [&'static str],
    /// What the org does with it.
    pub handling: Handling,
}

/// Types whose components stand in the file of an object, with the element that holds them.
pub(super) const OBJECT_PARTS: &[(&str, &str)] = &[
    ("CustomField", "fields"),
    ("RecordType", "recordTypes"),
    ("BusinessProcess", "businessProcesses"),
    ("CompactLayout", "compactLayouts"),
    ("FieldSet", "fieldSets"),
    ("Index", "indexes"),
    ("ListView", "listViews"),
    ("SharingReason", "sharingReasons"),
    ("ValidationRule", "validationRules"),
    ("WebLink", "webLinks"),
];

const OBJECT_CHILDREN: &[&str] = &[
    "CustomField",
    "Index",
    "BusinessProcess",
    "RecordType",
    "CompactLayout",
    "WebLink",
    "ValidationRule",
    "SharingReason",
    "ListView",
    "FieldSet",
];

const fn of(name: &'static str, directory: &'static str, suffix: &'static str, handling: Handling) -> TypeInfo {
    TypeInfo { name, directory, suffix, in_folder: false, meta_file: false, children: &[], handling }
}

const fn kept(name: &'static str, directory: &'static str, suffix: &'static str) -> TypeInfo {
    of(name, directory, suffix, Handling::Kept)
}

const fn code(name: &'static str, directory: &'static str, suffix: &'static str) -> TypeInfo {
    TypeInfo { meta_file: true, ..of(name, directory, suffix, Handling::NotRun) }
}

const fn foldered(name: &'static str, directory: &'static str, suffix: &'static str, meta_file: bool) -> TypeInfo {
    TypeInfo { in_folder: true, meta_file, ..kept(name, directory, suffix) }
}

/// Every type, in the order of their names.
const TYPES: &[TypeInfo] = &[
    code("ApexClass", "classes", "cls"),
    code("ApexComponent", "components", "component"),
    code("ApexPage", "pages", "page"),
    kept("ApexTestSuite", "testSuites", "testSuite"),
    code("ApexTrigger", "triggers", "trigger"),
    kept("AppMenu", "appMenus", "appMenu"),
    kept("ApprovalProcess", "approvalProcesses", "approvalProcess"),
    kept("AssignmentRules", "assignmentRules", "assignmentRules"),
    TypeInfo { handling: Handling::NotRun, ..kept("AuraDefinitionBundle", "aura", "") },
    kept("AuthProvider", "authproviders", "authprovider"),
    kept("AutoResponseRules", "autoResponseRules", "autoResponseRules"),
    kept("Certificate", "certs", "crt"),
    kept("CleanDataService", "cleanDataServices", "cleanDataService"),
    kept("Community", "communities", "community"),
    kept("ConnectedApp", "connectedApps", "connectedApp"),
    kept("CorsWhitelistOrigin", "corsWhitelistOrigins", "corsWhitelistOrigin"),
    kept("CspTrustedSite", "cspTrustedSites", "cspTrustedSite"),
    kept("CustomApplication", "applications", "app"),
    TypeInfo { children: &["CustomLabel"], ..kept("CustomLabels", "labels", "labels") },
    of("CustomMetadata", "customMetadata", "md", Handling::Acts),
    kept("CustomNotificationType", "notificationtypes", "notiftype"),
    TypeInfo { children: OBJECT_CHILDREN, ..of("CustomObject", "objects", "object", Handling::Acts) },
    kept("CustomObjectTranslation", "objectTranslations", "objectTranslation"),
    kept("CustomPermission", "customPermissions", "customPermission"),
    kept("CustomSite", "sites", "site"),
    kept("CustomTab", "tabs", "tab"),
    foldered("Dashboard", "dashboards", "dashboard", false),
    kept("DelegateGroup", "delegateGroups", "delegateGroup"),
    foldered("Document", "documents", "", true),
    kept("DuplicateRule", "duplicateRules", "duplicateRule"),
    foldered("EmailTemplate", "email", "email", true),
    kept("EscalationRules", "escalationRules", "escalationRules"),
    kept("ExternalCredential", "externalCredentials", "externalCredential"),
    kept("ExternalDataSource", "dataSources", "dataSource"),
    kept("ExternalServiceRegistration", "externalServiceRegistrations", "externalServiceRegistration"),
    kept("FlexiPage", "flexipages", "flexipage"),
    of("Flow", "flows", "flow", Handling::NotRun),
    kept("FlowDefinition", "flowDefinitions", "flowDefinition"),
    of("GlobalValueSet", "globalValueSets", "globalValueSet", Handling::Acts),
    kept("Group", "groups", "group"),
    kept("HomePageLayout", "homePageLayouts", "homePageLayout"),
    kept("Layout", "layouts", "layout"),
    TypeInfo { handling: Handling::NotRun, ..kept("LightningComponentBundle", "lwc", "") },
    kept("LightningMessageChannel", "messageChannels", "messageChannel"),
    of("ManagedEventSubscription", "managedEventSubscriptions", "managedEventSubscription", Handling::Acts),
    kept("MatchingRules", "matchingRules", "matchingRule"),
    kept("NamedCredential", "namedCredentials", "namedCredential"),
    kept("Network", "networks", "network"),
    kept("PathAssistant", "pathAssistants", "pathAssistant"),
    kept("PermissionSet", "permissionsets", "permissionset"),
    kept("PermissionSetGroup", "permissionsetgroups", "permissionsetgroup"),
    of("PlatformEventChannel", "platformEventChannels", "platformEventChannel", Handling::Acts),
    of("PlatformEventChannelMember", "platformEventChannelMembers", "platformEventChannelMember", Handling::Acts),
    of(
        "PlatformEventSubscriberConfig",
        "PlatformEventSubscriberConfigs",
        "platformEventSubscriberConfig",
        Handling::NotRun,
    ),
    kept("Profile", "profiles", "profile"),
    kept("ProfilePasswordPolicy", "profilePasswordPolicies", "profilePasswordPolicy"),
    kept("Queue", "queues", "queue"),
    kept("QuickAction", "quickActions", "quickAction"),
    kept("RemoteSiteSetting", "remoteSiteSettings", "remoteSite"),
    foldered("Report", "reports", "report", false),
    kept("ReportType", "reportTypes", "reportType"),
    kept("Role", "roles", "role"),
    kept("Settings", "settings", "settings"),
    kept("SharingRules", "sharingRules", "sharingRules"),
    kept("StandardValueSet", "standardValueSets", "standardValueSet"),
    TypeInfo { meta_file: true, ..kept("StaticResource", "staticresources", "resource") },
    kept("Translations", "translations", "translation"),
    of("Workflow", "workflows", "workflow", Handling::NotRun),
];

/// Every type, in the order of their names.
pub fn supported() -> &'static [TypeInfo] {
    TYPES
}

/// A type by its name.
pub fn by_name(name: &str) -> Option<&'static TypeInfo> {
    TYPES.iter().find(|ty| ty.name == name)
}

/// The type whose files live in this folder of a package.
pub fn by_directory(directory: &str) -> Option<&'static TypeInfo> {
    TYPES.iter().find(|ty| ty.directory == directory)
}

/// The element of an object's file that holds components of this type.
pub(super) fn part_element(name: &str) -> Option<&'static str> {
    OBJECT_PARTS.iter().find(|(ty, _)| *ty == name).map(|(_, element)| *element)
}

/// The type of the components that this element of an object's file holds.
pub(super) fn part_type(element: &str) -> Option<&'static str> {
    OBJECT_PARTS.iter().find(|(_, name)| *name == element).map(|(ty, _)| *ty)
}

/// The type, or the type of a part of an object, of this name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    by_name(name).map(|ty| ty.name).or_else(|| OBJECT_PARTS.iter().find(|(ty, _)| *ty == name).map(|(ty, _)| *ty))
}

/// The first three characters of the ids of a type's components, as the Tooling API shows them.
pub(super) fn id_prefix(name: &str) -> [u8; 3] {
    *match name {
        "ApexClass" => b"01p",
        "ApexTrigger" => b"01q",
        "ApexPage" => b"066",
        "ApexComponent" => b"099",
        "CustomField" => b"00N",
        "CustomObject" => b"01I",
        "CustomTab" => b"01r",
        "CustomApplication" => b"02u",
        "CustomLabels" => b"101",
        "Flow" => b"301",
        "GlobalValueSet" => b"0Nt",
        "Layout" => b"00h",
        "ListView" => b"00B",
        "ManagedEventSubscription" => b"18x",
        "PermissionSet" => b"0PS",
        "PlatformEventChannel" => b"0YL",
        "PlatformEventChannelMember" => b"0v8",
        "Profile" => b"00e",
        "RecordType" => b"012",
        "StaticResource" => b"081",
        "ValidationRule" => b"03d",
        "WebLink" => b"00b",
        _ => b"0EM",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_their_folders_differ() {
        let names: Vec<_> = TYPES.iter().map(|ty| ty.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        let mut directories: Vec<_> = TYPES.iter().map(|ty| ty.directory).collect();
        directories.sort_unstable();
        directories.dedup();
        assert_eq!(directories.len(), TYPES.len());
    }
}
