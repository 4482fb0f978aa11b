//! The headers with which a caller changes how SOAP calls are carried out (SOAP API Developer Guide, SOAP headers).

use super::xml::{Element, Xml};

/// Which assignment rule is applied to leads and cases. SOAP applies none unless told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignmentRule {
    /// The org's active rule.
    Default,
    /// The rule with this id.
    Id(String),
}

/// What duplicate rules may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DuplicateRule {
    /// Saves although a rule alerts.
    pub allow_save: bool,
    /// Tells the fields of the records found, and not their ids alone.
    pub include_record_details: bool,
    /// Looks with the signed-in user's sharing.
    pub run_as_current_user: bool,
}

/// Which mails a write may set off; none unless told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmailTriggers {
    /// Auto-response rules of leads and cases.
    pub auto_response: bool,
    /// Mails to people outside the org.
    pub other: bool,
    /// Mails to users of the org, such as to a new user.
    pub user: bool,
}

/// One installed package's version that calls are to behave like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageVersion {
    /// The package's namespace.
    pub namespace: String,
    /// The number before the dot.
    pub major: u32,
    /// The number behind it.
    pub minor: u32,
}

/// The headers of SOAP calls. What is `None` or empty is not sent, so that the org's own default holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SoapHeaders {
    /// Names this program in the org's usage reports.
    pub client: Option<String>,
    /// Lets names of this package be written without their prefix.
    pub default_namespace: Option<String>,
    /// One failure undoes the whole call. Without it each record is saved for itself.
    pub all_or_none: Option<bool>,
    /// Cuts texts that are too long instead of refusing them.
    pub allow_field_truncation: Option<bool>,
    /// Applies an assignment rule.
    pub assignment_rule: Option<AssignmentRule>,
    /// How duplicate rules act.
    pub duplicate_rule: Option<DuplicateRule>,
    /// Which mails are sent.
    pub email: Option<EmailTriggers>,
    /// A hint for the rows of a page, 200 to 2,000.
    pub query_batch_size: Option<u16>,
    /// The language of labels and messages, such as `en_US`.
    pub language: Option<String>,
    /// Package versions to behave like.
    pub package_versions: Vec<PackageVersion>,
    /// Whether records written are among the user's recent ones.
    pub update_mru: Option<bool>,
    /// Keeps writes out of feeds.
    pub disable_feed_tracking: Option<bool>,
    /// The Apex log that the answer brings: category (`Apex_code`, `Db`, …) and level (`Debug`, `Finest`, …).
    pub debugging: Vec<(String, String)>,
    /// Any other header, written as it is.
    pub others: Vec<Element>,
}

impl SoapHeaders {
    /// One failure undoes the whole call.
    pub fn all_or_none(mut self) -> SoapHeaders {
        self.all_or_none = Some(true);
        self
    }

    pub(crate) fn write(&self, xml: &mut Xml) {
        if self.client.is_some() || self.default_namespace.is_some() {
            xml.node("CallOptions", |xml| {
                xml.optional("client", self.client.as_deref());
                xml.optional("defaultNamespace", self.default_namespace.as_deref());
            });
        }
        if let Some(all) = self.all_or_none {
            xml.node("AllOrNoneHeader", |xml| xml.flag("allOrNone", all));
        }
        if let Some(allow) = self.allow_field_truncation {
            xml.node("AllowFieldTruncationHeader", |xml| xml.flag("allowFieldTruncation", allow));
        }
        match &self.assignment_rule {
            Some(AssignmentRule::Default) => {
                xml.node("AssignmentRuleHeader", |xml| xml.flag("useDefaultRule", true));
            }
            Some(AssignmentRule::Id(id)) => {
                xml.node("AssignmentRuleHeader", |xml| xml.leaf("assignmentRuleId", id));
            }
            None => {}
        }
        if let Some(rule) = &self.duplicate_rule {
            xml.node("DuplicateRuleHeader", |xml| {
                xml.flag("allowSave", rule.allow_save);
                xml.flag("includeRecordDetails", rule.include_record_details);
                xml.flag("runAsCurrentUser", rule.run_as_current_user);
            });
        }
        if let Some(email) = &self.email {
            xml.node("EmailHeader", |xml| {
                xml.flag("triggerAutoResponseEmail", email.auto_response);
                xml.flag("triggerOtherEmail", email.other);
                xml.flag("triggerUserEmail", email.user);
            });
        }
        if let Some(rows) = self.query_batch_size {
            xml.node("QueryOptions", |xml| xml.leaf("batchSize", &rows.clamp(200, 2000).to_string()));
        }
        if let Some(language) = &self.language {
            xml.node("LocaleOptions", |xml| xml.leaf("language", language));
        }
        if !self.package_versions.is_empty() {
            xml.node("PackageVersionHeader", |xml| {
                for version in &self.package_versions {
                    xml.node("packageVersions", |xml| {
                        xml.leaf("majorNumber", &version.major.to_string());
                        xml.leaf("minorNumber", &version.minor.to_string());
                        xml.leaf("namespace", &version.namespace);
                    });
                }
            });
        }
        if let Some(update) = self.update_mru {
            xml.node("MruHeader", |xml| xml.flag("updateMru", update));
        }
        if let Some(disable) = self.disable_feed_tracking {
            xml.node("DisableFeedTrackingHeader", |xml| xml.flag("disableFeedTracking", disable));
        }
        if !self.debugging.is_empty() {
            xml.node("DebuggingHeader", |xml| {
                for (category, level) in &self.debugging {
                    xml.node("categories", |xml| {
                        xml.leaf("category", category);
                        xml.leaf("level", level);
                    });
                }
            });
        }
        for other in &self.others {
            xml.element(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_written() {
        let mut xml = Xml::default();
        SoapHeaders::default().write(&mut xml);
        assert_eq!(xml.finish().unwrap(), "");
        let headers = SoapHeaders {
            client: Some("me/1".into()),
            all_or_none: Some(false),
            assignment_rule: Some(AssignmentRule::Default),
            query_batch_size: Some(9),
            package_versions: vec![PackageVersion { namespace: "acme".into(), major: 1, minor: 2 }],
            debugging: vec![("Apex_code".into(), "Debug".into())],
            others: vec![Element::node("OwnerChangeOptions", vec![Element::leaf("x", "1")])],
            ..SoapHeaders::default()
        };
        let mut xml = Xml::default();
        headers.write(&mut xml);
        assert_eq!(
            xml.finish().unwrap(),
            "<CallOptions><client>me/1</client></CallOptions><AllOrNoneHeader><allOrNone>false</allOrNone></AllOrNoneHeader>\
             <AssignmentRuleHeader><useDefaultRule>true</useDefaultRule></AssignmentRuleHeader>\
             <QueryOptions><batchSize>200</batchSize></QueryOptions>\
             <PackageVersionHeader><packageVersions><majorNumber>1</majorNumber><minorNumber>2</minorNumber><namespace>acme</namespace></packageVersions></PackageVersionHeader>\
             <DebuggingHeader><categories><category>Apex_code</category><level>Debug</level></categories></DebuggingHeader>\
             <OwnerChangeOptions><x>1</x></OwnerChangeOptions>"
        );
    }
}
