//! `create`, `update`, `upsert`, `delete`, `undelete`, `emptyRecycleBin`, `merge`, `convertLead`.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, errors, outcome};
use super::fault::Fault;
use super::input::{Given, id, id_and_object, invalid_reference};
use crate::dml::{Input, LeadConvert, Merge, Write, WriteContext, WriteOptions, WriteResult};
use crate::schema::FieldType;
use crate::xml::Element;
use crate::{ApiError, Org, RecordId};

/// Records of one call. Documented.
const RECORDS_MAX: usize = 200;
/// Leads of one call. Documented.
const LEADS_MAX: usize = 100;
/// Changes of object within the records of one call.
const CHUNKS_MAX: usize = 10;

/// A write, or why there is none.
type Planned = Result<Write, Vec<ApiError>>;

pub(super) fn create(call: &Call) -> Answer {
    let results = write_records(call, |given| match given.id {
        Some(_) => Err(one("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")),
        None => Ok(Write::Create { object: given.object, fields: given.fields }),
    })?;
    Ok(saved(results))
}

pub(super) fn update(call: &Call) -> Answer {
    let results = write_records(call, |given| {
        let Some(text) = given.id else {
            return Err(one("MISSING_ARGUMENT", "Id not specified in an update call", "Id"));
        };
        let id = id(&text).map_err(|e| vec![e])?;
        Ok(Write::Update { object: given.object, id, fields: given.fields })
    })?;
    Ok(saved(results))
}

