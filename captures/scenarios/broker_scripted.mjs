// Not a broker: a scripted server on mqtt.js's own packet library. It sends what no broker at hand sends: Response
// Information, Server Reference, Subscription Identifier Available, topic aliases to the client, reason strings.
import { createServer } from 'node:net'
import { createRequire } from 'node:module'

const require = createRequire(process.env.NODE_MODULES_OF)
const mqttPacket = require('mqtt-packet')
const options = { protocolVersion: 5 }
const topic = 'plant/hall-7/line-3/press-12/hydraulics/pressure'

function answer (packet, send, end) {
  const ack = { messageId: packet.messageId, reasonCode: 0 }
  const why = (reasonString) => ({ properties: { reasonString, userProperties: { node: 'queen-1' } } })
  if (packet.cmd === 'connect' && packet.clientId === 'lost') {
    send({
      cmd: 'connack',
      reasonCode: 0x9d,
      properties: { serverReference: 'queen-2.example:1883', ...why('moved for good').properties }
    })
    end()
  } else if (packet.cmd === 'connect') {
    send({
      cmd: 'connack',
      reasonCode: 0,
      sessionPresent: false,
      properties: {
        sessionExpiryInterval: 3600,
        receiveMaximum: 20,
        maximumQoS: 1,
        retainAvailable: true,
        maximumPacketSize: 1048576,
        assignedClientIdentifier: 'white-rabbit-7',
        topicAliasMaximum: 16,
        reasonString: 'welcome – 欢迎',
        userProperties: { node: 'queen-1', region: ['north', 'south'] },
        wildcardSubscriptionAvailable: true,
        subscriptionIdentifiersAvailable: true,
        sharedSubscriptionAvailable: false,
        serverKeepAlive: 45,
        responseInformation: 'answers/white-rabbit-7/'
      }
    })
  } else if (packet.cmd === 'subscribe') {
    send({ cmd: 'suback', messageId: packet.messageId, granted: [1, 0x9e, 0x87], ...why('no shared ones here') })
    const properties = { topicAlias: 4, subscriptionIdentifier: [3, 128, 16384], messageExpiryInterval: 9 }
    send({ cmd: 'publish', topic, payload: '17.0', qos: 0, properties })
    send({ cmd: 'publish', topic: '', payload: '17.1', qos: 0, properties: { topicAlias: 4 } })
    send({ cmd: 'publish', topic: '', payload: '17.2', qos: 1, messageId: 9, properties: { topicAlias: 4 } })
  } else if (packet.cmd === 'publish' && packet.qos === 1) {
    send({ cmd: 'puback', ...ack, reasonCode: 0x97, ...why('quota exceeded') })
  } else if (packet.cmd === 'publish' && packet.qos === 2) {
    send({ cmd: 'pubrec', ...ack, ...why('received') })
  } else if (packet.cmd === 'pubrel') {
    send({ cmd: 'pubcomp', ...ack, ...why('complete') })
  } else if (packet.cmd === 'unsubscribe') {
    send({ cmd: 'unsuback', messageId: packet.messageId, granted: [0, 0x11], ...why('one was not there') })
  } else if (packet.cmd === 'pingreq') {
    send({ cmd: 'pingresp' })
    const properties = { serverReference: 'queen-2.example:1883', reasonString: 'try the other one' }
    send({ cmd: 'disconnect', reasonCode: 0x9c, properties: { ...properties, userProperties: { node: 'queen-1' } } })
    end()
  }
}

createServer((socket) => {
  const parser = mqttPacket.parser(options)
  const send = (packet) => socket.write(mqttPacket.generate(packet, options))
  parser.on('packet', (packet) => answer(packet, send, () => socket.end()))
  parser.on('error', () => socket.destroy())
  socket.on('data', (data) => parser.parse(data)).on('error', () => {})
}).listen(Number(process.env.MQTT_PORT), '127.0.0.1')
