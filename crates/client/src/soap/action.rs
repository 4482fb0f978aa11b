//! Approvals, mail, duplicates, and the descriptions of pages that only SOAP gives for several types at once.

use super::{
    data::{RECORDS_PER_CALL, at_most},
    envelope::Endpoint,
    operation::{Operation, RawOperation},
    record::SoapRecord,
    result::{errors, errors_as_json, matches, results, success},
    xml::{Element, Xml},
};
use crate::{
    error::{ApiError, Error},
    version::ApiVersion,
};

/// One step of an approval.
#[derive(Clone, Debug)]
pub enum Approval {
    /// Hands a record in for approval.
    Submit {
        /// The record.
        object_id: String,
        /// Words for the approver.
        comments: Option<String>,
        /// Who decides, where the process leaves it open.
        next_approvers: Vec<String>,
        /// Who hands it in; the signed-in user without it.
        submitter_id: Option<String>,
        /// The process by name or id; the first whose criteria fit without it.
        process: Option<String>,
        /// Skips the process's entry criteria; only with a process named.
        skip_entry_criteria: bool,
    },
    /// Decides a work item.
    Decide {
        /// The work item (`ProcessInstanceWorkitem`).
        workitem_id: String,
        /// `Approve`, `Reject`, or `Removed` to recall it.
        action: String,
        /// Words that are kept with the decision.
        comments: Option<String>,
        /// Who decides next, where the process leaves it open.
        next_approvers: Vec<String>,
    },
}

/// `process`: steps of approvals.
#[derive(Clone, Debug)]
pub struct Process {
    /// The steps.
    pub steps: Vec<Approval>,
}

/// What one step came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ProcessResult {
    /// The record in approval.
    pub entity_id: Option<String>,
    /// Whether it was done.
    pub success: bool,
    /// The approval.
    pub instance_id: Option<String>,
    /// `Approved`, `Rejected`, `Removed` or `Pending`.
    pub instance_status: Option<String>,
    /// Work items that this step made.
    pub new_workitem_ids: Vec<String>,
    /// Who acts next.
    pub actor_ids: Vec<String>,
    /// Why it was not done.
    #[serde(serialize_with = "errors_as_json")]
    pub errors: Vec<ApiError>,
}

impl Operation for Process {
    type Reply = Vec<ProcessResult>;

    fn what(&self) -> String {
        "processing approvals".into()
    }

    fn name(&self) -> &str {
        "process"
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.steps.len(), RECORDS_PER_CALL)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        for step in &self.steps {
            match step {
                Approval::Submit {
                    object_id,
                    comments,
                    next_approvers,
                    submitter_id,
                    process,
                    skip_entry_criteria,
                } => {
                    xml.typed("actions", "ProcessSubmitRequest", |xml| {
                        xml.nillable("comments", comments.as_deref());
                        xml.list("nextApproverIds", next_approvers);
                        xml.leaf("objectId", object_id);
                        xml.optional("submitterId", submitter_id.as_deref());
                        xml.optional("processDefinitionNameOrId", process.as_deref());
                        if *skip_entry_criteria {
                            xml.flag("skipEntryCriteria", true);
                        }
                    });
                }
                Approval::Decide { workitem_id, action, comments, next_approvers } => {
                    xml.typed("actions", "ProcessWorkitemRequest", |xml| {
                        xml.nillable("comments", comments.as_deref());
                        xml.list("nextApproverIds", next_approvers);
                        xml.leaf("action", action);
                        xml.leaf("workitemId", workitem_id);
                    });
                }
            }
        }
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.steps.len(), |what, result| {
            let text = |name: &str| result.value(name).filter(|id| !id.is_empty()).map(str::to_owned);
            Ok(ProcessResult {
                entity_id: text("entityId"),
                success: success(what, result)?,
                instance_id: text("instanceId"),
                instance_status: text("instanceStatus"),
                new_workitem_ids: result.values("newWorkitemIds"),
                actor_ids: result.values("actorIds"),
                errors: errors(result),
            })
        })
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// One mail to people, or to a contact, lead or user by its id.
#[derive(Clone, Debug, Default)]
pub struct Email {
    /// Addresses, besides the target.
    pub to: Vec<String>,
    /// Copies.
    pub cc: Vec<String>,
    /// Hidden copies.
    pub bcc: Vec<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The text.
    pub plain_text_body: Option<String>,
    /// The same as HTML.
    pub html_body: Option<String>,
    /// A contact, lead or user to write to; needed with a template.
    pub target_object_id: Option<String>,
    /// A record that the template's fields come from.
    pub what_id: Option<String>,
    /// The template.
    pub template_id: Option<String>,
    /// An org-wide address to send from.
    pub org_wide_email_address_id: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// The sender's name.
    pub sender_display_name: Option<String>,
    /// Keeps the mail as an activity of the target.
    pub save_as_activity: bool,
    /// Files: name, content type, content.
    pub attachments: Vec<(String, Option<String>, Vec<u8>)>,
}

/// `sendEmail`. Never sent again when the answer was lost.
#[derive(Clone, Debug)]
pub struct SendEmail {
    /// The mails.
    pub messages: Vec<Email>,
}

