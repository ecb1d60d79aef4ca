// Random packets, encoded by npm's mqtt-packet: what tests/test_oracle.py holds the decoder against.
//
//   node generate.mjs COUNT SEED VERSION [NODE_MODULES]
//
// VERSION is the protocol level 3, 4 or 5; NODE_MODULES the folder that holds mqtt-packet, where Node does not find it
// by itself. One JSON line per packet: {"hex": its bytes, "packet": the object given to generate()}; a buffer is
// {"hex": ...}. The same arguments give the same packets. Exit status 3: there is no mqtt-packet.
//
// All that is legal is in reach, but for what mqtt-packet (9.0) refuses or gets wrong:
//  - a bridge (level + 128) that speaks MQTT 5.0: it writes level 3 and no properties;
//  - a password without a user name in MQTT 5.0, and an empty client identifier without clean start: refused;
//  - DUP in the PUBREL of MQTT 3.1: it looks the header up at the wrong index and throws;
//  - a reason code without properties in an acknowledgement, a DISCONNECT or AUTH of two bytes: its choice, and legal.
// test_oracle.py has these from elsewhere.

import { createRequire } from 'node:module'
import { join } from 'node:path'

const [COUNT, SEED, VERSION] = process.argv.slice(2, 5).map(Number)
const V5 = VERSION === 5

/** The generate() of mqtt-packet. */
function encoder () {
  const require = createRequire(import.meta.url)
  try {
    return require(process.argv[5] ? join(process.argv[5], 'mqtt-packet') : 'mqtt-packet').generate
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error
    console.error(error.message.split('\n')[0])
    process.exit(3)
  }
}

// Random numbers: mulberry32

let state = (SEED * 3 + VERSION) >>> 0

