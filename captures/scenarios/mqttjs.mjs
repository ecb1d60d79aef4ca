// Scenarios played by mqtt.js: node mqttjs.mjs NAME
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

const require = createRequire(process.env.NODE_MODULES_OF)
const { connect } = require('mqtt')
const mqttPacket = require('mqtt-packet')
const host = process.env.MQTT_HOST ?? '127.0.0.1'
const port = Number(process.env.MQTT_PORT ?? 1883)

function open (options) {
  const client = connect({ host, port, reconnectPeriod: 0, protocolVersion: 4, ...options })
  client.on('error', (error) => console.log(options.clientId, 'error:', error.message))
  return client
}
const once = (client, event) => new Promise((resolve) => client.once(event, (...args) => resolve(args)))

// 3.1.1 with every QoS, a retained message, a will, a wrong password
async function messages (options = {}) {
  const reader = open({ ...options, clientId: 'js-reader', clean: false, keepalive: 1 })
  await once(reader, 'connect')
  await reader.subscribeAsync({ 'js/#': { qos: 2 }, 'js/will/+': { qos: 1 } })
  const writer = open({
    ...options,
    clientId: 'js-writer',
    username: 'alice',
    password: 'wonderland',
    will: { topic: 'js/will/writer', payload: 'gone', qos: 1, retain: true }
  })
  await once(writer, 'connect')
  for (const qos of [0, 1, 2]) await writer.publishAsync(`js/qos/${qos}`, JSON.stringify({ qos, ok: true }), { qos })
  await writer.publishAsync('js/ünï/çødé', '☕'.repeat(5), { qos: 2, retain: true })
  await writer.publishAsync('js/empty', '', { qos: 1 })
  await writer.publishAsync('js/binary', Buffer.from([0, 1, 2, 0xfd, 0xfe, 0xff]), { qos: 0 })
  await sleep(1700)
  writer.stream.destroy()
  await once(reader, 'message')
  await sleep(200)
  await reader.unsubscribeAsync(['js/#', 'js/will/+'])
  await reader.endAsync()
  const again = open({ ...options, clientId: 'js-reader', clean: true })
  await once(again, 'connect')
  await again.publishAsync('js/ünï/çødé', '', { retain: true })
  await again.endAsync()
  const refused = open({ ...options, clientId: 'js-refused', username: 'alice', password: 'queen-of-hearts' })
  await once(refused, 'close')
}

// Hundreds of small PUBLISH packets written at once, so that they share TCP segments, to the broker and from it
async function burst () {
  const reader = open({ clientId: 'burst-reader' })
  await once(reader, 'connect')
  await reader.subscribeAsync('burst/#', { qos: 1 })
  let seen = 0
  reader.on('message', () => { seen++ })
  const writer = open({ clientId: 'burst-writer' })
  await once(writer, 'connect')
  for (const qos of [0, 1]) {
    writer.stream.cork()
    for (let n = 0; n < 250; n++) writer.publish(`burst/${qos}/${n}`, `${n}`.repeat(1 + n % 5), { qos })
    writer.stream.uncork()
    await sleep(700)
  }
  console.log('seen', seen)
  await writer.endAsync()
  await reader.endAsync()
}

// 5.0: topic aliases that mqtt.js assigns by itself; what the scripted server says
async function scripted () {
  const properties = { requestResponseInformation: true, topicAliasMaximum: 10, sessionExpiryInterval: 7200 }
  const v5 = { protocolVersion: 5, autoAssignTopicAlias: true, properties, keepalive: 3 }
  const client = open({ ...v5, clientId: '' })
  client.on('message', (topic, payload) => console.log(topic, payload.toString()))
  await once(client, 'connect')
  const subscription = { properties: { subscriptionIdentifier: 3 } }
  const filters = { 'plant/#': { qos: 1 }, '$share/crew/jobs': { qos: 1 }, 'not/yours': { qos: 0 } }
  await client.subscribeAsync(filters, subscription).catch((error) => console.log(error.message))
  for (const value of [1, 2]) await client.publishAsync('mine/value', `${value}`, { qos: 0 })
  await client.publishAsync('mine/value', 'too much', { qos: 1 }).catch((error) => console.log(error.message))
  await client.publishAsync('mine/value', 'in two steps', { qos: 2 }).catch((error) => console.log(error.message))
  await client.unsubscribeAsync(['plant/#', 'not/yours']).catch((error) => console.log(error.message))
  await once(client, 'close')
  await once(open({ ...v5, clientId: 'lost' }), 'close')
}

// 5.0 AUTH: a login in two rounds, re-authentication, a wrong answer, an unknown user, an unknown method
async function auth () {
  const reversed = (data) => Buffer.from(data).reverse()
  const method = 'X-REVERSE'
  const login = (clientId, user, reply, authenticationMethod = method) => {
    const client = connect({
      host,
      port,
      clientId,
      reconnectPeriod: 0,
      protocolVersion: 5,
      manualConnect: true,
      properties: { authenticationMethod, authenticationData: Buffer.from(user) }
    })
    client.on('error', (error) => console.log(clientId, 'error:', error.message))
    client.handleAuth = (packet, done) => {
      if (packet.reasonCode === 0) client.emit('authenticated')
      const properties = { authenticationMethod: method, authenticationData: reply(packet.properties.authenticationData) }
      done(null, { cmd: 'auth', reasonCode: 0x18, properties })
    }
    client.connect()
    return client
  }
  const client = login('auth-client', 'alice', reversed)
  await once(client, 'connect')
  await client.subscribeAsync('auth/#', { qos: 1 })
  await client.publishAsync('auth/news', 'let in', { qos: 1 })
  const again = {
    authenticationMethod: method,
    authenticationData: Buffer.from('alice'),
    reasonString: 'time to renew',
    userProperties: { round: '2' }
  }
  const done = once(client, 'authenticated')
  client.stream.write(mqttPacket.generate({ cmd: 'auth', reasonCode: 0x19, properties: again }, { protocolVersion: 5 }))
  await done
  await client.publishAsync('auth/news', 'still in', { qos: 1 })
  await client.endAsync()
  await once(login('wrong-answer', 'alice', (data) => data), 'close')
  await once(login('wrong-user', 'duchess', reversed), 'close')
  await once(login('wrong-method', 'alice', reversed, 'SCRAM-SHA-1'), 'close')
}

// 5.0 against a broker with few abilities
async function small () {
  const client = open({ clientId: 'small', protocolVersion: 5, properties: { sessionExpiryInterval: 60 } })
  await once(client, 'connect')
  await client.subscribeAsync('small/news').catch((error) => console.log(error.message))
  await client.subscribeAsync('small/+').catch((error) => console.log(error.message))
  const news = once(client, 'message')
  await client.publishAsync('small/news', 'only QoS 0', { properties: { contentType: 'text/plain' } })
  await news
  await client.unsubscribeAsync('small/news')
  await once(open({ clientId: 'refused', protocolVersion: 5, username: 'alice', password: 'wonderland' }), 'close')
  const rejected = once(client, 'disconnect')
  client.publish('small/news', 'mqttools chokes on User Property', { properties: { userProperties: { a: 'b' } } })
  await rejected
}

const websocket = () => messages({ protocol: 'ws', path: '/mqtt' })

const scenarios = { messages, burst, scripted, auth, small, websocket }
await scenarios[process.argv[2]]()
process.exit(0)