/// What one mail came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SendEmailResult {
    /// Whether the org took it; whether it arrives is another thing.
    pub success: bool,
    /// Why it did not.
    #[serde(serialize_with = "errors_as_json")]
    pub errors: Vec<ApiError>,
}

impl Operation for SendEmail {
    type Reply = Vec<SendEmailResult>;

    fn what(&self) -> String {
        "sending mail".into()
    }

    fn name(&self) -> &str {
        "sendEmail"
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.messages.len(), usize::MAX)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        for mail in &self.messages {
            xml.typed("messages", "SingleEmailMessage", |xml| {
                // The members of every mail come first, then those of this kind (partner WSDL).
                xml.nil("bccSender");
                xml.nil("emailPriority");
                xml.nillable("replyTo", mail.reply_to.as_deref());
                xml.flag("saveAsActivity", mail.save_as_activity);
                xml.nillable("senderDisplayName", mail.sender_display_name.as_deref());
                xml.nillable("subject", mail.subject.as_deref());
                xml.nil("useSignature");
                xml.list("bccAddresses", &mail.bcc);
                xml.list("ccAddresses", &mail.cc);
                xml.leaf("charset", "UTF-8");
                for (name, content_type, content) in &mail.attachments {
                    xml.node("fileAttachments", |xml| {
                        xml.base64("body", content);
                        xml.optional("contentType", content_type.as_deref());
                        xml.leaf("fileName", name);
                    });
                }
                xml.nillable("htmlBody", mail.html_body.as_deref());
                xml.optional("orgWideEmailAddressId", mail.org_wide_email_address_id.as_deref());
                xml.nillable("plainTextBody", mail.plain_text_body.as_deref());
                xml.nillable("targetObjectId", mail.target_object_id.as_deref());
                xml.nillable("templateId", mail.template_id.as_deref());
                xml.list("toAddresses", &mail.to);
                xml.nillable("whatId", mail.what_id.as_deref());
            });
        }
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.messages.len(), |what, result| {
            Ok(SendEmailResult { success: success(what, result)?, errors: errors(result) })
        })
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// Which records to look for duplicates of.
#[derive(Clone, Debug)]
pub enum Suspects {
    /// Records that are not saved yet; all of one object.
    Records(Vec<SoapRecord>),
    /// Saved records; all of one object.
    Ids(Vec<String>),
}

/// `findDuplicates` or `findDuplicatesByIds`, by the org's active duplicate rules.
#[derive(Clone, Debug)]
pub struct FindDuplicates {
    /// Which.
    pub suspects: Suspects,
}

/// What was found for one record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Duplicates {
    /// Whether the rules could be asked.
    pub success: bool,
    /// Ids of the records found by any rule.
    pub ids: Vec<String>,
    /// Why the rules could not be asked.
    #[serde(serialize_with = "errors_as_json")]
    pub errors: Vec<ApiError>,
}

impl Operation for FindDuplicates {
    type Reply = Vec<Duplicates>;

    fn what(&self) -> String {
        "looking for duplicates".into()
    }

    fn name(&self) -> &str {
        match self.suspects {
            Suspects::Records(_) => "findDuplicates",
            Suspects::Ids(_) => "findDuplicatesByIds",
        }
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.len(), RECORDS_PER_CALL)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        match &self.suspects {
            Suspects::Records(records) => records.iter().for_each(|record| record.write(xml, "sObjects")),
            Suspects::Ids(ids) => xml.list("ids", ids),
        }
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.len(), |what, result| {
            let mut ids: Vec<String> = result.all("duplicateResults").flat_map(matches).collect();
            ids.sort_unstable();
            ids.dedup();
            Ok(Duplicates { success: success(what, result)?, ids, errors: errors(result) })
        })
    }

    fn is_idempotent(&self) -> bool {
        true
    }
}

impl FindDuplicates {
    fn len(&self) -> usize {
        match &self.suspects {
            Suspects::Records(records) => records.len(),
            Suspects::Ids(ids) => ids.len(),
        }
    }
}

/// `describeSObjects` of up to 100 types at once. Its members are those of the REST describe, as elements.
pub fn describe_sobjects<S: AsRef<str>>(types: impl IntoIterator<Item = S>) -> RawOperation {
    let types = types.into_iter().map(|kind| Element::leaf("sObjectType", kind.as_ref())).collect();
    RawOperation::new(Endpoint::Partner, "describeSObjects", types).reading()
}

/// `describeLayout` of an object: all its page layouts, or those of the record types named.
pub fn describe_layout<S: AsRef<str>>(object: &str, record_types: impl IntoIterator<Item = S>) -> RawOperation {
    let mut inside = vec![Element::leaf("sObjectType", object)];
    inside.extend(record_types.into_iter().map(|id| Element::leaf("recordTypeIds", id.as_ref())));
    RawOperation::new(Endpoint::Partner, "describeLayout", inside).reading()
}

/// `describeTabs`: the apps and their tabs that the signed-in user sees.
pub fn describe_tabs() -> RawOperation {
    RawOperation::new(Endpoint::Partner, "describeTabs", vec![]).reading()
}
