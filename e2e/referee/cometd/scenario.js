// The CometD JavaScript client, unmodified: handshake, replay, events of every kind, a lost session, disconnect.
//
//   node scenario.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import { adapt } from 'cometd-nodejs-client';
import { CometD } from 'cometd';
import { control, finish, org, rest, step, until } from './harness.js';

adapt();

/** A client with the replay extension as Salesforce's own samples have it. */
const connect = async () => {
  const client = new CometD();
  client.unregisterTransport('websocket');
  client.configure({
    url: `${org.url}/cometd/66.0`,
    requestHeaders: { Authorization: `OAuth ${org.access_token}` },
    appendMessageTypeToURL: false,
    logLevel: 'off',
  });
  client.replay = {};
  client.registerExtension('replay', {
    outgoing: (message) => {
      if (message.channel === '/meta/handshake') message.ext = { ...message.ext, replay: true };
      if (message.channel === '/meta/subscribe') message.ext = { ...message.ext, replay: client.replay };
      return message;
    },
    incoming: (message) => {
      const id = message.data?.event?.replayId;
      if (id) client.replay[message.channel] = id;
      return message;
    },
  });
  client.handshakes = [];
  client.addListener('/meta/handshake', (message) => client.handshakes.push(message));
  const answer = await new Promise((resolve) => client.handshake(resolve));
  return [client, answer];
};

const subscribe = async (client, channel, replay) => {
  if (replay !== undefined) client.replay[channel] = replay;
  const events = [];
  const answer = await new Promise((resolve) => {
    events.subscription = client.subscribe(channel, (message) => events.push(message), resolve);
  });
  return [events, answer];
};

const disconnect = (client) => new Promise((resolve) => client.disconnect(resolve));

step('handshake, and what a wrong token is told', async () => {
  const [client, answer] = await connect();
  assert.equal(answer.successful, true);
  assert.equal(answer.ext.replay, true);
  assert.deepEqual(answer.supportedConnectionTypes, ['long-polling']);
  assert.equal(answer.advice, undefined);
  await disconnect(client);
  const right = org.access_token;
  org.access_token = 'nonsense';
  const [wrong, denied] = await connect();
  org.access_token = right;
  assert.equal(denied.successful, false);
  assert.equal(denied.error, '403::Handshake denied');
  assert.equal(denied.ext.sfdc.failureReason, '401::Authentication invalid');
  assert.equal(wrong.isDisconnected(), true);
});

step('the probe for WebSocket fails at once, and long polling is fallen back to', async () => {
  const client = new CometD();
  client.configure({
    url: `${org.url}/cometd/66.0`,
    requestHeaders: { Authorization: `OAuth ${org.access_token}` },
    appendMessageTypeToURL: false,
    logLevel: 'off',
  });
  const answers = [];
  client.handshake((answer) => answers.push(answer));
  await until('an answer', () => answers.length > 0);
  await until('long polling', () => client.getTransport()?.type === 'long-polling');
  await until('a session', () => client.getClientId());
  await disconnect(client);
});