function random () {
  state = (state + 0x6d2b79f5) >>> 0
  let t = state
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const chance = (share) => random() < share
const pick = (list) => list[Math.floor(random() * list.length)]
const EDGES = [0, 1, 127, 128, 255, 256, 16383, 16384, 65534, 65535, 2097151, 2097152, 268435455, 4294967295]

/** A number from low to high, often one where an encoding changes. */
function integer (low, high) {
  const edge = pick(EDGES)
  if (chance(0.3) && edge >= low && edge <= high) return edge
  return low + Math.floor(random() * (high - low + 1))
}

function times (count, make) {
  return Array.from({ length: count }, (_, index) => make(index))
}

function shuffled (list) {
  const rest = [...list]
  return times(rest.length, () => rest.splice(Math.floor(random() * rest.length), 1)[0])
}

// Text and bytes

const CHARACTERS = [
  ...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.:$%"\'\\<>{}[]&', // 1 byte each
  ...'äßéøÆñπΩЖяשلि', // 2 and 3
  ...'€中文字語한ｱ☃\u200b\ufffd', // 3
  ...'😀𝄞𐍈🏳\u{10fffd}' // 4
]

/** A length: mostly short, at times long enough for two and three byte lengths. */
function size () {
  const kind = random()
  if (kind < 0.12) return 0
  if (kind < 0.93) return integer(1, 40)
  if (kind < 0.985) return integer(100, 700)
  return integer(5000, 20000)
}

/** Text; at times it starts with a zero width no-break space, which is not a byte order mark here (1.5.4). */
function text (length = size()) {
  return (length && chance(0.01) ? '\ufeff' : '') + times(length, () => pick(CHARACTERS)).join('')
}

/** Text of exactly the most bytes that a string may have. */
function longest () {
  const ends = text(integer(0, 300))
  return ends + 'x'.repeat(65535 - Buffer.byteLength(ends))
}

function bytes (length = size()) {
  return Buffer.from(times(length, () => integer(0, 255)))
}

/** A topic name: at least one character, no wildcards. */
function topic () {
  if (chance(0.005)) return longest()
  const name = times(integer(1, 5), () => text(integer(0, 12))).join('/')
  return name === '' ? '/' : name
}

/** A topic filter, with wildcards where they may stand (4.7.1). */
function filter () {
  const levels = times(integer(1, 5), () => (chance(0.25) ? '+' : text(integer(1, 12))))
  if (chance(0.3)) levels.push('#')
  if (V5 && chance(0.2)) levels.unshift('$share', 'group' + integer(0, 99))
  return chance(0.05) ? '#' : levels.join('/')
}

const identifier = () => integer(1, 65535)
const flag = () => chance(0.5)
const uint16 = () => integer(0, 65535)
const uint32 = () => integer(0, 4294967295)

// Properties

/** Pairs in any order, the same key again and again: one object for each, or one for all. */
function userProperties () {
  const keys = times(integer(1, 3), () => text())
  if (chance(0.5)) return times(integer(1, 6), () => ({ [pick(keys)]: text() }))
  return Object.fromEntries(keys.map((key) => [key, chance(0.5) ? text() : times(integer(1, 4), () => text())]))
}

const VALUES = {
  payloadFormatIndicator: flag,
  messageExpiryInterval: uint32,
  contentType: text,
  responseTopic: topic,
  correlationData: bytes,
  subscriptionIdentifier: () => integer(1, 268435455),
  sessionExpiryInterval: uint32,
  assignedClientIdentifier: text,
  serverKeepAlive: uint16,
  authenticationMethod: text,
  authenticationData: bytes,
  requestProblemInformation: flag,
  willDelayInterval: uint32,
  requestResponseInformation: flag,
  responseInformation: text,
  serverReference: text,
  reasonString: text,
  receiveMaximum: () => integer(1, 65535),
  topicAliasMaximum: uint16,
  topicAlias: () => integer(1, 65535),
  maximumQoS: () => integer(0, 1),
  retainAvailable: flag,
  userProperties,
  maximumPacketSize: () => integer(1, 4294967295),
  wildcardSubscriptionAvailable: flag,
  subscriptionIdentifiersAvailable: flag,
  sharedSubscriptionAvailable: flag
}

const MESSAGE = ['payloadFormatIndicator', 'messageExpiryInterval', 'contentType', 'responseTopic', 'correlationData']
const LIMITS = ['sessionExpiryInterval', 'receiveMaximum', 'maximumPacketSize', 'topicAliasMaximum']
const LOGIN = ['authenticationMethod', 'authenticationData']
const PLACES = { // MQTT 5.0, table 2-4; all of them may have user properties
  connect: [...LIMITS, ...LOGIN, 'requestResponseInformation', 'requestProblemInformation'],
  will: [...MESSAGE, 'willDelayInterval'],
  connack: [
    ...LIMITS, ...LOGIN, 'maximumQoS', 'retainAvailable', 'assignedClientIdentifier', 'reasonString',
    'wildcardSubscriptionAvailable', 'subscriptionIdentifiersAvailable', 'sharedSubscriptionAvailable',
    'serverKeepAlive', 'responseInformation', 'serverReference'
  ],
  publish: [...MESSAGE, 'topicAlias', 'subscriptionIdentifier'],
  subscribe: ['subscriptionIdentifier'],
  unsubscribe: [],
  disconnect: ['sessionExpiryInterval', 'reasonString', 'serverReference'],
  auth: [...LOGIN, 'reasonString']
}

/** Properties for a packet, or a will: none, all or some, in any order. */
function properties (place) {
  if (!V5 || chance(0.1)) return undefined
  const share = pick([0, 0.3, 0.6, 1])
  const may = [...(PLACES[place] ?? ['reasonString']), 'userProperties']
  const names = shuffled(may.filter(() => chance(share)))
  if (names.includes('authenticationData') && !names.includes('authenticationMethod')) {
    names.unshift('authenticationMethod') // 3.1.2.11.10
  }
  const made = Object.fromEntries(names.map((name) => [name, VALUES[name]()]))
  if (place === 'publish' && 'subscriptionIdentifier' in made && chance(0.5)) {
    made.subscriptionIdentifier = times(integer(1, 5), VALUES.subscriptionIdentifier) // 3.3.2.3.8
  }
  return made
}

// Packets

/** A payload; UTF-8 where the properties say so. */
const payload = (said, length) => said?.payloadFormatIndicator ? Buffer.from(text(length)) : bytes(length)

function will () {
  const said = properties('will')
  return { topic: topic(), payload: payload(said), qos: integer(0, 2), retain: flag(), properties: said }
}

function connect () {
  const clean = flag()
  const named = VERSION === 3 || !clean || flag()
  const user = flag()
  return {
    protocolId: VERSION === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: VERSION,
    bridgeMode: !V5 && chance(0.1),
    clean,
    keepalive: uint16(),
    clientId: named ? text(integer(1, 30)) : '',
    will: flag() ? will() : undefined,
    username: user ? text() : undefined,
    password: user && flag() ? bytes() : undefined,
    properties: properties('connect')
  }
}

const CODES = { // MQTT 5.0, the table of reason codes of each packet; 0x8c of DISCONNECT is in 2.4 only
  connack: [
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c,
    0x9d, 0x9f
  ],
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
  suback: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  disconnect: [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
    0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2
  ],
  auth: [0x00, 0x18, 0x19]
}

function connack () {
  const accepted = flag()
  return {
    sessionPresent: VERSION > 3 && accepted && flag(), // 3.2.2.1.1; MQTT 3.1 has no such flag
    ...(V5
      ? { reasonCode: accepted ? 0 : pick(CODES.connack), properties: properties('connack') }
      : { returnCode: accepted ? 0 : integer(1, 5) })
  }
}

function publish (length) {
  const said = properties('publish')
  const qos = integer(0, 2)
  return {
    dup: qos > 0 && flag(),
    qos,
    retain: flag(),
    topic: said?.topicAlias && flag() ? '' : topic(),
    messageId: qos > 0 ? identifier() : undefined,
    properties: said,
    payload: payload(said, length)
  }
}

function acknowledgement (cmd) {
  const code = V5 ? { reasonCode: pick(CODES[cmd]), properties: properties(cmd) } : {}
  return { messageId: identifier(), ...code }
}

function subscription () {
  const name = filter()
  if (!V5) return { topic: name, qos: integer(0, 2) }
  const nl = !name.startsWith('$share/') && flag() // 3.8.3.1
  return { topic: name, qos: integer(0, 2), nl, rap: flag(), rh: integer(0, 2) }
}

const several = () => chance(0.01) ? integer(300, 2000) : integer(1, 8)

function request (cmd, content) {
  return { dup: VERSION === 3 && flag(), messageId: identifier(), ...content, properties: properties(cmd) }
}

function granted (cmd) {
  const codes = V5 ? CODES[cmd] : VERSION === 4 ? [0, 1, 2, 0x80] : [0, 1, 2]
  const content = V5 || cmd === 'suback' ? { granted: times(several(), () => pick(codes)) } : {}
  return { messageId: identifier(), ...content, properties: properties(cmd) }
}

const goodbye = (cmd) => V5 ? { reasonCode: pick(CODES[cmd]), properties: properties(cmd) } : {}

const PACKETS = {
  connect,
  connack,
  publish: () => publish(),
  puback: acknowledgement,
  pubrec: acknowledgement,
  pubrel: acknowledgement,
  pubcomp: acknowledgement,
  subscribe: (cmd) => request(cmd, { subscriptions: times(several(), subscription) }),
  suback: granted,
  unsubscribe: (cmd) => request(cmd, { unsubscriptions: times(several(), filter) }),
  unsuback: granted,
  pingreq: () => ({}),
  pingresp: () => ({}),
  disconnect: goodbye,
  ...(V5 ? { auth: goodbye } : {})
}

/** Types that have something to vary. */
const COMMON = Object.keys(PACKETS).filter((cmd) => !cmd.startsWith('ping') && (V5 || cmd !== 'disconnect'))

function packet (index) {
  if (index < 2) return { cmd: 'publish', ...publish(2097152 + index * 1000) } // a remaining length of four bytes
  if (index === 2) return { cmd: 'publish', ...publish(), topic: longest() }
  const all = Object.keys(PACKETS)
  const common = chance(0.3) ? ['connect', 'connack', 'publish'] : COMMON
  const cmd = index % 20 === 0 ? all[index / 20 % all.length] : pick(common) // each type in turn, now and then
  return { cmd, ...PACKETS[cmd](cmd) }
}

const generate = encoder()
Buffer.prototype.toJSON = function () { // eslint-disable-line no-extend-native
  return { hex: this.toString('hex') }
}
for (let index = 0; index < COUNT; index++) {
  const made = packet(index)
  const hex = generate(made, { protocolVersion: VERSION }).toString('hex')
  process.stdout.write(JSON.stringify({ hex, packet: made }) + '\n')
}