pub(super) fn upsert(call: &Call) -> Answer {
    let name = call.text("externalIDFieldName")?;
    let name = if name.is_empty() { "Id" } else { name };
    {
        let org = call.state.org.read();
        for element in call.elements("sObjects", RECORDS_MAX)? {
            let given = call.reading().record(&org, element)?;
            let is_key = |f: &crate::schema::Field| f.external_id || f.id_lookup || f.ty == FieldType::Id;
            if !given.facts.field(name).is_some_and(|(_, field)| is_key(field)) {
                let object = &given.facts.name;
                let message = format!(
                    "Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field for {object}"
                );
                return Err(ApiError::new("INVALID_FIELD", message).into());
            }
        }
    }
    let results = write_records(call, |given| {
        let Given { object, id, mut fields, .. } = given;
        if name.eq_ignore_ascii_case("Id") {
            let value = id.map_or(Input::Null, Input::Text);
            return Ok(Write::Upsert { object, key: "Id".into(), value, fields, update_only: false });
        }
        let at = fields.iter().position(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = at.map_or(Input::Null, |at| fields.remove(at).1);
        fields.extend(id.map(|id| ("Id".to_owned(), Input::Text(id))));
        Ok(Write::Upsert { object, key: name.to_owned(), value, fields, update_only: false })
    })?;
    let result = |result: WriteResult| {
        let created = result.as_ref().is_ok_and(|saved| saved.created);
        let mut json = outcome(result.map(|saved| saved.id));
        json["created"] = created.into();
        json
    };
    Ok(results.into_iter().map(result).collect())
}

pub(super) fn delete(call: &Call) -> Answer {
    write_ids(call, |_, object, id| Ok(Write::Delete { object, id }))
}

pub(super) fn undelete(call: &Call) -> Answer {
    write_ids(call, |_, object, id| Ok(Write::Undelete { object, id }))
}

/// What is not in the recycle bin cannot be taken out of it (the code of that error is unconfirmed).
pub(super) fn empty_recycle_bin(call: &Call) -> Answer {
    write_ids(call, |org, object, id| {
        let binned = org.store.table(object).is_some_and(|table| table.is_deleted(id));
        if binned { Ok(Write::HardDelete { object, id }) } else { Err(invalid_reference()) }
    })
}

pub(super) fn merge(call: &Call) -> Answer {
    let requests = call.elements("request", RECORDS_MAX)?;
    let mut org = call.state.org.write();
    let mut merges = Vec::with_capacity(requests.len());
    for request in requests {
        let missing = || Fault::unexpected("MISSING_ARGUMENT", "masterRecord not specified");
        let record = request.child("masterRecord").ok_or_else(missing)?;
        let given = call.reading().record(&org, record)?;
        merges.push(merge_of(given, request));
    }
    let results = run(&mut org, call, merges, Org::merge);
    let result = |result: Result<crate::dml::Merged, Vec<ApiError>>| match result {
        Ok(merged) => {
            let ids = |ids: Vec<RecordId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
            json!({
                "errors": [],
                "id": merged.id.to_string(),
                "mergedRecordIds": ids(merged.losers),
                "success": true,
                "updatedRelatedIds": ids(merged.related),
            })
        }
        Err(found) => json!({ "errors": errors(&found), "id": null, "success": false }),
    };
    Ok(results.into_iter().map(result).collect())
}

fn merge_of(given: Given, request: &Element) -> Result<Merge, Vec<ApiError>> {
    let Some(master) = given.id else {
        return Err(one("MISSING_ARGUMENT", "Id not specified in the master record", "Id"));
    };
    // Documented: external ids cannot be used in a merge.
    if let Some((name, _)) = given.fields.iter().find(|(_, input)| matches!(input, Input::Reference { .. })) {
        return Err(one("INVALID_FIELD", &format!("{name}: external ids cannot be used in a merge"), name));
    }
    let losers: Result<Vec<_>, _> = request.texts_of("recordToMergeIds").map(id).collect();
    Ok(Merge {
        object: given.object,
        master: id(&master).map_err(|e| vec![e])?,
        fields: given.fields,
        losers: losers.map_err(|e| vec![e])?,
    })
}

pub(super) fn convert_lead(call: &Call) -> Answer {
    let asked = call.elements("leadConverts", LEADS_MAX).map_err(|_| {
        let message = format!("cannot convert more than {LEADS_MAX} leads in one call");
        Fault::unexpected("EXCEEDED_LEAD_CONVERT_LIMIT", message)
    })?;
    let leads = asked.into_iter().map(|element| conversion(element).map_err(|e| vec![e])).collect();
    let results = run(&mut call.state.org.write(), call, leads, Org::convert_leads);
    let result = |result: Result<crate::dml::Converted, Vec<ApiError>>| match result {
        Ok(done) => json!({
            "accountId": done.account.to_string(),
            "contactId": done.contact.to_string(),
            "errors": [],
            "leadId": done.lead.to_string(),
            "opportunityId": done.opportunity.map(|id| id.to_string()),
            "success": true,
        }),
        Err(found) => json!({ "errors": errors(&found), "success": false }),
    };
    Ok(results.into_iter().map(result).collect())
}

fn conversion(element: &Element) -> Result<LeadConvert, ApiError> {
    let text = |name: &str| element.text_of(name).filter(|text| !text.is_empty());
    let reference = |name: &str| text(name).map(|value| id(value).map_err(|e| e.field(name))).transpose();
    let truth = |name: &str| matches!(text(name), Some("true" | "1"));
    for record in ["accountRecord", "contactRecord", "opportunityRecord"] {
        if element.child(record).is_some_and(|child| !child.is_nil()) {
            let message = format!("{record} is for internal use only");
            return Err(ApiError::new("INVALID_FIELD_FOR_INSERT_UPDATE", message).field(record));
        }
    }
    let missing = || ApiError::new("MISSING_ARGUMENT", "leadId not specified").field("leadId");
    Ok(LeadConvert {
        lead: reference("leadId")?.ok_or_else(missing)?,
        status: text("convertedStatus").map(str::to_owned),
        account: reference("accountId")?,
        contact: reference("contactId")?,
        opportunity: reference("opportunityId")?,
        opportunity_name: text("opportunityName").map(str::to_owned),
        no_opportunity: truth("doNotCreateOpportunity"),
        owner: reference("ownerId")?,
        overwrite_lead_source: truth("overwriteLeadSource"),
    })
}

fn one(code: &'static str, message: &str, field: &str) -> Vec<ApiError> {
    vec![ApiError::new(code, message).field(field)]
}

fn saved(results: Vec<WriteResult>) -> Json {
    results.into_iter().map(|result| outcome(result.map(|saved| saved.id))).collect()
}

fn write_records(call: &Call, plan: impl Fn(Given) -> Planned) -> Result<Vec<WriteResult>, Fault> {
    let elements = call.elements("sObjects", RECORDS_MAX)?;
    if let Some(rule) = &call.headers.assignment_rule_id {
        return Err(Fault::unexpected("INVALID_ASSIGNMENT_RULE", format!("no assignment rule has the id {rule}")));
    }
    let mut org = call.state.org.write();
    let mut given = Vec::with_capacity(elements.len());
    for element in elements {
        given.push(call.reading().record(&org, element)?);
    }
    if given.chunk_by(|a, b| a.object == b.object).count() > CHUNKS_MAX {
        let message = format!("cannot mix records of different objects more than {CHUNKS_MAX} times in one call");
        return Err(Fault::unexpected("EXCEEDED_MAX_SOBJECTS", message));
    }
    let writes = given.into_iter().map(plan).collect();
    Ok(run(&mut org, call, writes, Org::write_with))
}

fn write_ids(call: &Call, plan: impl Fn(&Org, crate::schema::ObjectId, RecordId) -> Result<Write, ApiError>) -> Answer {
    let ids = call.texts("ids", RECORDS_MAX)?;
    let mut org = call.state.org.write();
    let writes = ids
        .into_iter()
        .map(|text| {
            let (object, id) = id_and_object(&org, text)?;
            plan(&org, object, id)
        })
        .map(|write| write.map_err(|e: ApiError| vec![e]))
        .collect();
    Ok(saved(run(&mut org, call, writes, Org::write_with)))
}

/// Does what could be read, in one transaction; the others have failed already.
fn run<W, T>(
    org: &mut Org,
    call: &Call,
    planned: Vec<Result<W, Vec<ApiError>>>,
    operation: impl Fn(&mut Org, &WriteContext, WriteOptions, Vec<W>) -> Vec<Result<T, Vec<ApiError>>>,
) -> Vec<Result<T, Vec<ApiError>>> {
    let failed = planned.iter().any(Result::is_err);
    let rolled_back = || {
        let message =
            "Record rolled back because not all records were valid and the request was using AllOrNone header";
        vec![ApiError::new("ALL_OR_NONE_OPERATION_ROLLED_BACK", message)]
    };
    if failed && call.headers.all_or_none {
        return planned.into_iter().map(|plan| Err(plan.err().unwrap_or_else(rolled_back))).collect();
    }
    let options = WriteOptions { truncate: call.headers.truncate, locked: call.rows_locked };
    let (mut ready, mut places) = (Vec::new(), Vec::new());
    for plan in planned {
        match plan {
            Ok(plan) => {
                ready.push(plan);
                places.push(None);
            }
            Err(errors) => places.push(Some(errors)),
        }
    }
    let mut done = operation(org, &call.write_context(), options, ready).into_iter();
    places.into_iter().filter_map(|place| place.map_or_else(|| done.next(), |errors| Some(Err(errors)))).collect()
}
