//! Merging records into one, and converting leads: what no other API of Salesforce offers to a program outside.

use super::{
    data::at_most,
    operation::Operation,
    record::SoapRecord,
    result::{errors, errors_as_json, results, success},
    xml::{Element, Xml},
};
use crate::{
    error::{ApiError, Error},
    version::ApiVersion,
};

/// The most records that are merged into a master at once.
pub const LOSERS_PER_MERGE: usize = 2;
/// The most merges in one call.
pub const MERGES_PER_CALL: usize = 200;
/// The most leads that one call converts.
pub const LEADS_PER_CALL: usize = 100;

/// One merge: the master stays, with the fields given; the others go to the recycle bin, their `MasterRecordId` names the
/// master, and what hung on them hangs on it.
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// The record that stays, with its id, and the fields to change in the same step.
    pub master: SoapRecord,
    /// Ids of one or two records that go.
    pub losers: Vec<String>,
}

/// What one merge came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MergeResult {
    /// The master.
    pub id: Option<String>,
    /// Whether it was done.
    pub success: bool,
    /// Records that went.
    pub merged: Vec<String>,
    /// Records that now hang on the master.
    pub moved: Vec<String>,
    /// Why it was not done.
    #[serde(serialize_with = "errors_as_json")]
    pub errors: Vec<ApiError>,
}

/// `merge`: up to 200 merges of accounts, contacts, leads, and where the org's version has them cases and individuals.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The merges.
    pub requests: Vec<MergeRequest>,
}

impl Operation for Merge {
    type Reply = Vec<MergeResult>;

    fn what(&self) -> String {
        match self.requests.as_slice() {
            [one] => format!("merging records of {}", one.master.object),
            _ => "merging records".into(),
        }
    }

    fn name(&self) -> &str {
        "merge"
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.requests.len(), MERGES_PER_CALL)?;
        for request in &self.requests {
            let Some(master) = &request.master.id else {
                return Err(Error::config(format!("{}: the master has no id", self.what())));
            };
            at_most(&format!("{} into {master}", self.what()), request.losers.len(), LOSERS_PER_MERGE)?;
        }
        Ok(())
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        for request in &self.requests {
            xml.node("request", |xml| {
                request.master.write(xml, "masterRecord");
                xml.list("recordToMergeIds", &request.losers);
            });
        }
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.requests.len(), |what, result| {
            Ok(MergeResult {
                id: result.value("id").filter(|id| !id.is_empty()).map(str::to_owned),
                success: success(what, result)?,
                merged: result.values("mergedRecordIds"),
                moved: result.values("updatedRelatedIds"),
                errors: errors(result),
            })
        })
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

/// How one lead becomes an account, a contact and an opportunity.
#[derive(Clone, Debug, Default)]
pub struct LeadConvert {
    /// The lead.
    pub lead_id: String,
    /// A lead status that counts as converted: `SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true`.
    pub converted_status: String,
    /// An account to use instead of a new one.
    pub account_id: Option<String>,
    /// A contact of that account to use instead of a new one.
    pub contact_id: Option<String>,
    /// An opportunity to use instead of a new one.
    pub opportunity_id: Option<String>,
    /// Makes no opportunity.
    pub do_not_create_opportunity: bool,
    /// The new opportunity's name, up to 80 characters; the company's name without it.
    pub opportunity_name: Option<String>,
    /// Overwrites the lead source of a contact that is used.
    pub overwrite_lead_source: bool,
    /// Who owns what is made; needed for a lead that a queue owns.
    pub owner_id: Option<String>,
    /// Tells the owner by mail.
    pub send_notification_email: bool,
}

/// What the conversion of one lead came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeadConvertResult {
    /// The lead.
    pub lead_id: Option<String>,
    /// Whether it was done.
    pub success: bool,
    /// The account, new or given.
    pub account_id: Option<String>,
    /// The contact, new or given.
    pub contact_id: Option<String>,
    /// The opportunity, new or given; `None` where none was made.
    pub opportunity_id: Option<String>,
    /// Why it was not done.
    #[serde(serialize_with = "errors_as_json")]
    pub errors: Vec<ApiError>,
}

/// `convertLead`: up to 100 leads.
#[derive(Clone, Debug)]
pub struct ConvertLeads {
    /// The leads.
    pub leads: Vec<LeadConvert>,
}

impl Operation for ConvertLeads {
    type Reply = Vec<LeadConvertResult>;

    fn what(&self) -> String {
        "converting leads".into()
    }

    fn name(&self) -> &str {
        "convertLead"
    }

    fn check(&self) -> Result<(), Error> {
        at_most(&self.what(), self.leads.len(), LEADS_PER_CALL)
    }

    fn write(&self, _: ApiVersion, xml: &mut Xml) {
        for lead in &self.leads {
            // Members that the WSDL does not call optional are written as nil where they are not given.
            xml.node("leadConverts", |xml| {
                xml.nillable("accountId", lead.account_id.as_deref());
                xml.nillable("contactId", lead.contact_id.as_deref());
                xml.leaf("convertedStatus", &lead.converted_status);
                xml.flag("doNotCreateOpportunity", lead.do_not_create_opportunity);
                xml.leaf("leadId", &lead.lead_id);
                xml.optional("opportunityId", lead.opportunity_id.as_deref());
                xml.nillable("opportunityName", lead.opportunity_name.as_deref());
                xml.flag("overwriteLeadSource", lead.overwrite_lead_source);
                xml.nillable("ownerId", lead.owner_id.as_deref());
                xml.flag("sendNotificationEmail", lead.send_notification_email);
            });
        }
    }

    fn read(&self, answer: Element) -> Result<Self::Reply, Error> {
        results(&self.what(), &answer, self.leads.len(), |what, result| {
            let id = |name: &str| result.value(name).filter(|id| !id.is_empty()).map(str::to_owned);
            Ok(LeadConvertResult {
                lead_id: id("leadId"),
                success: success(what, result)?,
                account_id: id("accountId"),
                contact_id: id("contactId"),
                opportunity_id: id("opportunityId"),
                errors: errors(result),
            })
        })
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}
