// salesforce-pubsub-api-client, unmodified: latest, earliest, from an id, credit by hand, publishing, managed.
//
//   node scenario.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import PubSubApiClient from 'salesforce-pubsub-api-client';
import { control, finish, org, rest, step, until } from './harness.js';

const TOPIC = '/event/Order_Event__e';
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const connect = async () => {
  const client = new PubSubApiClient(
    {
      authType: 'user-supplied',
      accessToken: org.access_token,
      instanceUrl: org.tls_url,
      organizationId: org.org_id,
      pubSubEndpoint: org.pubsub,
      rejectUnauthorizedSsl: false,
    },
    quiet,
  );
  await client.connect();
  return client;
};

/** Everything that a subscription calls back with. */
const listen = () => {
  const seen = { events: [], last: 0, ended: 0, errors: [], subscription: null };
  seen.callback = (subscription, type, data) => {
    seen.subscription = subscription;
    if (type === 'event') seen.events.push(data);
    if (type === 'lastEvent') seen.last += 1;
    if (type === 'end') seen.ended += 1;
    if (type === 'error') seen.errors.push(data);
  };
  return seen;
};

const order = (number) => ({
  CreatedDate: Date.now(),
  CreatedById: org.user_id,
  Order_Number__c: { string: number },
  Total__c: { double: 12.5 },
  Has_Shipped__c: { boolean: true },
  Ordered__c: null,
  Due__c: null,
  Note__c: null,
});
const numbers = (seen) => seen.events.map((event) => event.payload.Order_Number__c);

