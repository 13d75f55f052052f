/** A real desktop session for keychain tests: a D-Bus of its own, and GNOME Keyring in a home of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Session {
  /** For programs that belong to this session. */
  env: NodeJS.ProcessEnv
  /** Ends the bus and everything on it. */
  end(): Promise<void>
}

/** What runs in the session: nothing, a keyring that stays locked, or one unlocked with a password. */
export type Keyring = 'none' | 'locked' | 'unlocked'

/** `home` keeps the keyring's file, so that a later session can open it again. */
export async function startSession(home: string, keyring: Keyring): Promise<Session> {
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: join(home, 'data') }
  const config = join(home, 'bus.conf')
  // Without folders of services, so that nothing is started that the test did not start.
  writeFileSync(config, busConfig(home))
  const daemon = {
    none: ':',
    locked: 'gnome-keyring-daemon --start --components=secrets >&2',
    unlocked: 'printf "a password" | gnome-keyring-daemon --unlock --components=secrets >&2',
  }[keyring]
  // `cat` keeps the session alive until its input is closed.
  const script = `${daemon}; echo "bus $DBUS_SESSION_BUS_ADDRESS"; exec cat`
  const bus = spawn('dbus-run-session', [`--config-file=${config}`, '--', 'sh', '-c', script], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  return { env: { ...env, DBUS_SESSION_BUS_ADDRESS: await addressOf(bus) }, end: () => endSession(bus) }
}

async function addressOf(bus: ChildProcess): Promise<string> {
  if (bus.stdout)
    for await (const line of createInterface(bus.stdout)) if (line.startsWith('bus ')) return line.slice('bus '.length)
  throw new Error('the session did not start: are dbus and gnome-keyring installed?')
}

async function endSession(bus: ChildProcess): Promise<void> {
  if (bus.exitCode !== null) return
  const ended = once(bus, 'exit')
  bus.stdin?.end()
  await ended
}

function busConfig(home: string): string {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=${home}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`
}