step('platform events: as they come, from the first, after an id', async () => {
  const [client] = await connect();
  const channel = '/event/Order_Event__e';
  const [live, answer] = await subscribe(client, channel, -1);
  assert.equal(answer.successful, true);
  const published = await rest('POST', '/sobjects/Order_Event__e', { Order_Number__c: 'C-1', Total__c: 2.5 });
  const [note] = published.errors;
  assert.equal(note.statusCode, 'OPERATION_ENQUEUED');
  await until('an event', () => live.length === 1);
  const { data } = live[0];
  assert.equal(data.event.EventUuid, note.message);
  assert.equal(data.payload.Order_Number__c, 'C-1');
  assert.equal(data.payload.Total__c, 2.5);
  assert.equal(data.payload.Ordered__c, null);
  assert.equal(data.payload.CreatedById, org.user_id);
  assert.match(data.payload.CreatedDate, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  await rest('POST', '/sobjects/Order_Event__e', { Order_Number__c: 'C-2' });
  await until('the second', () => live.length === 2);
  const [other] = await connect();
  const [after] = await subscribe(other, channel, data.event.replayId);
  await until('what came after the first', () => after.length === 1);
  assert.equal(after[0].data.payload.Order_Number__c, 'C-2');
  const [third] = await connect();
  const [all] = await subscribe(third, channel, -2);
  await until('everything', () => all.some((m) => m.data.payload.Order_Number__c === 'C-2'));
  assert.equal(all.some((m) => m.data.event.replayId === data.event.replayId), true);
  const [, refused] = await subscribe(third, '/event/Nope__e');
  assert.equal(refused.error, "400::The channel you requested to subscribe to doesn't exist /event/Nope__e");
  await Promise.all([client, other, third].map(disconnect));
});

step('change events of one object and of all', async () => {
  const [client] = await connect();
  const [one] = await subscribe(client, '/data/AccountChangeEvent', -1);
  const [all] = await subscribe(client, '/data/ChangeEvents', -1);
  const { id } = await rest('POST', '/sobjects/Account', { Name: 'Comet', BillingCity: 'Oslo' });
  await rest('PATCH', `/sobjects/Account/${id}`, { BillingCity: 'Bergen' });
  await rest('DELETE', `/sobjects/Account/${id}`);
  await until('three events on each', () => one.length === 3 && all.length >= 3);
  const headers = one.map((m) => m.data.payload.ChangeEventHeader);
  assert.deepEqual(headers.map((h) => h.changeType), ['CREATE', 'UPDATE', 'DELETE']);
  assert.deepEqual(headers.map((h) => h.recordIds), [[id], [id], [id]]);
  assert.deepEqual(headers[1].changedFields, ['BillingAddress.City', 'LastModifiedDate']);
  assert.equal(one[0].data.payload.Name, 'Comet');
  assert.deepEqual(one[1].data.payload.BillingAddress, { City: 'Bergen' });
  assert.equal(headers[0].commitTimestamp % 1000, 0);
  assert.equal(all[0].channel, '/data/ChangeEvents');
  await disconnect(client);
});

step('PushTopics and generic channels', async () => {
  const topic = await rest('POST', '/sobjects/PushTopic', {
    Name: 'CometTopic',
    Query: "SELECT Id, Name FROM Account WHERE Name LIKE 'Comet%'",
    ApiVersion: 66.0,
  });
  const channel = await rest('POST', '/sobjects/StreamingChannel', { Name: '/u/comet/demo' });
  const [client] = await connect();
  const [notices] = await subscribe(client, '/topic/CometTopic');
  const [texts] = await subscribe(client, '/u/comet/demo');
  const { id } = await rest('POST', '/sobjects/Account', { Name: 'Comet two' });
  await rest('POST', '/sobjects/Account', { Name: 'Something else' }).then((a) => rest('DELETE', `/sobjects/Account/${a.id}`));
  const pushed = await rest('POST', `/sobjects/StreamingChannel/${channel.id}/push`, {
    pushEvents: [{ payload: 'hello', userIds: [] }],
  });
  assert.deepEqual(pushed, [{ fanoutCount: -1, userOnlineStatus: {} }]);
  await until('both', () => notices.length === 1 && texts.length === 1);
  assert.deepEqual(notices[0].data.sobject, { Id: id, Name: 'Comet two' });
  assert.equal(notices[0].data.event.type, 'created');
  assert.equal(texts[0].data.payload, 'hello');
  await rest('DELETE', `/sobjects/Account/${id}`);
  await until('the deletion', () => notices.length === 2);
  assert.deepEqual([notices[1].data.event.type, notices[1].data.sobject], ['deleted', { Id: id }]);
  await disconnect(client);
  await rest('DELETE', `/sobjects/PushTopic/${topic.id}`);
  await rest('DELETE', `/sobjects/StreamingChannel/${channel.id}`);
});

step('a lost session is taken up again with nothing missed', async () => {
  const [client] = await connect();
  const channel = '/event/Order_Event__e';
  const [events] = await subscribe(client, channel, -1);
  await rest('POST', '/sobjects/Order_Event__e', { Order_Number__c: 'L-1' });
  await until('the first', () => events.length === 1);
  // The client subscribes anew by itself, with the ids that the extension noted.
  client.addListener('/meta/handshake', (message) => message.successful && client.resubscribe(events.subscription));
  await control({ forget_clients: {} });
  await rest('POST', '/sobjects/Order_Event__e', { Order_Number__c: 'L-2' });
  await until('a second handshake', () => client.handshakes.length === 2);
  assert.equal(client.handshakes[1].successful, true);
  await until('what happened meanwhile', () => events.length >= 2);
  assert.deepEqual(events.map((m) => m.data.payload.Order_Number__c), ['L-1', 'L-2']);
  await disconnect(client);
});

step('disconnect ends it, and a spoiled position is refused', async () => {
  const [client] = await connect();
  const [, refused] = await subscribe(client, '/event/Order_Event__e', 1);
  assert.equal(refused.successful, false);
  assert.equal(
    refused.error,
    '400::The replayId 1 you provided was invalid. Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.',
  );
  const bye = await disconnect(client);
  assert.equal(bye.successful, true);
  assert.equal(client.isDisconnected(), true);
});

await finish('cometd');
