/** Answers that are none, for any step. */
import type { Bend } from './hostile-vault.ts'

/** Sent on for as long as somebody takes it. */
export const endless: Bend = ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const more = (): void => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
    if (!response.destroyed) response.once('drain', more)
  }
  response.write('{')
  more()
  return 'said'
}

/** A byte now and then, never the last. */
export const slow: Bend = ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
  return 'said'
}

/** Nothing at all, and the connection stays. */
export const silent: Bend = () => 'said'

export const cutOff: Bend = ({ told, response }) => {
  const text = JSON.stringify(told.json)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length })
  response.write(text.slice(0, -5))
  response.on('close', () => undefined)
  setImmediate(() => response.destroy())
  return 'said'
}

export const redirect: Bend = ({ asked, response }) => {
  response.writeHead(307, { location: `http://${asked.headers['host'] ?? ''}${asked.path}` }).end()
  return 'said'
}

export const page: Bend = ({ response }) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>')
  return 'said'
}

export const gatewayError: Bend = ({ response }) => {
  response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>')
  return 'said'
}

export const packed: Bend = ({ told, response }) => {
  response
    .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
    .end(JSON.stringify(told.json))
  return 'said'
}

export const notUtf8: Bend = ({ response }) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from('{"a":"\xff"}', 'latin1'))
  return 'said'
}

export const notHttp: Bend = ({ response }) => {
  response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n')
  return 'said'
}

export const otherFields: Bend = ({ told }) => ({ ...told, json: { ...told.json, more: 1 } })
export const emptyObject: Bend = ({ told }) => ({ ...told, json: {} })
export const oddStatus: Bend = ({ told }) => ({ ...told, status: 201 })
export const wrongRefusal: Bend = () => ({ status: 404, json: { code: 'destroyed', message: 'No.' } })
export const unknownRefusal: Bend = () => ({ status: 418, json: { code: 'teapot', message: 'No.' } })
