// jsforce, unmodified: the Metadata API, deployments by SOAP and REST, and the Tooling API.
//
//   node metadata.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const version = '62.0';
const conn = new jsforce.Connection({ instanceUrl: org.url, accessToken: org.access_token, version });
conn.metadata.pollInterval = 50;

/** A zip file whose entries are stored as they are. */
const zip = (files) => {
  const locals = [];
  const centrals = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text);
    const head = Buffer.from(name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt32LE(zlib.crc32(data), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(head.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, head, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), fields, tail, head]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(centrals.length, 8);
  end.writeUInt16LE(centrals.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
};

/** The files of a zip file. */
const unzip = (bytes) => {
  const files = {};
  let at = bytes.readUInt32LE(bytes.lastIndexOf('PK\x05\x06') + 16);
  while (bytes.readUInt32LE(at) === 0x02014b50) {
    const [method, size, nameLength, extra, comment] = [
      bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 20), bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)];
    const local = bytes.readUInt32LE(at + 42);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const data = bytes.subarray(start, start + size);
    files[name] = (method ? zlib.inflateRawSync(data) : data).toString();
    at += 46 + nameLength + extra + comment;
  }
  return files;
};

const ns = 'xmlns="http://soap.sforce.com/2006/04/metadata"';
const pack = (types) => `<?xml version="1.0" encoding="UTF-8"?>
<Package ${ns}>${Object.entries(types).map(([name, members]) => `<types>${members.map((m) => `<members>${m}</members>`).join('')}<name>${name}</name></types>`).join('')}<version>${version}</version></Package>`;
const list = (value) => (value === undefined || value === null ? [] : [].concat(value));

const invoice = `<?xml version="1.0" encoding="UTF-8"?>
<CustomObject ${ns}>
  <deploymentStatus>Deployed</deploymentStatus><enableBulkApi>true</enableBulkApi>
  <fields><fullName>Ext__c</fullName><externalId>true</externalId><label>Ext</label><length>40</length><type>Text</type><unique>true</unique></fields>
  <fields><fullName>Amount__c</fullName><label>Amount</label><precision>18</precision><scale>2</scale><type>Currency</type></fields>
  <fields><fullName>Account__c</fullName><deleteConstraint>SetNull</deleteConstraint><label>Account</label><referenceTo>Account</referenceTo>
    <relationshipLabel>Invoices</relationshipLabel><relationshipName>JInvoices</relationshipName><type>Lookup</type></fields>
  <fields><fullName>State__c</fullName><label>State</label><type>Picklist</type><valueSet><restricted>true</restricted><valueSetDefinition><sorted>false</sorted>
    <value><fullName>Open</fullName><default>true</default><label>Open</label></value>
    <value><fullName>Paid</fullName><default>false</default><label>Paid &amp; done</label></value></valueSetDefinition></valueSet></fields>
  <label>Invoice</label><nameField><displayFormat>INV-{0000}</displayFormat><label>Invoice No</label><type>AutoNumber</type></nameField>
  <pluralLabel>Invoices</pluralLabel><sharingModel>ReadWrite</sharingModel>
</CustomObject>`;

step('describe and list', async () => {
  const described = await conn.metadata.describe(version);
  const object = described.metadataObjects.find((type) => type.xmlName === 'CustomObject');
  assert.equal(object.directoryName, 'objects');
  assert.equal(object.suffix, 'object');
  assert.ok(object.childXmlNames.includes('CustomField'));
  const [account] = list(await conn.metadata.list({ type: 'CustomObject' }, version)).filter((p) => p.fullName === 'Account');
  assert.equal(account.fileName, 'objects/Account.object');
  assert.equal(account.type, 'CustomObject');
  await assert.rejects(conn.metadata.list({ type: 'Nonsense' }, version), (error) => error.message.includes('INVALID_TYPE'));
});

step('create a field by call, use it, change it, delete it', async () => {
  const field = { fullName: 'Account.Judge_Id__c', label: 'Judge Id', type: 'Text', length: 20, externalId: true, unique: true };
  const made = await conn.metadata.create('CustomField', field);
  assert.deepEqual([made.success, made.fullName], [true, 'Account.Judge_Id__c']);
  const again = await conn.metadata.create('CustomField', field);
  assert.equal(again.success, false);
  assert.equal(again.errors.statusCode ?? again.errors[0].statusCode, 'DUPLICATE_DEVELOPER_NAME');
  const read = await conn.metadata.read('CustomField', 'Account.Judge_Id__c');
  assert.deepEqual([read.fullName, read.label, Number(read.length), String(read.unique)], ['Account.Judge_Id__c', 'Judge Id', 20, 'true']);
  const { id } = await conn.sobject('Account').upsert({ Judge_Id__c: 'J-1', Name: 'Judged' }, 'Judge_Id__c');
  const found = await conn.query("SELECT Id, Judge_Id__c FROM Account WHERE Judge_Id__c = 'j-1'");
  assert.deepEqual(found.records.map((r) => [r.Id, r.Judge_Id__c]), [[id, 'J-1']]);
  const changed = await conn.metadata.update('CustomField', { ...field, label: 'Changed', length: 30 });
  assert.equal(changed.success, true);
  const described = (await conn.describe('Account')).fields.find((f) => f.name === 'Judge_Id__c');
  assert.deepEqual([described.label, described.length, described.externalId, described.custom], ['Changed', 30, true, true]);
  const gone = await conn.metadata.delete('CustomField', 'Account.Judge_Id__c');
  assert.equal(gone.success, true);
  await assert.rejects(conn.query('SELECT Judge_Id__c FROM Account'), (error) => error.errorCode === 'INVALID_FIELD');
  await conn.sobject('Account').destroy(id);
});

