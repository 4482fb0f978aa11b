// The Faye client, unmodified: another Bayeux client, which probes for WebSocket first and batches connect and subscribe.
//
//   node faye.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import faye from 'faye';
import { finish, org, rest, step, until } from './harness.js';

const connect = () => {
  const client = new faye.Client(`${org.url}/cometd/66.0`, { timeout: 120 });
  client.setHeader('Authorization', `OAuth ${org.access_token}`);
  return client;
};

step('WebSocket is refused, long polling works', async () => {
  const client = connect();
  const events = [];
  await client.subscribe('/event/Order_Event__e', (data) => events.push(data));
  await rest('POST', '/sobjects/Order_Event__e', { Order_Number__c: 'F-1' });
  await until('an event', () => events.length === 1);
  assert.equal(events[0].payload.Order_Number__c, 'F-1');
  // A held poll is answered as soon as there is something, again and again.
  for (const number of ['F-2', 'F-3', 'F-4']) {
    await rest('POST', '/sobjects/Order_Event__e', { Order_Number__c: number });
    await until(number, () => events.at(-1).payload.Order_Number__c === number);
  }
  await client.disconnect();
});

step('what does not exist is refused', async () => {
  const client = connect();
  await assert.rejects(async () => client.subscribe('/event/Nope__e', () => {}), /doesn't exist/);
  await client.disconnect();
});

await finish('faye');
