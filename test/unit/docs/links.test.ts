/** Every page points to pages that are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const pages = ['.', 'docs'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)

/** What a page links to within the project, without the part after `#`. */
function links(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/```.*?```/gs, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
}

describe('the documentation', () => {
  it('is found, with its links', () => {
    expect(pages).toContain('README.md')
    expect(links('README.md')).toContain('docs/FORMAT.md')
  })

  it.each(pages)('%s points to nothing that is missing', (page) => {
    expect(links(page).filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([])
  })
})
