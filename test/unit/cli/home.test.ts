import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cofferHome } from '../../../main/cli/home.ts'

const computer = { env: {}, platform: 'linux' as NodeJS.Platform, userHome: '/home/ada', standing: '/somewhere' }

describe('where Coffer keeps what it remembers', () => {
  it('is COFFER_HOME before anything else, from where the person stands', () => {
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      const env = { COFFER_HOME: 'x/y', XDG_DATA_HOME: '/data', APPDATA: '/appdata' }
      expect(cofferHome({ ...computer, platform, env })).toBe('/somewhere/x/y')
    }
  })

  it('is the usual place of each system', () => {
    expect(cofferHome(computer)).toBe('/home/ada/.local/share/coffer')
    expect(cofferHome({ ...computer, env: { XDG_DATA_HOME: '/data' } })).toBe('/data/coffer')
    expect(cofferHome({ ...computer, platform: 'darwin' })).toBe('/home/ada/Library/Application Support/Coffer')
    expect(cofferHome({ ...computer, platform: 'win32', env: { APPDATA: '/appdata' } })).toBe(
      join('/appdata', 'Coffer'),
    )
  })

  it('does not depend on where the person stands when a variable is empty or relative', () => {
    expect(cofferHome({ ...computer, env: { COFFER_HOME: '', XDG_DATA_HOME: 'data' } })).toBe(
      '/home/ada/.local/share/coffer',
    )
  })
})