step('create an object by call', async () => {
  const made = await conn.metadata.create('CustomObject', [{
    fullName: 'Judged__c', label: 'Judged', pluralLabel: 'Judgeds', nameField: { type: 'Text', label: 'Name' },
    deploymentStatus: 'Deployed', sharingModel: 'ReadWrite',
    fields: [{ fullName: 'Note__c', label: 'Note', type: 'LongTextArea', length: 1000, visibleLines: 3 }] }]);
  assert.equal(list(made)[0].success, true, JSON.stringify(made));
  const { id } = await conn.sobject('Judged__c').create({ Name: 'One', Note__c: 'x'.repeat(1000) });
  assert.equal((await conn.sobject('Judged__c').retrieve(id)).Note__c.length, 1000);
  assert.ok((await conn.describeGlobal()).sobjects.some((o) => o.name === 'Judged__c'));
  const read = await conn.metadata.read('CustomObject', 'Judged__c');
  assert.equal(read.label, 'Judged');
  assert.equal(list(read.fields).find((f) => f.fullName === 'Note__c').type, 'LongTextArea');
  const gone = await conn.metadata.delete('CustomObject', ['Judged__c']);
  assert.equal(list(gone)[0].success, true);
  await assert.rejects(conn.describe('Judged__c'), (error) => error.errorCode === 'NOT_FOUND');
});