step('publishing, and subscribing to what comes', async () => {
  const client = await connect();
  const seen = listen();
  await client.subscribe(TOPIC, seen.callback);
  // A subscription is known to stand once its first answer came: publish until it does.
  await until('an event', async () => {
    await client.publish(TOPIC, order('P-0'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    return seen.events.length > 0;
  });
  const result = await client.publish(TOPIC, order('P-1'), '0f3c7a52-1111-4222-8333-444455556666');
  assert.equal(result.correlationKey ?? result.results?.[0]?.correlationKey, '0f3c7a52-1111-4222-8333-444455556666');
  await until('P-1', () => numbers(seen).includes('P-1'));
  const event = seen.events.find((e) => e.payload.Order_Number__c === 'P-1');
  assert.equal(event.id, '0f3c7a52-1111-4222-8333-444455556666');
  assert.deepEqual([event.payload.Total__c, event.payload.Has_Shipped__c, event.payload.Note__c], [12.5, true, null]);
  // What was written by REST comes the same way.
  const { errors } = await rest('POST', '/sobjects/Order_Event__e', { Order_Number__c: 'P-2', Due__c: '1970-01-02' });
  await until('P-2', () => numbers(seen).includes('P-2'));
  const written = seen.events.find((e) => e.payload.Order_Number__c === 'P-2');
  assert.equal(written.id, errors[0].message);
  assert.equal(written.payload.Due__c, 86_400_000);
  await client.close();
});

step('a batch over a publishing stream', async () => {
  const client = await connect();
  const answers = [];
  await client.publishBatch(
    TOPIC,
    [{ payload: order('B-1') }, { payload: order('B-2') }],
    (info, type, data) => type === 'publishResponse' && answers.push(data),
  );
  await until('the answer', () => answers.length === 1);
  assert.equal(answers[0].results.length, 2);
  assert.equal(answers[0].results.every((r) => !r.error && r.replayId), true);
  await client.close();
});

step('earliest, from an id, and credit by hand', async () => {
  const client = await connect();
  for (const number of ['E-1', 'E-2', 'E-3']) await client.publish(TOPIC, order(number));
  const all = listen();
  await client.subscribeFromEarliestEvent(TOPIC, all.callback);
  await until('E-3', () => numbers(all).includes('E-3'));
  const first = all.events.find((e) => e.payload.Order_Number__c === 'E-1');
  await client.close();
  const other = await connect();
  const seen = listen();
  await other.subscribeFromReplayId(TOPIC, seen.callback, 1, first.replayId);
  await until('one event', () => seen.last === 1);
  assert.deepEqual(numbers(seen), ['E-2']);
  other.requestAdditionalEvents(TOPIC, 1);
  await until('one more', () => seen.events.length === 2);
  assert.deepEqual(numbers(seen), ['E-2', 'E-3']);
  await other.close();
});

step('change events have names and values', async () => {
  const client = await connect();
  const seen = listen();
  const { id } = await rest('POST', '/sobjects/Account', { Name: 'Pub', BillingCity: 'Oslo', Phone: '1' });
  await client.subscribeFromEarliestEvent('/data/AccountChangeEvent', seen.callback);
  await rest('PATCH', `/sobjects/Account/${id}`, { BillingCity: null, Industry: 'Energy', Phone: null });
  const mine = (e) => e.payload.ChangeEventHeader.recordIds.includes(id);
  await until('both', () => seen.events.filter(mine).length === 2);
  const [created, updated] = seen.events.filter(mine);
  assert.equal(created.payload.Name, 'Pub');
  assert.equal(typeof created.payload.ChangeEventHeader.commitNumber, 'bigint');
  const { changedFields, nulledFields } = updated.payload.ChangeEventHeader;
  assert.deepEqual([...changedFields].sort(), ['BillingAddress.City', 'Industry', 'LastModifiedDate', 'Phone']);
  assert.deepEqual([...nulledFields].sort(), ['BillingAddress.City', 'Phone']);
  assert.equal(updated.payload.Industry, 'Energy');
  await rest('DELETE', `/sobjects/Account/${id}`);
  await client.close();
});

step('a custom channel of several objects', async () => {
  const channel = `Judge_${Date.now()}__chn`;
  await control({ channel: { full_name: channel, channel_type: 'data' } });
  await control({ member: { channel, entity: 'AccountChangeEvent', enriched_fields: ['Name'] } });
  const client = await connect();
  const seen = listen();
  const { id } = await rest('POST', '/sobjects/Account', { Name: 'Channel' });
  await client.subscribeFromEarliestEvent(`/data/${channel}`, seen.callback);
  await rest('PATCH', `/sobjects/Account/${id}`, { Phone: '7' });
  const mine = (e) => e.payload.ChangeEventHeader.recordIds.includes(id);
  await until('both', () => seen.events.filter(mine).length === 2);
  const [, updated] = seen.events.filter(mine);
  assert.deepEqual([updated.payload.Phone, updated.payload.Name], ['7', 'Channel']);
  assert.equal(updated.payload.ChangeEventHeader.changedFields.includes('Name'), false);
  await rest('DELETE', `/sobjects/Account/${id}`);
  await client.close();
});

/** Reads a managed subscription, and commits the first of two events. */
const commitFirst = async (name) => {
  const client = await connect();
  const seen = listen();
  await client.publish(TOPIC, order('M-1'));
  await client.publish(TOPIC, order('M-2'));
  await client.subscribeWithManagedSubscription(name, seen.callback, 100);
  await until('both', () => numbers(seen).includes('M-2'));
  const { subscriptionId } = seen.subscription;
  client.commitReplayId(subscriptionId, seen.events.find((e) => e.payload.Order_Number__c === 'M-1').replayId);
  await new Promise((resolve) => setTimeout(resolve, 500));
};

step('a managed subscription goes on where it was committed', async () => {
  // The client looks its subscription up through the Tooling API.
  const name = `Judge_${Date.now()}`;
  const metadata = { label: name, topicName: TOPIC, defaultReplay: 'EARLIEST', errorRecoveryReplay: 'EARLIEST', state: 'RUN' };
  const path = '/tooling/sobjects/ManagedEventSubscription';
  const { id } = await rest('POST', path, { FullName: name, Metadata: metadata });
  // One client at a time has a subscription, and this library ends no call before its process ends.
  await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), process.argv[2], name]);
  const again = await connect();
  const left = listen();
  await again.subscribeWithManagedSubscription(name, left.callback, 100);
  await until('the rest', () => left.events.length > 0);
  assert.equal(numbers(left)[0], 'M-2');
  await rest('DELETE', `${path}/${id}`);
  await until('the end', () => left.errors.length > 0);
  assert.match(left.errors[0].details, /was deleted/);
  await again.close();
});

step('errors carry their code', async () => {
  const client = await connect();
  const nowhere = listen();
  await client.subscribe('/event/Nope__e', nowhere.callback);
  await until('a refusal', () => nowhere.errors.length > 0);
  const codeOf = (error) => error.metadata?.get?.('error-code')?.[0];
  assert.equal(codeOf(nowhere.errors[0]), 'sfdc.platform.eventbus.grpc.topic.not.found');
  const seen = listen();
  await client.subscribeFromReplayId(TOPIC, seen.callback, 1, 5);
  await until('an error', () => seen.errors.length > 0);
  assert.equal(codeOf(seen.errors[0]), 'sfdc.platform.eventbus.grpc.subscription.fetch.replayid.validation.failed');
  await client.close();
});

if (process.argv[3]) {
  await commitFirst(process.argv[3]);
  process.exit();
}
await finish('pubsub');
