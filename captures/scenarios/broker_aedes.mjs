// aedes on MQTT_PORT, and over WebSocket on MQTT_WS_PORT when that is set. Every password is wonderland;
// the user dormouse is told that the server is unavailable.
import { createServer } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { createRequire } from 'node:module'

const require = createRequire(process.env.NODE_MODULES_OF)
const { Aedes } = require('aedes')
const broker = await Aedes.createBroker()
broker.authenticate = (client, user, password, done) => {
  if (user === 'dormouse') return done(Object.assign(new Error('asleep'), { returnCode: 3 }), false)
  if (!user || password?.toString() === 'wonderland') return done(null, true)
  done(Object.assign(new Error('bad password'), { returnCode: 4 }), false)
}
createServer(broker.handle).listen(Number(process.env.MQTT_PORT), '127.0.0.1')
if (process.env.MQTT_WS_PORT) {
  const { WebSocketServer, createWebSocketStream } = require('ws')
  const http = createHttpServer()
  const server = new WebSocketServer({ server: http, handleProtocols: () => 'mqtt' })
  server.on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request))
  http.listen(Number(process.env.MQTT_WS_PORT), '127.0.0.1')
}