for (const [door, deploy] of [
  ['SOAP', (bytes, options) => conn.metadata.deploy(bytes, options).complete(true)],
  ['REST', async (bytes, options) => {
    const started = await conn.metadata.deployRest(bytes, options);
    const { id } = started;
    assert.match(id, /^0Af/);
    return conn.metadata.checkDeployStatus(id, true);
  }],
]) {
  step(`deploy an object by ${door}, use it through REST and Bulk, retrieve it, delete it`, async () => {
    const bytes = zip({ 'package.xml': pack({ CustomObject: ['JInvoice__c'] }), 'objects/JInvoice__c.object': invoice });
    const checked = await deploy(bytes, { singlePackage: true, rollbackOnError: true, checkOnly: true });
    assert.equal(checked.status, 'Succeeded', JSON.stringify(checked));
    await assert.rejects(conn.describe('JInvoice__c'));
    const result = await deploy(bytes, { singlePackage: true, rollbackOnError: true });
    assert.equal(result.status, 'Succeeded', JSON.stringify(result));
    assert.equal(Number(result.numberComponentsDeployed), 5);
    const names = list(result.details.componentSuccesses).map((c) => c.fullName);
    assert.ok(names.includes('JInvoice__c') && names.includes('JInvoice__c.State__c'), names.join());
    const account = await conn.sobject('Account').create({ Name: 'Invoiced' });
    const made = await conn.sobject('JInvoice__c').create({ Amount__c: 12.5, Account__c: account.id, Ext__c: 'A' });
    const { records: [row] } = await conn.query(`SELECT Name, State__c, Amount__c, Account__r.Name FROM JInvoice__c WHERE Id = '${made.id}'`);
    assert.deepEqual([row.Name, row.State__c, row.Amount__c, row.Account__r.Name], ['INV-0001', 'Open', 12.5, 'Invoiced']);
    const { records: [parent] } = await conn.query(`SELECT (SELECT Ext__c FROM JInvoices__r) FROM Account WHERE Id = '${account.id}'`);
    assert.equal(parent.JInvoices__r.records[0].Ext__c, 'A');
    await assert.rejects(conn.sobject('JInvoice__c').create({ State__c: 'Nowhere' }),
      (error) => error.errorCode === 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST');
    const bulk = await conn.bulk2.loadAndWaitForResults({ object: 'JInvoice__c', operation: 'upsert', externalIdFieldName: 'Ext__c',
      input: [{ Ext__c: 'A', Amount__c: '13' }, { Ext__c: 'B', Amount__c: '14.25' }], pollTimeout: 60000, pollInterval: 100 });
    assert.equal(bulk.successfulResults.length, 2);
    const rows = await (await conn.bulk2.query('SELECT Ext__c, Amount__c FROM JInvoice__c ORDER BY Ext__c', { pollTimeout: 60000, pollInterval: 100 })).toArray();
    assert.deepEqual(rows.map((r) => [r.Ext__c, Number(r.Amount__c)]), [['A', 13], ['B', 14.25]]);

    const retrieved = await conn.metadata.retrieve({ apiVersion: version, singlePackage: true,
      unpackaged: { types: [{ members: ['JInvoice__c', 'Nothing__c'], name: 'CustomObject' }], version } }).complete();
    assert.equal(String(retrieved.success), 'true');
    assert.match(list(retrieved.messages)[0].problem, /named 'Nothing__c' cannot be found/);
    const files = unzip(Buffer.from(retrieved.zipFile, 'base64'));
    assert.match(files['objects/JInvoice__c.object'], /<fullName>State__c<\/fullName>/);
    assert.match(files['objects/JInvoice__c.object'], /<label>Paid &amp; done<\/label>/);
    // What was retrieved can be deployed again.
    const again = await deploy(zip(files), { singlePackage: true, rollbackOnError: true });
    assert.equal(again.status, 'Succeeded', JSON.stringify(again));

    const destroyed = await deploy(zip({ 'package.xml': pack({}), 'destructiveChanges.xml': pack({ CustomObject: ['JInvoice__c'] }) }),
      { singlePackage: true, rollbackOnError: true });
    assert.equal(destroyed.status, 'Succeeded', JSON.stringify(destroyed));
    await assert.rejects(conn.query('SELECT Id FROM JInvoice__c'), (error) => error.errorCode === 'INVALID_TYPE');
    await conn.sobject('Account').destroy(account.id);
  });

  step(`a deployment by ${door} that fails changes nothing and says where`, async () => {
    const broken = invoice.replace('<length>40</length>', '<length>400</length>');
    const result = await deploy(zip({ 'package.xml': pack({ CustomObject: ['JInvoice__c'] }), 'objects/JInvoice__c.object': broken }),
      { singlePackage: true, rollbackOnError: true });
    assert.equal(result.status, 'Failed');
    const [failure] = list(result.details.componentFailures);
    assert.deepEqual([failure.fullName, failure.fileName, Number(failure.lineNumber)], ['JInvoice__c.Ext__c', 'objects/JInvoice__c.object', 4]);
    assert.match(failure.problem, /length/);
    await assert.rejects(conn.describe('JInvoice__c'));
  });
}

step('files that the org only holds come back as they went', async () => {
  const layout = `<?xml version="1.0" encoding="UTF-8"?>\n<Layout ${ns}>\n    <showEmailCheckbox>false</showEmailCheckbox>\n</Layout>\n`;
  const name = 'Account-Judged Layout';
  const deployed = await conn.metadata.deploy(zip({ 'package.xml': pack({ Layout: [name] }), [`layouts/${name}.layout`]: layout }),
    { singlePackage: true }).complete();
  assert.equal(String(deployed.success), 'true', JSON.stringify(deployed));
  const retrieved = await conn.metadata.retrieve({ apiVersion: version, unpackaged: { types: [{ members: ['*'], name: 'Layout' }], version } }).complete();
  const files = unzip(Buffer.from(retrieved.zipFile, 'base64'));
  assert.equal(files[`unpackaged/layouts/${name}.layout`], layout);
  await conn.metadata.delete('Layout', name);
});

step('Apex is not kept in silence', async () => {
  const files = {
    'package.xml': pack({ ApexClass: ['Judge'] }),
    'classes/Judge.cls': 'public class Judge {}',
    'classes/Judge.cls-meta.xml': `<ApexClass ${ns}><apiVersion>62.0</apiVersion><status>Active</status></ApexClass>`,
  };
  const refused = await conn.metadata.deploy(zip(files), { singlePackage: true, rollbackOnError: true }).complete(true);
  assert.equal(refused.status, 'Failed');
  assert.match(list(refused.details.componentFailures)[0].problem, /does not run it/);
  const kept = await conn.metadata.deploy(zip(files), { singlePackage: true, ignoreWarnings: true }).complete(true);
  assert.equal(kept.status, 'Succeeded');
  const { records: [found] } = await conn.tooling.query("SELECT Name, Body FROM ApexClass WHERE Name = 'Judge'");
  assert.equal(found.Body, 'public class Judge {}');
  await conn.metadata.delete('ApexClass', 'Judge');
});

step('tooling: a field made, found, used, changed and deleted', async () => {
  const made = await conn.tooling.sobject('CustomField').create({
    FullName: 'Contact.Tooled__c', Metadata: { label: 'Tooled', type: 'Number', precision: 8, scale: 2, required: false } });
  assert.equal(made.success, true);
  assert.match(made.id, /^00N/);
  const { records: [field], totalSize } = await conn.tooling.query(
    `SELECT Id, DeveloperName, TableEnumOrId, FullName, Metadata FROM CustomField WHERE Id = '${made.id}'`);
  assert.deepEqual([totalSize, field.DeveloperName, field.TableEnumOrId, field.FullName, field.Metadata.precision],
    [1, 'Tooled', 'Contact', 'Contact.Tooled__c', 8]);
  const contact = await conn.sobject('Contact').create({ LastName: 'Tooled', Tooled__c: 1.25 });
  const { records: [row] } = await conn.query(`SELECT Tooled__c FROM Contact WHERE Tooled__c > 1 AND Id = '${contact.id}'`);
  assert.equal(row.Tooled__c, 1.25);
  const [bulk] = await (await conn.bulk2.query(`SELECT Tooled__c FROM Contact WHERE Id = '${contact.id}'`, { pollTimeout: 60000, pollInterval: 100 })).toArray();
  assert.equal(Number(bulk.Tooled__c), 1.25);
  await conn.tooling.sobject('CustomField').update({ Id: made.id, FullName: 'Contact.Tooled__c',
    Metadata: { label: 'Tooled twice', type: 'Number', precision: 9, scale: 3 } });
  const described = (await conn.describe('Contact')).fields.find((f) => f.name === 'Tooled__c');
  assert.deepEqual([described.label, described.precision, described.scale], ['Tooled twice', 9, 3]);
  await assert.rejects(conn.tooling.sobject('CustomField').create({
    FullName: 'Contact.Tooled__c', Metadata: { label: 'Tooled', type: 'Checkbox', defaultValue: 'false' } }),
  (error) => error.errorCode === 'DUPLICATE_DEVELOPER_NAME');
  await conn.tooling.sobject('CustomField').destroy(made.id);
  await assert.rejects(conn.query('SELECT Tooled__c FROM Contact'), (error) => error.errorCode === 'INVALID_FIELD');
  await conn.sobject('Contact').destroy(contact.id);
});

step('tooling and plain queries over definitions', async () => {
  const { records: [account] } = await conn.tooling.query(
    "SELECT QualifiedApiName, KeyPrefix, DurableId, IsQueryable FROM EntityDefinition WHERE QualifiedApiName = 'Account'");
  assert.deepEqual([account.KeyPrefix, account.DurableId, account.IsQueryable], ['001', 'Account', true]);
  const fields = await conn.tooling.query(
    "SELECT QualifiedApiName, DataType, EntityDefinition.QualifiedApiName FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Account' ORDER BY QualifiedApiName");
  const website = fields.records.find((f) => f.QualifiedApiName === 'Website');
  assert.equal(website.DataType, 'URL(255)');
  assert.equal(website.EntityDefinition.QualifiedApiName, 'Account');
  const described = await conn.describe('Account');
  assert.deepEqual(fields.records.map((f) => f.QualifiedApiName).sort(), described.fields.map((f) => f.name).sort());
  const plain = await conn.query("SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName LIKE 'Contac%'");
  assert.deepEqual(plain.records.map((r) => r.QualifiedApiName), ['Contact']);
  await assert.rejects(conn.tooling.query('SELECT Id, Metadata FROM CustomField'), (error) => error.errorCode === 'MALFORMED_QUERY');
  const tooling = await conn.tooling.describeGlobal();
  assert.ok(tooling.sobjects.some((o) => o.name === 'CustomField' && o.createable));
  await assert.rejects(conn.tooling.executeAnonymous('System.debug(1);'), (error) => /does not run Apex/.test(error.message));
});

step('tooling: channel members', async () => {
  const channel = await conn.tooling.sobject('PlatformEventChannel').create({
    FullName: 'Judged__chn', Metadata: { channelType: 'data', label: 'Judged' } });
  assert.match(channel.id, /^0YL/);
  const member = await conn.tooling.sobject('PlatformEventChannelMember').create({
    FullName: 'Judged_chn_AccountChangeEvent', Metadata: { eventChannel: 'Judged__chn', selectedEntity: 'AccountChangeEvent' } });
  assert.match(member.id, /^0v8/);
  const { records } = await conn.tooling.query(
    "SELECT DeveloperName, EventChannel, SelectedEntity FROM PlatformEventChannelMember WHERE EventChannel = 'Judged__chn'");
  assert.deepEqual(records.map((r) => [r.DeveloperName, r.SelectedEntity]), [['Judged_chn_AccountChangeEvent', 'AccountChangeEvent']]);
  await conn.tooling.sobject('PlatformEventChannelMember').destroy(member.id);
  await conn.tooling.sobject('PlatformEventChannel').destroy(channel.id);
});

await finish('jsforce metadata');
