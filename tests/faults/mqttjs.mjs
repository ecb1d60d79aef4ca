// What mqtt.js does in `clean.py`: node mqttjs.mjs VERSION PREFIX; 3, 4 or 5. Rejects nothing, errs in nothing.
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

const require = createRequire(process.env.NODE_MODULES_OF)
const { connectAsync } = require('mqtt')
const [version, prefix] = [Number(process.argv[2]), process.argv[3]]
const common = { host: '127.0.0.1', port: Number(process.env.MQTT_PORT), reconnectPeriod: 0, protocolVersion: version }
if (version === 3) common.protocolId = 'MQIsdp'
if (process.env.MQTT_USER) Object.assign(common, { username: process.env.MQTT_USER, password: process.env.MQTT_PASSWORD })
const open = (role, options = {}) => connectAsync({ ...common, clientId: `${role}-${prefix}`, ...options })
const received = (client, count) => new Promise((resolve) => {
  let seen = 0
  client.on('message', () => { if (++seen === count) resolve() })
  sleep(3000).then(resolve)
})

// every QoS there and back, many at once, an acknowledged QoS 0 as well as it can be
const reader = await open('reader', { keepalive: 1 })
await reader.subscribeAsync(`${prefix}/m/#`, { qos: 2 })
const writer = await open('writer')
const all = received(reader, 24)
for (const qos of [0, 1, 2]) await writer.publishAsync(`${prefix}/m/${qos}`, `QoS ${qos}`, { qos })
await Promise.all([...Array(21).keys()].map((n) => writer.publishAsync(`${prefix}/m/many`, `message ${n}`, { qos: n % 3 })))
await all
await reader.unsubscribeAsync(`${prefix}/m/#`)

// a retained message, for a subscription made later
await writer.publishAsync(`${prefix}/kept`, 'kept', { qos: 1, retain: true })
await sleep(1200)
const kept = received(reader, 1)
await reader.subscribeAsync(`${prefix}/kept`, { qos: 1 })
await kept
await sleep(2200)
await reader.unsubscribeAsync(`${prefix}/kept`)
await writer.publishAsync(`${prefix}/kept`, '', { qos: 1, retain: true })

// a will
const will = { topic: `${prefix}/will`, payload: 'gone', qos: 1, retain: false }
const owner = await open('owner', { will })
await reader.subscribeAsync(`${prefix}/will`, { qos: 1 })
const gone = received(reader, 1)
owner.stream.destroy()
await gone

// a session that goes on
const session = version === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}
await (await open('sleeper', { clean: true })).endAsync()
const sleeper = await open('sleeper', { clean: false, ...session })
await sleeper.subscribeAsync(`${prefix}/q`, { qos: 1 })
await sleeper.endAsync()
for (const n of [1, 2, 3]) await writer.publishAsync(`${prefix}/q`, `queued ${n}`, { qos: 1 })
const again = await open('sleeper', { clean: false, ...session })
await received(again, 3)
await again.endAsync()
for (const one of [writer, reader]) await one.endAsync()
process.exit(0)
