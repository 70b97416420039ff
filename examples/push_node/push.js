// Push numbers into finfleet from Node: the celery-node package alone, nothing of finfleet's.
//
//   npm install
//   BROKER_URL=redis://localhost:6379/0 node push.js
//
// The source has to be named in finfleet's configuration:
//
//   generic:
//     sources:
//       - {name: checkout, kind: push}
"use strict";

const celery = require("celery-node");

const broker = process.env.BROKER_URL;
// The library wants a place for results too; none are ever written there.
const client = celery.createClient(broker, broker, "push");
const now = new Date();

const message = {
  source: process.env.SOURCE || "checkout",
  sent_at: now.toISOString(),
  key: `checkout-1/${now.toISOString()}`,
  resources: [{ id: "checkout-1", type: "service", tags: { team: "shop" } }],
  metrics: [
    { resource: "checkout-1", name: "orders", value: 42, unit: "count", statistic: "sum", period: 60 },
    { resource: "checkout-1", name: "latency", value: 0.125, unit: "seconds", statistic: "p95", period: 60 },
  ],
};

async function main() {
  await client.isReady();
  client.sendTask("finfleet.push", [message], {});
  // The library gives no promise of its sending; it begins as soon as what is at hand is done.
  await new Promise(setImmediate);
  await client.disconnect(); // after the broker has answered
  console.log("sent", message.key);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
